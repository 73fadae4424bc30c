/*
 * See patch_verdict.h.
 */
#include "collectors/calls/patch_verdict.h"

#include <string.h>

#include "collectors/calls/patch_names.h"
#include "core/symbols/elf_image.h"
#include "core/symbols/plt_stubs.h"

enum { NAME_MAX_BYTES = 256, STUB_BYTES = 16 };

/* Whether the bytes there may be of a stub, which is looked for only then: endbr64, bnd; jmp
 * *WORD(%rip), or push NUMBER. */
static bool may_be_stub(const struct elf_file *elf, uint64_t vaddr)
{
    static const uint8_t endbr64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    const uint8_t *at = elf_file_bytes(elf, vaddr, STUB_BYTES / 2);
    if (at && memcmp(at, endbr64, sizeof endbr64) == 0)
        at += sizeof endbr64;
    return at && (at[0] == 0xff || at[0] == 0xf2 || at[0] == 0x68);
}

/* What speaks against a jump to another function of the file. */
static const char *check_other(const struct patch_module *module,
                               const struct patch_function *function)
{
    const char *reason = patch_names_tail_refusal(function->linkage);
    struct patch_body body;
    size_t size = MIN(function->size, PATCH_FUNCTION_MAX);
    const void *bytes = elf_file_bytes(module->elf, function->entry, size);
    struct patch_code code = {bytes, module->bias + function->entry, size, size};
    if (!reason && bytes && patch_body_read(&code, NULL, NULL, &body))
        reason = "it ends in a call of a function that reads its return address";
    return reason;
}

/* What speaks against a jump to there. */
static const char *check_leave(uint64_t target, bool through, void *data)
{
    const struct patch_module *module = data;
    char name[NAME_MAX_BYTES] = "";
    uint64_t vaddr = target - module->bias;
    const struct patch_function *function =
        module->functions && !through ? patch_functions_find(module->functions, vaddr) : NULL;
    if (function && function->entry == vaddr)
        return check_other(module, function);
    bool found = through ? plt_slot_name(module->elf, vaddr, name, sizeof name)
                         : may_be_stub(module->elf, vaddr) &&
                               plt_stub_name(module->elf, vaddr, name, sizeof name);
    char *suffix = found ? strchr(name, '@') : NULL;
    if (suffix)
        *suffix = '\0';
    return found ? patch_names_tail_refusal(name) : NULL;
}

/* What signal handlers return to: mov $15,%rax, or %eax; syscall. */
static bool is_restorer(const struct patch_code *code)
{
    static const uint8_t wide[] = {0x48, 0xc7, 0xc0, 0x0f, 0, 0, 0, 0x0f, 0x05};
    static const uint8_t narrow[] = {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05};
    return (code->room >= sizeof wide && memcmp(code->bytes, wide, sizeof wide) == 0) ||
           (code->room >= sizeof narrow && memcmp(code->bytes, narrow, sizeof narrow) == 0);
}

const char *patch_verdict(const struct patch_module *module, const struct patch_code *code,
                          struct patch_body *ret_body)
{
    if (module->elf->entry != 0 && code->address == module->bias + module->elf->entry)
        return patch_names_refusal("_start");
    if (is_restorer(code))
        return patch_names_refusal("__restore_rt");
    return patch_body_read(code, check_leave, (void *)module, ret_body);
}

const char *patch_verdict_of_sled(const struct patch_module *module,
                                  const struct patch_function *function)
{
    struct patch_body body;
    size_t size = MIN(function->size, PATCH_FUNCTION_MAX);
    const void *bytes = elf_file_bytes(module->elf, function->entry, size);
    struct patch_code code = {bytes, module->bias + function->entry, size, size};
    return bytes ? patch_verdict(module, &code, &body) : NULL;
}

static bool no_section(const char *name, const Elf64_Shdr *header)
{
    (void)name;
    (void)header;
    return false;
}

const char *patch_verdict_of_file(const struct elf_file *file)
{
    static const char *const sections[] = {".gopclntab", ".data.rel.ro.gopclntab",
                                           ".note.go.buildid"};
    Elf *elf = file->is_64bit ? elf_image_open(file, no_section, NULL) : NULL;
    Elf64_Shdr *header = NULL;
    bool is_go = false;
    for (size_t i = 0; elf && i < G_N_ELEMENTS(sections); i++)
        is_go = is_go || elf_image_section(elf, sections[i], &header);
    elf_end(elf);
    return is_go ? "it is Go code, which moves its stacks" : NULL;
}

/*
 * See patch_change.h. Of a sled the call before the entry stays when it is undone: a thread may be
 * about to execute it.
 */
#include "collectors/calls/patch_change.h"

#include <string.h>

#include "collectors/calls/patch_memory.h"
#include "collectors/calls/patch_names.h"
#include "collectors/calls/patch_sled.h"
#include "collectors/calls/patch_verdict.h"

enum {
    NOP = 0x90,
    STC = 0xf9, /* jmp rel8's displacement, from behind two NOPs at the entry to the call before */
    CMC = 0xf5, /* likewise from behind endbr64 */
    JMP_SHORT = 0xeb,
    JMP = 0xe9,
    CALL = 0xe8,
    PAGE = 4096,
};

static const uint64_t reach_bytes = (UINT64_C(1) << 31) - (64 << 20);

/* Where the code area is mapped near to an address; 0: nowhere. */
static uint64_t area_near(const struct patch_workshop *shop, uint64_t address)
{
    const struct wire_calls *wire = shop->options.wire;
    const uint64_t areas[] = {
        __atomic_load_n(&wire->code_near_program, __ATOMIC_RELAXED),
        __atomic_load_n(&wire->code_near_libraries, __ATOMIC_RELAXED),
    };
    for (size_t i = 0; i < G_N_ELEMENTS(areas); i++) {
        uint64_t distance = areas[i] > address ? areas[i] - address : address - areas[i];
        if (areas[i] && areas[i] % PAGE == 0 && distance < reach_bytes)
            return areas[i];
    }
    return 0;
}

static const char not_the_file[] = "its code is not what its file says";
static const char changed_already[] =
    "its code was changed already, in a process that this one was forked from";

/* ---- sleds ---- */

/* Where the short jump will be. */
static uint64_t sled_jump(const struct patch_change *change)
{
    return change->entry + (change->has_endbr ? PATCH_ENDBR_BYTES : 0);
}

static const char *prepare_sled(struct patch_workshop *shop, const struct patch_module *module,
                                const struct patch_function *function, struct patch_change *change)
{
    const char *reason = patch_verdict_of_sled(module, function);
    if (reason)
        return reason;
    uint64_t area = area_near(shop, change->entry);
    uint64_t enter = __atomic_load_n(&shop->options.wire->enter_sled, __ATOMIC_RELAXED);
    if (!area || !enter)
        return "no room within reach for what it would call";
    if (shop->near_enter != enter) {
        shop->near_offset = patch_stubs_add_near(shop->stubs, enter);
        shop->near_enter = enter;
    }
    if (shop->near_offset == UINT32_MAX)
        return "there is no more room for code";
    change->is_sled = true;
    change->has_endbr = function->has_endbr;
    if (!patch_memory_read(shop->memory_fd, sled_jump(change), &change->first, 1))
        return not_the_file;
    if (change->first == JMP_SHORT)
        return changed_already;
    if (change->first != NOP && change->first != PATCH_SLED_PREFIX)
        return not_the_file;
    change->near = area + shop->near_offset;
    return NULL;
}

/* The two bytes at the entry, back to what they were. */
static bool disarm_sled(int fd, const struct patch_change *change)
{
    static const uint8_t nop = NOP, jump = JMP_SHORT;
    const uint8_t displacement = change->has_endbr ? CMC : STC;
    uint64_t at = sled_jump(change);
    return patch_memory_change(fd, at, &jump, &change->first, 1) &&
           patch_memory_change(fd, at + 1, &displacement, &nop, 1);
}

/* Without the call in front the jump would never end: should another library have come in the midst
 * of this, it is taken back at once. */
static bool arm_sled(int fd, const struct patch_change *change)
{
    static const uint8_t nops[PATCH_SLED_CALL_BYTES] = {NOP, NOP, NOP, NOP, NOP};
    static const uint8_t nop = NOP, jump = JMP_SHORT;
    uint8_t call[PATCH_SLED_CALL_BYTES] = {CALL}, there[PATCH_SLED_CALL_BYTES];
    const uint8_t displacement = change->has_endbr ? CMC : STC;
    uint64_t before = change->entry - PATCH_SLED_CALL_BYTES, at = sled_jump(change);
    int32_t distance = (int32_t)(change->near - change->entry);
    memcpy(call + 1, &distance, sizeof distance);
    if (!patch_memory_change(fd, before, nops, call, sizeof call) ||
        !patch_memory_change(fd, at + 1, &nop, &displacement, 1) ||
        !patch_memory_change(fd, at, &change->first, &jump, 1))
        return false;
    if (patch_memory_read(fd, before, there, sizeof there) && memcmp(there, call, sizeof call) == 0)
        return true;
    disarm_sled(fd, change);
    return false;
}

static bool make_sled(const struct patch_workshop *shop, const struct patch_change *change,
                      bool is_in)
{
    return is_in ? arm_sled(shop->memory_fd, change) : disarm_sled(shop->memory_fd, change);
}

/* ---- sites ---- */

/* Which targets are looked for. */
struct wish {
    const struct patch_workshop *shop;
    uint64_t heap_bytes; /* by which the heap of brk must be able to grow */
};

/* Whether a jump's target can be mapped, or is already. */
static bool target_fits(uint64_t target, void *data)
{
    const struct wish *wish = data;
    const struct patch_workshop *shop = wish->shop;
    uint64_t start = target & ~(uint64_t)(PAGE - 1);
    uint64_t end = (target + PATCH_STUB_BYTES + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    int has = patch_stubs_has(shop->stubs, target);
    return has > 0 || (has == 0 && patch_room_is_free(shop->room, start, end) &&
                       !patch_room_hinders_heap(shop->room, start, wish->heap_bytes));
}

/* Best is a place whose jump leads to where the heap never comes, for it ends there for good. */
static const char *find_site(const struct patch_workshop *shop, const struct patch_code *code,
                             const struct patch_body *body, struct patch_site *ret_site)
{
    static const uint64_t heap_bytes[] = {UINT64_C(4) << 30, UINT64_C(1) << 30, 0};
    const char *reason = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(heap_bytes); i++) {
        struct wish wish = {shop, heap_bytes[i]};
        reason = patch_site_find(code, body, target_fits, &wish, ret_site);
        if (!reason)
            return NULL;
    }
    return reason;
}

/* What speaks against bytes that are not those of the file. */
static const char *compare(const uint8_t *file, const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    while (i < n && file[i] == bytes[i])
        i++;
    if (i == n)
        return NULL;
    return bytes[i] == JMP && memcmp(file + i + 1, bytes + i + 1, n - i - 1) == 0 ? changed_already
                                                                                  : not_the_file;
}

/* Reads the function's code; it must be what its file says. Returns NULL, or why it cannot be
 * changed. */
static const char *read_code(const struct patch_workshop *shop, const struct patch_module *module,
                             const struct patch_function *function, struct patch_code *ret_code)
{
    uint64_t room = function->end - function->entry;
    size_t n = (size_t)MIN(MIN(room, PATCH_FUNCTION_MAX), function->size + PATCH_INSTRUCTION_MAX);
    uint8_t *bytes = g_malloc(n);
    const void *file = elf_file_bytes(module->elf, function->entry, n);
    uint64_t address = module->bias + function->entry;
    const char *reason = file && patch_memory_read(shop->memory_fd, address, bytes, n)
                             ? compare(file, bytes, n)
                             : not_the_file;
    if (reason)
        g_free(bytes);
    else
        *ret_code = (struct patch_code){bytes, address, MIN(function->size, n), n};
    return reason;
}

/* Says how many there are. It stays as it was said first, as more than one function has it. */
static const char *too_many(struct patch_workshop *shop)
{
    if (shop->too_many[0] == '\0')
        g_snprintf(shop->too_many, sizeof shop->too_many,
                   "%u functions are changed already, which is the most; name fewer, or build the "
                   "program with 'proftop cc'",
                   shop->n_sites);
    return shop->too_many;
}

/* Writes a site's block and what its jump leads to. */
static const char *write_site(struct patch_workshop *shop, struct patch_change *change)
{
    struct wire_calls *wire = shop->options.wire;
    uint64_t area = area_near(shop, change->entry);
    uint32_t offset =
        shop->n_sites < WIRE_CALLS_SITES ? patch_stubs_add_block(shop->stubs) : UINT32_MAX;
    if (offset == UINT32_MAX)
        return too_many(shop);
    struct patch_block block = {.address = area + offset,
                                .enter = __atomic_load_n(&wire->enter_site, __ATOMIC_RELAXED),
                                .number = shop->n_sites};
    if (!area || !block.enter ||
        !patch_site_write(&change->site, &block, shop->options.code + offset))
        return "no room within reach for its first instructions";
    uint64_t behind = change->site.address - change->entry;
    shop->options.sites[shop->n_sites++] =
        (struct wire_calls_site){.function = change->entry,
                                 .slot_offset = (uint32_t)change->site.slot_offset,
                                 .behind = (uint32_t)behind};
    change->destination = block.address;
    change->mapping = patch_stubs_add_target(shop->stubs, change->site.target, block.address);
    if (change->mapping != UINT32_MAX)
        return NULL;
    shop->n_sites--;
    return too_many(shop);
}

static const char *prepare_site(struct patch_workshop *shop, const struct patch_module *module,
                                const struct patch_function *function, struct patch_change *change)
{
    struct patch_code code;
    if (function->is_resolver)
        return "it chooses between functions while the program is loaded";
    const char *reason = patch_names_refusal(function->linkage);
    if (reason)
        return reason;
    if (function->size == 0)
        return "its size is not known";
    reason = read_code(shop, module, function, &code);
    if (reason)
        return reason;
    if (!shop->room)
        shop->room = patch_room_read(shop->options.pid);
    struct patch_body body;
    reason = patch_verdict(module, &code, &body);
    if (!reason)
        reason = find_site(shop, &code, &body, &change->site);
    g_free((void *)code.bytes);
    return reason ? reason : write_site(shop, change);
}

/* The jump is made only when what it leads to is there: the segment's word for it is not enough. */
static bool is_target_there(const struct patch_workshop *shop, const struct patch_change *change)
{
    uint8_t stub[PATCH_STUB_BYTES];
    uint64_t target = change->site.target, destination;
    int32_t displacement;
    if (!patch_memory_read(shop->memory_fd, target, stub, sizeof stub) || stub[0] != 0xff ||
        stub[1] != 0x25)
        return false;
    memcpy(&displacement, stub + 2, sizeof displacement);
    return patch_memory_read(shop->memory_fd,
                             target + PATCH_STUB_BYTES + (uint64_t)(int64_t)displacement,
                             &destination, sizeof destination) &&
           destination == change->destination;
}

/* Whether the bytes that stay are what they were. */
static bool are_others_there(const struct patch_workshop *shop, const struct patch_site *site)
{
    uint8_t there[PATCH_INSTRUCTION_MAX];
    if (!patch_memory_read(shop->memory_fd, site->address, there, site->n_bytes))
        return false;
    there[site->jump_offset] = site->bytes[site->jump_offset];
    return memcmp(there, site->bytes, site->n_bytes) == 0;
}

static bool make_site(const struct patch_workshop *shop, const struct patch_change *change,
                      bool is_in)
{
    static const uint8_t jump = JMP;
    const struct patch_site *site = &change->site;
    uint64_t at = site->address + site->jump_offset;
    const uint8_t *own = site->bytes + site->jump_offset;
    if (!are_others_there(shop, site))
        return false;
    if (!is_in)
        return patch_memory_change(shop->memory_fd, at, &jump, own, 1);
    return is_target_there(shop, change) && patch_memory_change(shop->memory_fd, at, own, &jump, 1);
}

/* ---- both ---- */

enum patch_found patch_change_look(const struct patch_workshop *shop,
                                   const struct patch_change *change)
{
    uint8_t there[2];
    const struct patch_site *site = &change->site;
    uint64_t at = change->is_sled ? sled_jump(change) : site->address + site->jump_offset;
    uint64_t stub = change->is_sled ? change->near : 0;
    if (!patch_memory_read(shop->memory_fd, at, there, sizeof there))
        return PATCH_FOUND_NOTHING;
    if (!change->is_sled && there[0] == JMP)
        return PATCH_FOUND_IN;
    if (!change->is_sled)
        return is_target_there(shop, change) ? PATCH_FOUND_OUT : PATCH_FOUND_NOTHING;
    bool is_half = there[1] == (change->has_endbr ? CMC : STC);
    if (is_half)
        return there[0] == JMP_SHORT ? PATCH_FOUND_IN : PATCH_FOUND_HALF;
    return patch_memory_read(shop->memory_fd, stub, there, sizeof there) && there[0] == 0xff
               ? PATCH_FOUND_OUT
               : PATCH_FOUND_NOTHING;
}

const char *patch_change_prepare(struct patch_workshop *shop, const struct patch_module *module,
                                 const struct patch_function *function,
                                 struct patch_change *ret_change)
{
    struct patch_change change = {.entry = module->bias + function->entry};
    if (module->refusal)
        return module->refusal;
    if (module->code_refusal)
        return module->code_refusal;
    const char *reason = function->has_sled ? prepare_sled(shop, module, function, &change)
                                            : prepare_site(shop, module, function, &change);
    if (!reason)
        *ret_change = change;
    return reason;
}

bool patch_change_make(const struct patch_workshop *shop, const struct patch_change *change,
                       bool is_in)
{
    return change->is_sled ? make_sled(shop, change, is_in) : make_site(shop, change, is_in);
}

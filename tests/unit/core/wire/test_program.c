/* Which programs can take the collector: ELF headers are written by hand, byte by byte, into
 * temporary files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/wire/program.h"

#define LOADER "/lib64/ld-linux-x86-64.so.2"

enum { NAMES_AT = 1024, DYNAMIC_AT = 2048, INTERPRETER_AT = 3072, FILE_BYTES = 4096 };

/* A dynamic x86-64 program that needs one library; the tests bend it. */
struct image {
    union {
        char bytes[FILE_BYTES];
        Elf64_Ehdr header;
    };
};

struct fixture {
    char path[64];
    struct program program;
};

static void put_headers(struct image *image, const char *loader)
{
    Elf64_Phdr parts[3] = {
        {.p_type = PT_LOAD, .p_vaddr = 0x1000, .p_filesz = FILE_BYTES},
        {.p_type = PT_DYNAMIC, .p_offset = DYNAMIC_AT, .p_filesz = 3 * sizeof(Elf64_Dyn)},
        {.p_type = PT_INTERP, .p_offset = INTERPRETER_AT, .p_filesz = strlen(loader) + 1},
    };
    memcpy(image->bytes + sizeof(Elf64_Ehdr), parts, sizeof parts);
    strcpy(image->bytes + INTERPRETER_AT, loader);
}

static struct image make_image(const char *loader, const char *library)
{
    struct image image = {.header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1},
                                     .e_type = ET_DYN,
                                     .e_machine = EM_X86_64,
                                     .e_phoff = sizeof(Elf64_Ehdr),
                                     .e_phentsize = sizeof(Elf64_Phdr),
                                     .e_phnum = 3}};
    Elf64_Dyn dynamic[3] = {{.d_tag = DT_NEEDED, .d_un.d_val = 1},
                            {.d_tag = DT_STRTAB, .d_un.d_ptr = 0x1000 + NAMES_AT},
                            {.d_tag = DT_NULL}};
    put_headers(&image, loader);
    memcpy(image.bytes + DYNAMIC_AT, dynamic, sizeof dynamic);
    strcpy(image.bytes + NAMES_AT + 1, library);
    return image;
}

static enum program_verdict judge(struct fixture *fixture, const void *bytes, size_t size)
{
    int fd = open(fixture->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    program_inspect(AT_FDCWD, fixture->path, &fixture->program);
    return fixture->program.verdict;
}

static enum program_verdict judge_image(struct fixture *fixture, const struct image *image)
{
    return judge(fixture, image->bytes, sizeof image->bytes);
}

static enum program_verdict judge_text(struct fixture *fixture, const char *text)
{
    return judge(fixture, text, strlen(text));
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->path, "/tmp/test_program-XXXXXX");
    close(mkstemp(fixture->path));
    chmod(fixture->path, 0755);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->path);
    free(fixture);
    return 0;
}

static void test_dynamic_glibc_program_fits(void **state)
{
    struct image image = make_image(LOADER, "libc.so.6");
    assert_int_equal(judge_image(*state, &image), PROGRAM_FITS);
}

static void test_program_without_loader_is_static(void **state)
{
    struct image image = make_image(LOADER, "libc.so.6");
    image.header.e_phnum = 2;
    assert_int_equal(judge_image(*state, &image), PROGRAM_STATIC);
}

static void test_other_classes_and_machines_do_not_fit(void **state)
{
    struct image image = make_image(LOADER, "libc.so.6");
    image.header.e_machine = EM_RISCV;
    assert_int_equal(judge_image(*state, &image), PROGRAM_OTHER_MACHINE);
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(judge_image(*state, &image), PROGRAM_OTHER_CLASS);
}

static void test_other_loader_is_other_libc(void **state)
{
    struct image image = make_image("/bin/sh", "libc.musl-x86_64.so.1");
    assert_int_equal(judge_image(*state, &image), PROGRAM_OTHER_LIBC);
}

static void test_missing_loader_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct image image = make_image("/lib/ld-musl-none.so.1", "libc.so");
    assert_int_equal(judge_image(fixture, &image), PROGRAM_NO_INTERPRETER);
    assert_string_equal(fixture->program.interpreter, "/lib/ld-musl-none.so.1");
}

static void test_address_sanitizer_must_stay_first(void **state)
{
    struct image image = make_image(LOADER, "libasan.so.8");
    assert_int_equal(judge_image(*state, &image), PROGRAM_SANITIZER_IS_FIRST);
}

static void test_other_users_set_user_id_is_privileged(void **state)
{
    struct fixture *fixture = *state;
    struct image image = make_image(LOADER, "libc.so.6");
    judge_image(fixture, &image);
    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(fixture->path, 65534, 65534), 0);
    assert_int_equal(chmod(fixture->path, 04755), 0);
    program_inspect(AT_FDCWD, fixture->path, &fixture->program);
    assert_int_equal(fixture->program.verdict, PROGRAM_PRIVILEGED);
}

static void test_script_is_judged_by_its_interpreter(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge_text(fixture, "#! /bin/sh -e\ntrue\n"), PROGRAM_FITS);
    assert_int_equal(judge_text(fixture, "#!/no/such thing\n"), PROGRAM_NO_INTERPRETER);
    assert_string_equal(fixture->program.interpreter, "/no/such");
}

static void test_text_and_empty_files_are_no_programs(void **state)
{
    assert_int_equal(judge_text(*state, "echo hello\n"), PROGRAM_NOT_A_PROGRAM);
    assert_int_equal(judge_text(*state, ""), PROGRAM_NOT_A_PROGRAM);
    assert_int_equal(judge_text(*state, "#!\n"), PROGRAM_NOT_A_PROGRAM);
    assert_int_equal(judge_text(*state, "\177ELF and no more"), PROGRAM_BROKEN_ELF);
}

static void test_script_that_interprets_itself_ends(void **state)
{
    struct fixture *fixture = *state;
    char text[128];
    snprintf(text, sizeof text, "#!%s\n", fixture->path);
    assert_int_equal(judge_text(fixture, text), PROGRAM_NOT_A_PROGRAM);
}

static void test_fifo_is_not_opened(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->path);
    assert_int_equal(mkfifo(fixture->path, 0755), 0);
    program_inspect(AT_FDCWD, fixture->path, &fixture->program);
    assert_int_equal(fixture->program.verdict, PROGRAM_UNREADABLE);
}

/* Every prefix and every single corrupted header byte must give some verdict without harm. */
static void test_damaged_files_get_a_verdict(void **state)
{
    struct image image = make_image(LOADER, "libc.so.6");
    for (size_t size = 0; size < 300; size += 7)
        assert_true(judge(*state, image.bytes, size) <= PROGRAM_SANITIZER_IS_FIRST);
    for (size_t i = 4; i < sizeof(Elf64_Ehdr) + 3 * sizeof(Elf64_Phdr); i++) {
        struct image bent = image;
        bent.bytes[i] = (char)~bent.bytes[i];
        assert_true(judge_image(*state, &bent) <= PROGRAM_SANITIZER_IS_FIRST);
    }
}

static void test_every_verdict_has_words(void **state)
{
    (void)state;
    assert_null(program_verdict_text(PROGRAM_FITS));
    for (int i = PROGRAM_FITS + 1; i <= PROGRAM_SANITIZER_IS_FIRST; i++)
        assert_non_null(program_verdict_text((enum program_verdict)i));
}

static void test_sanitizers_are_known_in_a_list_of_libraries(void **state)
{
    (void)state;
    assert_true(program_has_sanitizer("/usr/lib/x.so:/usr/lib/libtsan.so.2"));
    assert_true(program_has_sanitizer("libclang_rt.asan-x86_64.so"));
    assert_false(program_has_sanitizer(""));
    assert_false(program_has_sanitizer("libjemalloc.so.2:libm.so.6"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_dynamic_glibc_program_fits),
        TEST(test_program_without_loader_is_static),
        TEST(test_other_classes_and_machines_do_not_fit),
        TEST(test_other_loader_is_other_libc),
        TEST(test_missing_loader_is_named),
        TEST(test_address_sanitizer_must_stay_first),
        TEST(test_other_users_set_user_id_is_privileged),
        TEST(test_script_is_judged_by_its_interpreter),
        TEST(test_text_and_empty_files_are_no_programs),
        TEST(test_script_that_interprets_itself_ends),
        TEST(test_fifo_is_not_opened),
        TEST(test_damaged_files_get_a_verdict),
        cmocka_unit_test(test_every_verdict_has_words),
        cmocka_unit_test(test_sanitizers_are_known_in_a_list_of_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* ELF files: opening what may be hostile, and reading it. */
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/eh_frame_table.h"
#include "core/base/elf_file.h"
#include "core/base/error.h"

struct fixture {
    char *self;      /* our own binary */
    char *directory; /* for files of the test */
    char *path;      /* one file in it */
};

static int setup(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    f->self = g_file_read_link("/proc/self/exe", NULL);
    f->directory = g_dir_make_tmp("proftop-XXXXXX", NULL);
    f->path = g_build_filename(f->directory, "file", NULL);
    *state = f;
    return f->self && f->directory ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    rmdir(f->directory);
    g_free(f->self);
    g_free(f->directory);
    g_free(f->path);
    g_free(f);
    return 0;
}

static int note_bias(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1; /* the first is the program itself */
}

/* The address as linked of something in our own binary. */
static uint64_t linked(const void *address)
{
    uint64_t bias = 0;
    dl_iterate_phdr(note_bias, &bias);
    return (uintptr_t)address - bias;
}

static void assert_refused(const char *path, const char *why)
{
    GError *error = NULL;
    assert_null(elf_file_open(getpid(), path, 0, 0, &error));
    assert_non_null(error);
    assert_non_null(strstr(error->message, why));
    assert_null(strchr(error->message, '\n'));
    g_error_free(error);
}

static void test_open_reads_the_headers_of_our_own_binary(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->self, &st), 0);
    struct elf_file *file = elf_file_open(getpid(), f->self, st.st_dev, st.st_ino, NULL);
    assert_non_null(file);
    assert_true(file->is_64bit);
    assert_true(file->type == ET_DYN || file->type == ET_EXEC);
    assert_int_equal(file->inode, st.st_ino);
    assert_int_equal(file->build_id_size, 20);
    assert_true(file->n_segments >= 2);
    assert_true(file->eh_frame_hdr != 0);
    assert_string_equal(file->root, "");
    elf_file_unref(file);
}

static void test_open_refuses_another_inode_or_device(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    assert_int_equal(stat(f->self, &st), 0);
    assert_null(elf_file_open(getpid(), f->self, st.st_dev, st.st_ino + 1, NULL));
    assert_null(elf_file_open(getpid(), f->self, st.st_dev + 1, st.st_ino, NULL));
}

/* What lies at the path now is none of ours: not even opened. */
static void test_open_leaves_a_replaced_file_alone(void **state)
{
    struct fixture *f = *state;
    char events[4096];
    struct stat st;
    int watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    assert_true(inotify_add_watch(watch, f->self, IN_OPEN | IN_ACCESS) >= 0);
    assert_int_equal(stat(f->self, &st), 0);
    assert_null(elf_file_open(getpid(), f->self, st.st_dev, st.st_ino + 1, NULL));
    assert_true(read(watch, events, sizeof events) < 0);
    elf_file_unref(elf_file_open(getpid(), f->self, st.st_dev, st.st_ino, NULL));
    assert_true(read(watch, events, sizeof events) > 0); /* the watch works */
    close(watch);
}

static void test_open_refuses_what_is_not_a_file(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_refused(f->path, "not a regular file"); /* and does not block */
    assert_refused(f->directory, "not a regular file");
    assert_refused("/dev/zero", "not a regular file");
    assert_refused("[heap]", "not a file");
    assert_refused("/no/such (deleted)", "deleted");
}

static void test_open_refuses_garbage(void **state)
{
    struct fixture *f = *state;
    assert_true(g_file_set_contents(f->path, "#!/bin/sh\necho no ELF\n", -1, NULL));
    assert_refused(f->path, "not an ELF file");
    assert_true(g_file_set_contents(f->path, "", 0, NULL));
    assert_refused(f->path, "empty");
}

static void test_open_survives_every_truncation(void **state)
{
    struct fixture *f = *state;
    char *bytes;
    size_t size;
    assert_true(g_file_get_contents(f->self, &bytes, &size, NULL));
    for (size_t keep = 1; keep < size; keep += keep / 5 + 1) {
        assert_true(g_file_set_contents(f->path, bytes, (gssize)keep, NULL));
        struct elf_file *file = elf_file_open(getpid(), f->path, 0, 0, NULL);
        uint64_t start;
        if (file)
            eh_frame_table_function(file, linked((void *)linked), &start);
        elf_file_unref(file);
    }
    g_free(bytes);
}

static void test_open_survives_damaged_headers(void **state)
{
    struct fixture *f = *state;
    char *bytes;
    size_t size;
    GRand *rand = g_rand_new_with_seed(3);
    assert_true(g_file_get_contents(f->self, &bytes, &size, NULL));
    for (int round = 0; round < 300; round++) {
        char *damaged = g_memdup2(bytes, size);
        for (int i = 0; i < 8; i++)
            damaged[4 + g_rand_int(rand) % 900] = (char)g_rand_int(rand);
        assert_true(g_file_set_contents(f->path, damaged, (gssize)size, NULL));
        struct elf_file *file = elf_file_open(getpid(), f->path, 0, 0, NULL);
        uint64_t start;
        if (file)
            eh_frame_table_function(file, linked((void *)linked), &start);
        elf_file_unref(file);
        g_free(damaged);
    }
    g_rand_free(rand);
    g_free(bytes);
}

static void test_open_below_stays_in_the_root(void **state)
{
    struct fixture *f = *state;
    char *bytes, *up = g_strconcat("/../../../../..", f->self, NULL);
    size_t size;
    assert_true(g_file_get_contents(f->self, &bytes, &size, NULL));
    assert_true(g_file_set_contents(f->path, bytes, (gssize)size, NULL));
    struct elf_file *file = elf_file_open_below(f->directory, "/file", NULL);
    assert_non_null(file);
    assert_string_equal(file->root, f->directory);
    elf_file_unref(file);
    assert_null(elf_file_open_below(f->directory, up, NULL));
    assert_int_equal(unlink(f->path), 0);
    assert_int_equal(symlink(f->self, f->path), 0);
    assert_null(elf_file_open_below(f->directory, "/file", NULL));
    file = elf_file_open_below("", f->self, NULL);
    assert_non_null(file);
    elf_file_unref(file);
    g_free(bytes);
    g_free(up);
}

static void test_bytes_are_those_in_memory(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "a text that lies in .rodata of this test";
    struct elf_file *file = elf_file_open(getpid(), f->self, 0, 0, NULL);
    const char *read = elf_file_bytes(file, linked(text), sizeof(text));
    assert_non_null(read);
    assert_string_equal(read, text);
    assert_null(elf_file_bytes(file, linked(text), SIZE_MAX));
    assert_null(elf_file_bytes(file, UINT64_MAX - 3, 16));
    elf_file_unref(file);
}

static void test_bytes_fail_softly_when_the_file_shrinks(void **state)
{
    struct fixture *f = *state;
    char *bytes;
    size_t size;
    assert_true(g_file_get_contents(f->self, &bytes, &size, NULL));
    assert_true(g_file_set_contents(f->path, bytes, (gssize)size, NULL));
    struct elf_file *file = elf_file_open(getpid(), f->path, 0, 0, NULL);
    assert_non_null(file);
    assert_non_null(elf_file_at(file, 0, 4));
    assert_int_equal(truncate(f->path, 100), 0);
    assert_memory_equal(elf_file_at(file, 0, 4), ELFMAG, SELFMAG); /* was read before */
    assert_null(elf_file_at(file, size - 64, 64));
    elf_file_unref(file);
    g_free(bytes);
}

static void test_address_of_an_offset(void **state)
{
    struct fixture *f = *state;
    struct elf_file *file = elf_file_open(getpid(), f->self, 0, 0, NULL);
    for (size_t i = 0; i < file->n_segments; i++) {
        uint64_t vaddr = 0;
        assert_true(elf_file_address(file, file->segments[i].offset, &vaddr));
        assert_int_equal(vaddr, file->segments[i].vaddr);
    }
    uint64_t untouched = 42;
    assert_false(elf_file_address(file, UINT64_MAX, &untouched));
    assert_int_equal(untouched, 42);
    elf_file_unref(file);
}

static void test_from_memory_takes_the_vdso(void **state)
{
    (void)state;
    const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
    struct elf_file *file = elf_file_from_memory(image, 4096, "[vdso]");
    assert_non_null(file);
    assert_true(file->eh_frame_hdr != 0);
    assert_ptr_equal(elf_file_at(file, 0, 4), image);
    elf_file_unref(file);
    assert_null(elf_file_from_memory("no ELF at all", 13, "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_reads_the_headers_of_our_own_binary),
        cmocka_unit_test(test_open_refuses_another_inode_or_device),
        cmocka_unit_test(test_open_leaves_a_replaced_file_alone),
        cmocka_unit_test_setup_teardown(test_open_refuses_what_is_not_a_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_refuses_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_survives_every_truncation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_survives_damaged_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_open_below_stays_in_the_root, setup, teardown),
        cmocka_unit_test(test_bytes_are_those_in_memory),
        cmocka_unit_test_setup_teardown(test_bytes_fail_softly_when_the_file_shrinks, setup,
                                        teardown),
        cmocka_unit_test(test_address_of_an_offset),
        cmocka_unit_test(test_from_memory_takes_the_vdso),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

/* What memory is made of: by text as the kernel writes it, and in a child with known mappings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/target/memory_use.h"
#include "core/wire/wire.h"

enum { KB = 1024, MB = 1024 * 1024, PAGE_BYTES = 4096 };

struct mapping_text {
    const char *range; /* and permissions */
    int inode;
    const char *name;
    int rss_kb;
    const char *flags;
};

/* As the kernel writes them. */
static char *text_of(const struct mapping_text *mappings, size_t n)
{
    GString *text = g_string_new(NULL);
    for (const struct mapping_text *m = mappings; m < mappings + n; m++)
        g_string_append_printf(text,
                               "%s 00000000 00:01 %d       %s\nSize:  64 kB\nRss:   %d kB\n"
                               "Pss:   0 kB\nTHPeligible:  0\nVmFlags: rd %s \n",
                               m->range, m->inode, m->name, m->rss_kb, m->flags);
    return g_string_free(text, FALSE);
}

static bool parse(const char *text, const uint64_t *blocks, size_t n, struct memory_use *ret_use)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    bool ok = memory_use_parse(file, blocks, n, ret_use);
    fclose(file);
    return ok;
}

static int64_t sum_of_parts(const struct memory_use *use)
{
    return use->allocator_bytes + use->anonymous_bytes + use->stack_bytes + use->file_bytes +
           use->shared_bytes + use->proftop_bytes;
}

/* What the text says, no block known. */
static struct memory_use use_of(const char *text)
{
    struct memory_use use;
    assert_true(parse(text, NULL, 0, &use));
    assert_int_equal(use.rss_bytes, sum_of_parts(&use));
    return use;
}

/* What is said of these mappings and blocks. */
static struct memory_use use_with(const struct mapping_text *mappings, size_t n_mappings,
                                  const uint64_t *blocks, size_t n)
{
    struct memory_use use;
    char *text = text_of(mappings, n_mappings);
    assert_true(parse(text, blocks, n, &use));
    assert_int_equal(use.rss_bytes, sum_of_parts(&use));
    g_free(text);
    return use;
}

static void test_names_of_the_kernel_are_believed(void **state)
{
    (void)state;
    static const struct mapping_text mappings[] = {
        {"1000-9000 r-xp", 7, "/bin/app", 1, "mr"},
        {"9000-a000 rw-p", 0, "[heap]", 2, "mr"},
        {"a000-b000 rw-p", 0, "[anon: glibc: malloc arena]", 2, "mr"},
        {"10000-20000 rw-p", 0, "[anon: glibc: pthread stack: 12]", 4, "mr"},
        {"20000-30000 rw-p", 0, "[stack:12]", 4, "mr"},
        {"30000-40000 rw-p", 0, "[stack]", 8, "gd"},
        {"40000-50000 r--p", 0, "[vvar]", 0, "mr"},
        {"50000-60000 r-xp", 0, "[vdso]", 1, "mr"},
        {"60000-70000 rw-p", 0, "[anon:cache]", 32, "mr"},
        {"ffffffffff600000-ffffffffff601000 --xp", 0, "[vsyscall]", 0, "mr"},
    };
    struct memory_use use = use_with(mappings, G_N_ELEMENTS(mappings), NULL, 0);
    assert_int_equal(use.file_bytes, 2 * KB);
    assert_int_equal(use.allocator_bytes, 4 * KB);
    assert_int_equal(use.stack_bytes, 16 * KB);
    assert_int_equal(use.anonymous_bytes, 32 * KB);
    assert_int_equal(use.rss_bytes, 54 * KB);
}

static void test_shared_memory_is_told_from_files_by_its_name(void **state)
{
    (void)state;
    static const struct mapping_text mappings[] = {
        {"10000-20000 rw-s", 5, "/memfd:" WIRE_SEGMENT_NAME " (deleted)", 1, "mr"},
        {"20000-30000 rw-s", 6, "/memfd:" WIRE_SEGMENT_NAME "2 (deleted)", 2, "mr"},
        {"30000-40000 rw-p", 6, "/memfd:x (deleted)", 2, "mr"},
        {"40000-50000 rw-s", 7, "/dev/zero (deleted)", 4, "mr"},
        {"50000-60000 rw-s", 8, "/SYSV00000000 (deleted)", 8, "mr"},
        {"60000-70000 rw-s", 8, "[anon_shmem:pool]", 8, "mr"},
        {"70000-80000 rw-p", 9, "/dev/zero", 16, "mr"},
        {"80000-90000 rw-s", 9, "/tmp/[heap]", 32, "mr"},
        {"90000-a0000 rw-s", 9, "[heap]", 32, "mr"},
    };
    struct memory_use use = use_with(mappings, G_N_ELEMENTS(mappings), NULL, 0);
    assert_int_equal(use.proftop_bytes, KB);
    assert_int_equal(use.shared_bytes, 24 * KB);
    assert_int_equal(use.anonymous_bytes, 16 * KB);
    assert_int_equal(use.file_bytes, 64 * KB);
}

static void test_memory_with_a_block_is_the_allocators(void **state)
{
    (void)state;
    static const struct mapping_text mappings[] = {
        {"7f0000000000-7f0000010000 rw-p", 0, "", 1, "mr"},
        {"7f0000010000-7f0000020000 ---p", 0, "", 0, "mr"},
        {"7f0000020000-7f0000030000 rw-p", 0, "", 2, "mr"},
        {"7f0000030000-7f0000040000 r--p", 0, "", 4, "mr"},
        {"7f0000040000-7f0000050000 rw-p", 0, "[anon:scudo:primary]", 8, "mr"},
        {"7f0000050000-7f0000060000 rw-s", 3, "/dev/zero (deleted)", 16, "mr"},
        {"7f0000060000-7f0000070000 rw-p", 4, "/bin/app", 32, "mr"},
    };
    const uint64_t first_and_last[] = {0x7f0000020000, 0x7f000004ffff, 0x7f0000020010};
    struct memory_use use = use_with(mappings, G_N_ELEMENTS(mappings), first_and_last, 3);
    assert_int_equal(use.allocator_bytes, 10 * KB);
    assert_int_equal(use.anonymous_bytes, 5 * KB);
    const uint64_t elsewhere[] = {0,
                                  0x7effffffffff,
                                  0x7f0000010000,
                                  0x7f0000030000,
                                  0x7f0000050000,
                                  0x7f0000060000,
                                  0x7f0000070000,
                                  UINT64_MAX};
    use = use_with(mappings, G_N_ELEMENTS(mappings), elsewhere, 8);
    assert_int_equal(use.allocator_bytes, 0);
    assert_int_equal(use.anonymous_bytes, 15 * KB);
    assert_int_equal(use.shared_bytes, 16 * KB);
    assert_int_equal(use.file_bytes, 32 * KB);
}

static void test_memory_above_a_guard_is_a_stack_when_flagged_so(void **state)
{
    (void)state;
    static const struct mapping_text mappings[] = {
        {"10000-11000 ---p", 0, "", 0, "nh"},
        {"11000-20000 rw-p", 0, "", 1, "nh"},
        {"20000-30000 rw-p", 0, "", 2, "nh"}, /* no guard */
        {"30000-31000 ---p", 0, "", 0, "nh"},
        {"31000-40000 rw-p", 0, "", 4, "mr"}, /* not flagged */
        {"40000-41000 ---p", 0, "", 0, "mr"},
        {"41000-50000 rw-p", 0, "", 8, "nh"}, /* the guard is not */
        {"50000-51000 ---p", 0, "", 0, "nh"},
        {"52000-60000 rw-p", 0, "", 16, "nh"}, /* not adjacent */
    };
    struct memory_use use = use_with(mappings, G_N_ELEMENTS(mappings), NULL, 0);
    assert_int_equal(use.stack_bytes, KB);
    assert_int_equal(use.anonymous_bytes, 30 * KB);
    const uint64_t block = 0x12000;
    use = use_with(mappings, G_N_ELEMENTS(mappings), &block, 1);
    assert_int_equal(use.stack_bytes, 0);
    assert_int_equal(use.allocator_bytes, KB);
}

static void test_names_cannot_pass_for_lines(void **state)
{
    (void)state;
    static const struct mapping_text mappings[] = {
        {"10000-20000 r--p", 5, "/tmp/a\\012Rss: 999 kB\\0121-2 rw-p [heap]", 1, "mr"},
        {"20000-30000 r--p", 5, "/tmp/Rss: 99 kB VmFlags: gd \t\xff %s", 2, "mr"},
    };
    struct memory_use use = use_with(mappings, G_N_ELEMENTS(mappings), NULL, 0);
    assert_int_equal(use.file_bytes, 3 * KB);
    assert_int_equal(use.rss_bytes, 3 * KB);
}

static void test_a_long_name_is_read_whole(void **state)
{
    (void)state;
    char *name = g_strnfill(200000, 'x');
    char *text = g_strconcat("10000-20000 r--p 0 00:01 5  /", name,
                             "\nRss: 1 kB\n20000-30000 rw-p 0 00:00 0 \nRss: 2 kB\n", NULL);
    struct memory_use use = use_of(text);
    assert_int_equal(use.file_bytes, KB);
    assert_int_equal(use.anonymous_bytes, 2 * KB);
    g_free(text);
    g_free(name);
}

static void test_what_is_not_understood_is_not_counted(void **state)
{
    (void)state;
    struct memory_use use =
        use_of("Rss: 7 kB\n\nVmFlags: gd\nabc\n1-\n"
               "10000-20000 rw-p 0 0:0 0 \nRss: 1 kB\n"
               "18000-28000 rw-p 0 0:0 0 \nRss: 8 kB\n" /* overlaps */
               "50000-40000 rw-p 0 0:0 0 \nRss: 8 kB\n" /* ends before it begins */
               "60000-70000 rw\nRss: 8 kB\n"
               "70000-71000 rw-p 0 0:0 0 \nRss: 18446744073709551615 kB\n" /* more than it has */
               "80000-90000 rw-p 0 0:0 0 \nRss: -\n"
               "ffffffffffff0000-fffffffffffff000 rw-p 0 0:0 0 \nRss: 8 kB\n"
               "90000-a0000 rw-p 0 0:0 0 ");
    assert_int_equal(use.rss_bytes, 1 * KB + PAGE_BYTES);
}

static void test_text_without_mappings_is_no_answer(void **state)
{
    (void)state;
    struct memory_use use = {.rss_bytes = 42};
    assert_false(parse("\n", NULL, 0, &use));
    assert_false(parse("Rss: 5 kB\n", NULL, 0, &use));
    assert_int_equal(use.rss_bytes, 42);
}

static void test_add_adds_every_part(void **state)
{
    (void)state;
    struct memory_use sum = {1, 2, 3, 4, 5, 6, 7};
    memory_use_add(&sum, &(struct memory_use){10, 20, 30, 40, 50, 60, 70});
    assert_memory_equal(&sum, (&(struct memory_use){11, 22, 33, 44, 55, 66, 77}), sizeof sum);
}

static pid_t child;
static int from_child = -1, to_child = -1;

/* Memory between guards, so that the kernel merges it with no other. */
static char *map_alone(size_t size)
{
    char *all = mmap(NULL, size + 2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(all + PAGE_BYTES, size, PROT_READ | PROT_WRITE);
    return all + PAGE_BYTES;
}

static void *fill_stack(void *arg)
{
    volatile char room[MB];
    for (size_t i = 0; i < sizeof room; i += PAGE_BYTES)
        room[i] = 1;
    uint64_t block = (uint64_t)(uintptr_t)arg;
    if (write(from_child, &block, sizeof block) != sizeof block)
        _exit(1);
    for (;;)
        pause();
    return NULL;
}

static char *map_memfd(const char *name, size_t size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (ftruncate(fd, (off_t)size) != 0)
        _exit(1);
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

/* 10 MB of mmap(), 20 of malloc(), 6 of shared memory, 2 of proftop's, 4 of a file, 1 of stack. */
static void live_in_child(void)
{
    char byte, name[] = "/tmp/test_memory_use.XXXXXX";
    int fd = mkstemp(name);
    unlink(name);
    if (read(to_child, &byte, 1) != 1 || fd < 0 || ftruncate(fd, 4 * MB) != 0)
        _exit(1);
    memset(map_alone(10 * MB), 1, 10 * MB);
    char *block = malloc(20 * MB);
    memset(block, 1, 20 * MB);
    memset(map_memfd("shared", 6 * MB), 1, 6 * MB);
    memset(map_memfd(WIRE_SEGMENT_NAME, 2 * MB), 1, 2 * MB);
    memset(mmap(NULL, 4 * MB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), 1, 4 * MB);
    pthread_t thread;
    pthread_create(&thread, NULL, fill_stack, block);
    pthread_join(thread, NULL);
    _exit(0);
}

static int start_child(void **state)
{
    (void)state;
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    child = fork();
    if (child == 0) {
        to_child = in[0];
        from_child = out[1];
        close(in[1]);
        live_in_child();
    }
    to_child = in[1];
    from_child = out[0];
    close(in[0]);
    close(out[1]);
    return 0;
}

static void end_child(void)
{
    siginfo_t info;
    kill(child, SIGKILL);
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
}

static int bury_child(void **state)
{
    (void)state;
    end_child();
    waitpid(child, NULL, 0);
    close(from_child);
    close(to_child);
    return 0;
}

static struct memory_use read_child(const uint64_t *blocks, size_t n)
{
    struct memory_use use;
    assert_true(memory_use_read(child, blocks, n, &use));
    assert_int_equal(use.rss_bytes, sum_of_parts(&use));
    return use;
}

/* At least `size` more than before, and little on top: that is what a sanitizer puts there. */
static void assert_grown(int64_t before, int64_t after, int64_t size)
{
    assert_in_range(after - before, size, size + 4 * MB);
}

static void test_parts_are_those_of_a_child(void **state)
{
    (void)state;
    uint64_t block;
    struct memory_use before = read_child(NULL, 0);
    assert_true(before.file_bytes > 0);
    assert_true(before.stack_bytes > 0);
    assert_int_equal(write(to_child, "x", 1), 1);
    assert_int_equal(read(from_child, &block, sizeof block), sizeof block);
    struct memory_use after = read_child(&block, 1);
    assert_grown(before.allocator_bytes, after.allocator_bytes, 20 * MB);
    assert_grown(before.shared_bytes, after.shared_bytes, 6 * MB);
    assert_grown(before.file_bytes, after.file_bytes, 4 * MB);
    assert_int_equal(after.proftop_bytes - before.proftop_bytes, 2 * MB);
    /* The thread's stack is known as such on newer kernels only. */
    assert_grown(before.anonymous_bytes + before.stack_bytes,
                 after.anonymous_bytes + after.stack_bytes, 11 * MB);
    assert_true(after.stack_bytes - before.stack_bytes < 2 * MB);
    struct memory_use unknown = read_child(NULL, 0);
    assert_grown(after.anonymous_bytes, unknown.anonymous_bytes, 20 * MB);
}

static void test_ended_process_has_no_memory(void **state)
{
    (void)state;
    struct memory_use use = {.rss_bytes = 42};
    end_child();
    assert_false(memory_use_read(child, NULL, 0, &use));
    waitpid(child, NULL, 0);
    assert_false(memory_use_read(child, NULL, 0, &use));
    assert_int_equal(use.rss_bytes, 42);
    start_child(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_the_kernel_are_believed),
        cmocka_unit_test(test_shared_memory_is_told_from_files_by_its_name),
        cmocka_unit_test(test_memory_with_a_block_is_the_allocators),
        cmocka_unit_test(test_memory_above_a_guard_is_a_stack_when_flagged_so),
        cmocka_unit_test(test_names_cannot_pass_for_lines),
        cmocka_unit_test(test_a_long_name_is_read_whole),
        cmocka_unit_test(test_what_is_not_understood_is_not_counted),
        cmocka_unit_test(test_text_without_mappings_is_no_answer),
        cmocka_unit_test(test_add_adds_every_part),
        cmocka_unit_test_setup_teardown(test_parts_are_those_of_a_child, start_child, bury_child),
        cmocka_unit_test_setup_teardown(test_ended_process_has_no_memory, start_child, bury_child),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

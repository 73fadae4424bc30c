/* The symbol thread: every request is answered once, and it can be stopped at any time. */
#include <pthread.h>
#include <unistd.h>

#include "core/symbols/symbol_worker.h"
#include "tests/unit/core/symbols/symbol_fixture.h"

enum { REQUESTS = 2000 };

struct answers {
    pthread_mutex_t lock;
    int count[REQUESTS];
    size_t n_lines[REQUESTS];
    char names[REQUESTS][32];
};

static void take_answer(void *arg, uint32_t frame, const struct symbol_line *lines, size_t n)
{
    struct answers *answers = arg;
    pthread_mutex_lock(&answers->lock);
    answers->count[frame]++;
    answers->n_lines[frame] = n;
    if (n > 0)
        g_strlcpy(answers->names[frame], lines[n - 1].name, sizeof(answers->names[frame]));
    pthread_mutex_unlock(&answers->lock);
}

static struct answers *answers_new(void)
{
    struct answers *answers = g_new0(struct answers, 1);
    pthread_mutex_init(&answers->lock, NULL);
    return answers;
}

static void answers_free(struct answers *answers)
{
    pthread_mutex_destroy(&answers->lock);
    g_free(answers);
}

static void submit_many(struct symbol_worker *worker, struct elf_file *elf, uint64_t address)
{
    for (uint32_t i = 0; i < REQUESTS; i++) {
        struct symbol_request request = {
            .frame = i, .kind = SYMBOL_ELF, .elf = elf, .address = address + i % 4};
        symbol_worker_submit(worker, &request);
    }
}

static void test_every_request_is_answered_once(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    struct answers *answers = answers_new();
    struct symbol_worker *worker = symbol_worker_new(take_answer, answers);
    struct elf_file *elf = fixture_open(f, "libfixture.so");
    (void)state;
    submit_many(worker, elf, f->exported);
    elf_file_unref(elf); /* the requests hold their own references */
    assert_true(symbol_worker_wait_idle(worker, -1));
    assert_int_equal(symbol_worker_pending(worker), 0);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(answers->count[i], 1);
        assert_string_equal(answers->names[i], "exported");
    }
    symbol_worker_free(worker);
    answers_free(answers);
    fixture_free(f);
}

static void test_free_drops_pending_work(void **state)
{
    struct symbol_fixture *f = fixture_new("-g", "-O1");
    struct answers *answers = answers_new();
    struct symbol_worker *worker = symbol_worker_new(take_answer, answers);
    struct elf_file *elf = fixture_open(f, "libfixture.so");
    (void)state;
    submit_many(worker, elf, f->exported);
    symbol_worker_free(worker);
    for (int i = 0; i < REQUESTS; i++)
        assert_true(answers->count[i] <= 1);
    assert_int_equal(elf->ref_count, 1); /* nothing keeps the file */
    elf_file_unref(elf);
    answers_free(answers);
    fixture_free(f);
}

static void test_unused_worker_has_no_thread_to_stop(void **state)
{
    struct symbol_worker *worker = symbol_worker_new(take_answer, NULL);
    (void)state;
    assert_true(symbol_worker_wait_idle(worker, 0));
    symbol_worker_free(worker);
    symbol_worker_free(NULL);
}

static void test_jit_and_unknown_addresses(void **state)
{
    char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());
    struct answers *answers = answers_new();
    struct symbol_worker *worker = symbol_worker_new(take_answer, answers);
    const struct symbol_request requests[] = {
        {.frame = 0, .kind = SYMBOL_JIT, .pid = getpid(), .address = 0x1008},
        {.frame = 1, .kind = SYMBOL_JIT, .pid = getpid(), .address = 0x2000},
        {.frame = 2, .kind = SYMBOL_ELF, .elf = NULL, .address = 0x1008},
    };
    (void)state;
    assert_true(g_file_set_contents(path, "1000 10 _ZN2ns1fEi\n", -1, NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(requests); i++)
        symbol_worker_submit(worker, &requests[i]);
    assert_true(symbol_worker_wait_idle(worker, -1));
    assert_string_equal(answers->names[0], "ns::f(int)");
    for (int i = 1; i < 3; i++) {
        assert_int_equal(answers->count[i], 1);
        assert_int_equal(answers->n_lines[i], 0);
    }
    symbol_worker_free(worker);
    answers_free(answers);
    g_unlink(path);
    g_free(path);
}

static void test_kernel_request_is_answered(void **state)
{
    char *cache = g_dir_make_tmp("test-worker-XXXXXX", NULL);
    struct answers *answers = answers_new();
    struct symbol_worker *worker = symbol_worker_new(take_answer, answers);
    const struct symbol_request request = {.kind = SYMBOL_KERNEL, .address = 1};
    (void)state;
    g_setenv("XDG_CACHE_HOME", cache, TRUE);
    symbol_worker_submit(worker, &request);
    assert_true(symbol_worker_wait_idle(worker, -1));
    assert_int_equal(answers->count[0], 1);
    assert_int_equal(answers->n_lines[0], 0);
    symbol_worker_free(worker);
    answers_free(answers);
    FIXTURE_RUN("/", "rm", "-rf", cache);
    g_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_request_is_answered_once),
        cmocka_unit_test(test_free_drops_pending_work),
        cmocka_unit_test(test_unused_worker_has_no_thread_to_stop),
        cmocka_unit_test(test_jit_and_unknown_addresses),
        cmocka_unit_test(test_kernel_request_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

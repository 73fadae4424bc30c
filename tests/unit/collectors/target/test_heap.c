/*
 * The recording of allocations in a real process: this program starts itself with the collector in
 * front, as a child that plays a scene and writes down what it did; what the segment says must be
 * the same.
 */
#include "tests/unit/collectors/target/heap_fixture.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

enum { SLOTS = 256 };

static int64_t all_live, all_peak;

struct slot {
    void *block;
    size_t size;
    int site;
};
static struct slot slots[SLOTS];
static const struct slot *last_slot; /* allocated just before */

static void account_free(const struct slot *slot)
{
    struct account *account = &accounts[slot->site];
    account->frees++;
    account->temporary += slot == last_slot;
    account->live_bytes -= (int64_t)slot->size;
    all_live -= (int64_t)slot->size;
}

static void account_alloc(const struct slot *slot)
{
    struct account *account = &accounts[slot->site];
    account->allocs++;
    account->alloc_bytes += slot->size;
    account->live_bytes += (int64_t)slot->size;
    account->own_peak_bytes = MAX(account->own_peak_bytes, account->live_bytes);
    all_live += (int64_t)slot->size;
    last_slot = slot;
    if (all_live <= all_peak)
        return;
    all_peak = all_live;
    for (int i = 0; i < SITES; i++) {
        accounts[i].peak_bytes = accounts[i].live_bytes;
        accounts[i].peak_blocks = (int64_t)(accounts[i].allocs - accounts[i].frees);
    }
}

static void act(struct slot *slot, uint32_t random)
{
    size_t size = random >> 8 & 0xfff;
    int site = (int)(random >> 20 & 3);
    if (slot->block && (random & 3) == 0 && size > 0) {
        account_free(slot);
        *slot = (struct slot){sites[site](slot->block, size), size, site};
        account_alloc(slot);
        accounts[site].reallocs++;
    } else if (slot->block) {
        account_free(slot);
        last_slot = slot == last_slot ? NULL : last_slot;
        free(slot->block);
        slot->block = NULL;
    } else {
        *slot = (struct slot){sites[site](NULL, size), size, site};
        account_alloc(slot);
    }
}

/* The first block makes sure that the peak is in this scene. */
static void play_random(void)
{
    uint32_t random = 12345;
    slots[0] = (struct slot){sites[0](NULL, 64 << 20), 64 << 20, 0};
    account_alloc(&slots[0]);
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        act(&slots[1 + (random >> 24) % (i % 3 ? SLOTS - 1 : 3)], random * 2654435761u);
    }
}

static struct slot *shared_slots[64];

static void *swap_blocks(void *data)
{
    uint32_t random = (uint32_t)(uintptr_t)data * 7919 + 1;
    for (int i = 0; i < 50000; i++) {
        random = random * 1664525 + 1013904223;
        void **place = (void **)&shared_slots[random >> 16 & 63];
        void *block = __atomic_exchange_n(place, NULL, __ATOMIC_ACQ_REL);
        if (block && random >> 30 == 0) {
            free(block);
            continue;
        }
        block = sites[random >> 28 & 3](block, 1 + (random >> 8 & 0x3ff));
        block = __atomic_exchange_n(place, block, __ATOMIC_ACQ_REL);
        free(block);
    }
    return NULL;
}

static void run_threads(int n, void *(*function)(void *))
{
    pthread_t threads[16];
    for (int i = 0; i < n; i++)
        pthread_create(&threads[i], NULL, function, (void *)(uintptr_t)(i + 1));
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
}

static void play_threads(void)
{
    run_threads(8, swap_blocks);
    for (int i = 0; i < 64; i++)
        free(shared_slots[i]);
}

static void *short_thread(void *data)
{
    free(sites[0](NULL, 100));
    return data;
}

static void play_many_threads(void)
{
    for (int i = 0; i < 10000; i++)
        run_threads(1, short_thread);
    accounts[0].allocs = accounts[0].frees = accounts[0].temporary = 10000;
}

static sigjmp_buf escape;
static uintptr_t library_start;
static volatile int n_escapes;

/* Leaves code of the collector, which is in no function of libc's then. */
static void jump_out(int number, siginfo_t *info, void *data)
{
    const ucontext_t *context = data;
    uintptr_t at = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    (void)number;
    (void)info;
    if (at - library_start >= 0x40000)
        return;
    n_escapes++;
    siglongjmp(escape, 1);
}

static void handle_alarms(void (*handler)(int, siginfo_t *, void *), int microseconds)
{
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct itimerval timer = {.it_interval.tv_usec = microseconds,
                              .it_value.tv_usec = microseconds};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_alarms(void)
{
    struct itimerval none = {.it_value.tv_usec = 0};
    setitimer(ITIMER_REAL, &none, NULL);
}

static __attribute__((noinline)) void churn_until_torn(void)
{
    for (;;)
        free(site_3(NULL, 50));
}

static void play_escapes(void)
{
    Dl_info library;
    dladdr((void *)malloc, &library);
    library_start = (uintptr_t)library.dli_fbase;
    handle_alarms(jump_out, 300);
    while (n_escapes < 200)
        if (sigsetjmp(escape, 1) == 0)
            churn_until_torn();
    stop_alarms();
    for (int i = 0; i < 1000; i++)
        free(site_0(NULL, 50));
    accounts[0].allocs = accounts[0].frees = accounts[0].temporary = 1000;
    accounts[0].alloc_bytes = 50000;
}

static void allocate_in_handler(int number, siginfo_t *info, void *data)
{
    const ucontext_t *context = data;
    uintptr_t at = (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
    (void)number;
    (void)info;
    if (at - library_start >= 0x40000)
        return;
    free(site_1(NULL, 30));
    n_escapes++;
}

static void play_handlers(void)
{
    Dl_info library;
    dladdr((void *)malloc, &library);
    library_start = (uintptr_t)library.dli_fbase;
    handle_alarms(allocate_in_handler, 300);
    for (uint64_t i = 0; n_escapes < 200; i++) {
        free(site_0(NULL, 50));
        accounts[0].allocs++;
    }
    stop_alarms();
    accounts[0].frees = accounts[0].temporary = accounts[0].allocs;
    accounts[0].alloc_bytes = accounts[0].allocs * 50;
}

static void play_sampled(void)
{
    for (int i = 0; i < 100000; i++) {
        int site = i % SITES;
        size_t size = (size_t)16 << 3 * site;
        void *block = sites[site](NULL, size);
        accounts[site].allocs++;
        accounts[site].alloc_bytes += size;
        accounts[site].frees += i % 8 < SITES;
        if (i % 8 < SITES)
            free(block);
        else
            accounts[site].live_bytes += (int64_t)size;
    }
}

static void play_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 1000; i++)
            free(site_0(malloc(10), 1000));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    free(site_0(NULL, 10));
    accounts[0].allocs = accounts[0].frees = accounts[0].temporary = 1;
    accounts[0].alloc_bytes = 10;
}

static const struct scene scenes[] = {
    {"random", play_random},     {"threads", play_threads},
    {"many", play_many_threads}, {"escapes", play_escapes},
    {"child", play_child},       {"handlers", play_handlers},
    {"sampled", play_sampled},   {NULL, NULL},
};

static void test_rows_are_those_of_a_model_when_ops_are_random(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_heap *heap = watch(fixture, "random");
    for (int i = 0; i < SITES; i++) {
        const struct account *expected = &fixture->accounts[i];
        struct wire_heap_row row = sum_of_site(fixture, i);
        assert_true(expected->allocs > 1000);
        assert_int_equal(row.allocs, expected->allocs);
        assert_int_equal(row.alloc_bytes, expected->alloc_bytes);
        assert_int_equal(row.frees, expected->frees);
        assert_int_equal(row.reallocs, expected->reallocs);
        assert_int_equal(row.live_bytes, expected->live_bytes);
        assert_int_equal(row.peak_bytes, expected->peak_bytes);
        assert_int_equal(row.peak_blocks, expected->peak_blocks);
        assert_int_equal(row.temporary, expected->temporary);
        assert_true(row.own_peak_bytes >= expected->own_peak_bytes);
    }
    assert_true(heap->peak_bytes > 64 << 20);
    check_live(fixture);
}

static void test_nothing_is_left_when_threads_swap_blocks(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "threads");
    uint64_t allocs = 0;
    for (int i = 0; i < SITES; i++) {
        struct wire_heap_row row = sum_of_site(fixture, i);
        assert_int_equal(row.live_bytes, 0);
        assert_int_equal(row.allocs, row.frees);
        allocs += row.allocs;
    }
    assert_true(allocs > 8 * 20000);
    assert_int_equal(sum_of_lanes(fixture).unknown_frees, 0);
    check_live(fixture);
}

static void test_short_threads_share_a_few_lanes(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_heap *heap = watch(fixture, "many");
    struct wire_heap_row row = sum_of_site(fixture, 0);
    assert_int_equal(row.allocs, 10000);
    assert_int_equal(row.frees, 10000);
    assert_int_equal(row.temporary, 10000);
    assert_true(sum_of_lanes(fixture).tid < 32);
    assert_true(heap->n_blocks < 10000);
}

static void test_calls_are_recorded_again_after_a_hook_was_left(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "escapes");
    struct wire_heap_row row = sum_of_site(fixture, 0);
    assert_int_equal(row.allocs, 1000);
    assert_int_equal(row.frees, 1000);
    assert_int_equal(row.alloc_bytes, 50000);
}

static void test_handler_within_a_hook_is_counted_not_recorded(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "handlers");
    struct wire_heap_row row = sum_of_site(fixture, 0), handlers = sum_of_site(fixture, 1);
    struct wire_heap_lane lane = sum_of_lanes(fixture);
    assert_int_equal(row.allocs, fixture->accounts[0].allocs);
    assert_int_equal(row.frees, fixture->accounts[0].frees);
    assert_true(lane.unrecorded > 0);
    assert_in_range(lane.unrecorded + handlers.allocs, 200, 202);
    check_live(fixture);
}

static void test_unfollowed_child_leaves_the_parents_heap_alone(void **state)
{
    struct fixture *fixture = *state;
    watch(fixture, "child");
    struct wire_heap_row row = sum_of_site(fixture, 0);
    assert_int_equal(row.allocs, 1);
    assert_int_equal(row.frees, 1);
    check_live(fixture);
}

static void test_estimates_are_near_the_truth_when_sampled(void **state)
{
    struct fixture *fixture = *state;
    fixture->mode = WIRE_HEAP_SAMPLED;
    watch(fixture, "sampled");
    struct wire_heap_lane lane = sum_of_lanes(fixture);
    assert_true(lane.allocs >= 100000);
    assert_int_equal(lane.unrecorded, 0);
    for (int i = 0; i < SITES; i++) {
        struct wire_heap_row row = sum_of_site(fixture, i);
        double error = (double)row.alloc_bytes - (double)fixture->accounts[i].alloc_bytes;
        assert_true(row.sampled > 10);
        assert_true(error * error < 25 * (double)row.variance_bytes2);
        assert_true((double)row.frees < 0.75 * (double)row.allocs);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows_are_those_of_a_model_when_ops_are_random),
        TEST(test_nothing_is_left_when_threads_swap_blocks),
        TEST(test_short_threads_share_a_few_lanes),
        TEST(test_calls_are_recorded_again_after_a_hook_was_left),
        TEST(test_handler_within_a_hook_is_counted_not_recorded),
        TEST(test_unfollowed_child_leaves_the_parents_heap_alone),
        TEST(test_estimates_are_near_the_truth_when_sampled),
    };
    if (argc == 3)
        return play(argv[1], argv[2], scenes);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The recording of allocations in a real process: this program starts itself with the collector in
 * front, as a child that plays a scene and writes down what it did; what the segment says must be
 * the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "collectors/heap/heap_layout.h"
#include "core/session/listener.h"
#include "core/target/launch.h"
#include "core/wire/wire_heap.h"

enum { SITES = 4, SLOTS = 256, SITE_BYTES = 256, SAMPLE_BYTES = 4096 };

/* ---- the child ---- */

/* What was done at a site; the child's own account. */
struct account {
    uint64_t address; /* of the site's function */
    uint64_t allocs, alloc_bytes, frees, reallocs, temporary;
    int64_t live_bytes, own_peak_bytes, peak_bytes, peak_blocks;
};

static struct account accounts[SITES];
static int64_t all_live, all_peak;

#define SITE(n)                                                                                    \
    static __attribute__((noinline, aligned(SITE_BYTES))) void *site_##n(void *old, size_t size)   \
    {                                                                                              \
        void *block = old ? realloc(old, size) : (n) % 2 ? calloc(1, size) : malloc(size);         \
        __asm__ volatile("" ::"r"(block) : "memory");                                              \
        return block;                                                                              \
    }
SITE(0)
SITE(1)
SITE(2)
SITE(3)

static void *(*const sites[SITES])(void *, size_t) = {site_0, site_1, site_2, site_3};

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

static FILE *said;

static void say_block(const char *what, void *block, size_t alignment)
{
    fprintf(said, "%s: %s errno %d aligned %d\n", what, block ? "block" : "NULL", errno,
            block && (uintptr_t)block % alignment == 0);
    free(block);
    errno = 0;
}

#define SAY(call, alignment) say_block(#call, call, alignment)

static void say_posix_memalign(size_t alignment, size_t size)
{
    void *block = &said;
    int error = posix_memalign(&block, alignment, size);
    fprintf(said, "posix_memalign %zu %zu: %d errno %d kept %d aligned %d\n", alignment, size,
            error, errno, block == (void *)&said, error == 0 && (uintptr_t)block % alignment == 0);
    if (error == 0)
        free(block);
    errno = 0;
}

static void say_realloc(size_t from, size_t to)
{
    void *block = malloc(from);
    memset(block, 'x', from);
    void *moved = realloc(block, to);
    fprintf(said, "realloc %zu %zu: %s errno %d\n", from, to, moved ? "block" : "NULL", errno);
    if (moved || to)
        free(moved ? moved : block);
    errno = 0;
}

static volatile size_t huge = SIZE_MAX / 2 + 1, half = SIZE_MAX / 4, zero;

/* Every function with what it may be given, also what it may not. */
static void play_entries(void)
{
    errno = 0;
    SAY(malloc(zero), 16);
    SAY(malloc(huge), 16);
    SAY(malloc(half), 16);
    SAY(calloc(zero, 10), 16);
    SAY(calloc(half, 8), 16);
    SAY(calloc(3, half), 16);
    SAY(calloc(10, 10), 16);
    SAY(realloc(NULL, 10), 16);
    SAY(realloc(NULL, zero), 16);
    SAY(realloc(NULL, huge), 16);
    SAY(reallocarray(NULL, half, 8), 16);
    SAY(reallocarray(NULL, 10, 10), 16);
    SAY(aligned_alloc(64, 128), 64);
    SAY(aligned_alloc(3, 10), 1);
    SAY(aligned_alloc(64, huge), 64);
    SAY(memalign(4096, 10), 4096);
    SAY(memalign(100, 10), 1);
    SAY(memalign(huge, 10), 16);
    SAY(valloc(10), 4096);
    SAY(valloc(huge), 4096);
    SAY(pvalloc(10), 4096);
    SAY(pvalloc(SIZE_MAX - zero), 4096);
    SAY(strdup("abc"), 16);
    say_posix_memalign(32, 10);
    say_posix_memalign(3, 10);
    say_posix_memalign(4, 10);
    say_posix_memalign(64, zero);
    say_posix_memalign(64, huge);
    say_realloc(10, 1000);
    say_realloc(10, 0);
    say_realloc(0, 10);
    say_realloc(10, huge);
    free(NULL);
    fprintf(said, "usable %d\n", malloc_usable_size(NULL) == 0);
}

static const struct scene {
    const char *name;
    void (*play)(void);
} scenes[] = {
    {"random", play_random},   {"threads", play_threads}, {"many", play_many_threads},
    {"escapes", play_escapes}, {"child", play_child},     {"handlers", play_handlers},
    {"sampled", play_sampled}, {"entries", play_entries},
};

/* Its account goes into the file; the file's own buffer is static. */
static int play(const char *path, const char *name)
{
    static char buffer[1 << 16];
    int fd = open(path, O_WRONLY | O_TRUNC);
    said = fdopen(fd, "w");
    setvbuf(said, buffer, _IOFBF, sizeof buffer);
    for (size_t i = 0; i < G_N_ELEMENTS(scenes); i++)
        if (strcmp(scenes[i].name, name) == 0)
            scenes[i].play();
    if (strcmp(name, "entries") != 0) {
        for (int i = 0; i < SITES; i++)
            accounts[i].address = (uintptr_t)sites[i];
        fwrite(accounts, sizeof accounts, 1, said);
    }
    fflush(said);
    _exit(7);
}

/* ---- the parent ---- */

struct fixture {
    char *self, *collector, *file;
    struct heap_layout layout;
    enum wire_heap_mode mode;
    struct listener *listener;
    struct listener_process *process;
    const uint8_t *part;
    struct account accounts[SITES];
};

static void on_process(struct listener_process *process, size_t offset, void *data)
{
    struct fixture *fixture = data;
    if (fixture->process)
        return;
    uint8_t *part = (uint8_t *)process->segment + offset;
    struct wire_heap *heap = (void *)part;
    heap_layout_write(&fixture->layout, part, offset, true);
    heap->mode = fixture->mode;
    heap->sample_bytes = SAMPLE_BYTES;
    for (int i = 0; i < WIRE_HEAP_LIFETIMES; i++)
        heap->lifetime_ticks[i] =
            i < WIRE_HEAP_LIFETIMES - 1 ? UINT64_C(2500) << 3 * i : UINT64_MAX;
    process->segment->heap_offset = offset;
    fixture->part = part;
    fixture->process = listener_process_ref(process);
}

static int set_up(void **state)
{
    struct fixture *fixture = g_new0(struct fixture, 1);
    const char *library = g_getenv("PROFTOP_COLLECTOR");
    fixture->self = g_file_read_link("/proc/self/exe", NULL);
    const char *end = strstr(fixture->self, "/tests/unit/");
    char *build = end ? g_strndup(fixture->self, (gsize)(end - fixture->self)) : g_strdup("build");
    fixture->collector = library ? g_strdup(library) : g_strdup_printf("%s/libproftop.so", build);
    fixture->file = g_strdup("/tmp/test_heap-XXXXXX");
    fixture->mode = WIRE_HEAP_EXACT;
    heap_layout_init(&fixture->layout);
    int fd = g_mkstemp(fixture->file);
    close(fd);
    g_free(build);
    *state = fixture;
    return fd >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->process)
        listener_process_unref(fixture->process);
    listener_free(fixture->listener);
    g_unlink(fixture->file);
    g_free(fixture->file);
    g_free(fixture->collector);
    g_free(fixture->self);
    g_free(fixture);
    return 0;
}

static void launch_and_wait(const struct launch_options *options)
{
    int status;
    struct launch *launch = launch_prepare(options, NULL);
    assert_non_null(launch);
    assert_null(launch_collector_reason(launch));
    assert_true(launch_go(launch, NULL));
    launch_wait(launch, &status, NULL);
    launch_free(launch);
    assert_int_equal(launch_exit_code(status), 7);
}

/* Plays the scene in a child; returns what it wrote. */
static char *run_scene(struct fixture *fixture, const char *name, bool collector)
{
    const char *argv[] = {fixture->self, fixture->file, name, NULL};
    struct listener_tap tap = {.bytes = fixture->layout.bytes,
                               .features = WIRE_FEATURE_HEAP,
                               .on_process = on_process,
                               .data = fixture};
    struct listener *listener = listener_new(&(struct listener_options){0}, NULL);
    assert_non_null(listener);
    listener_add_tap(listener, &tap);
    struct launch_options options = {.argv = (char **)argv,
                                     .collector = collector,
                                     .collector_path = fixture->collector,
                                     .socket_path = listener_socket_path(listener),
                                     .token_hex = listener_token_hex(listener),
                                     .terminal_fd = -1};
    launch_and_wait(&options);
    listener_free(listener);
    char *text;
    gsize bytes;
    assert_true(g_file_get_contents(fixture->file, &text, &bytes, NULL));
    if (bytes == sizeof fixture->accounts)
        memcpy(fixture->accounts, text, bytes);
    return text;
}

static const struct wire_heap *watch(struct fixture *fixture, const char *name)
{
    g_free(run_scene(fixture, name, true));
    assert_non_null(fixture->process);
    assert_int_equal(((const struct wire_heap *)fixture->part)->trouble, 0);
    return (const void *)fixture->part;
}

static const struct wire_heap_row *rows_of(const struct fixture *fixture)
{
    return (const void *)(fixture->part + fixture->layout.rows.offset);
}

static int site_of(const struct fixture *fixture, const struct wire_heap_row *row)
{
    const struct wire_heap_node *nodes =
        (const void *)(fixture->part + fixture->layout.nodes.offset);
    uint64_t address = row->node ? nodes[row->node].address : 0;
    for (int i = 0; i < SITES; i++)
        if (address - fixture->accounts[i].address < SITE_BYTES)
            return i;
    return -1;
}

/* What the segment says of a site: the sum of its rows. */
static struct wire_heap_row sum_of_site(const struct fixture *fixture, int site)
{
    const struct wire_heap *heap = (const void *)fixture->part;
    const struct wire_heap_row *rows = rows_of(fixture);
    struct wire_heap_row sum = {.node = 0};
    for (uint32_t i = 1; i < heap->n_rows; i++) {
        if (site_of(fixture, &rows[i]) != site)
            continue;
        bool is_kept = rows[i].peak_epoch == heap->peak_epoch;
        sum.allocs += rows[i].allocs;
        sum.alloc_bytes += rows[i].alloc_bytes;
        sum.frees += rows[i].frees;
        sum.live_bytes += rows[i].live_bytes;
        sum.own_peak_bytes += rows[i].own_peak_bytes;
        sum.peak_bytes += is_kept ? rows[i].peak_bytes : rows[i].live_bytes;
        sum.peak_blocks +=
            is_kept ? rows[i].peak_blocks : (int64_t)(rows[i].allocs - rows[i].frees);
        sum.temporary += rows[i].temporary;
        sum.reallocs += rows[i].reallocs;
        sum.sampled += rows[i].sampled;
        sum.variance_bytes2 += rows[i].variance_bytes2;
    }
    return sum;
}

static struct wire_heap_lane sum_of_lanes(const struct fixture *fixture)
{
    const struct wire_heap_lane *lanes = (const void *)(fixture->part + fixture->layout.lanes);
    struct wire_heap_lane sum = {.tid = 0};
    for (int i = 0; i < WIRE_HEAP_LANES; i++) {
        sum.tid += lanes[i].tid != 0;
        sum.allocs += lanes[i].allocs;
        sum.alloc_bytes += lanes[i].alloc_bytes;
        sum.frees += lanes[i].frees;
        sum.unknown_frees += lanes[i].unknown_frees;
        sum.failed += lanes[i].failed;
        sum.unrecorded += lanes[i].unrecorded;
        sum.calls += lanes[i].calls;
        sum.cost_calls += lanes[i].cost_calls;
        sum.cost_ticks += lanes[i].cost_ticks;
    }
    return sum;
}

/* The rows, the blocks and the heap's own count agree on what is live. */
static void check_live(const struct fixture *fixture)
{
    const struct wire_heap *heap = (const void *)fixture->part;
    const struct wire_heap_row *rows = rows_of(fixture);
    const struct wire_heap_block *blocks =
        (const void *)(fixture->part + fixture->layout.blocks.offset);
    int64_t bytes_of_rows = 0, bytes_of_blocks = 0;
    for (uint32_t i = 0; i < heap->n_rows; i++)
        bytes_of_rows += rows[i].live_bytes;
    for (uint32_t i = 0; i < heap->n_blocks; i++)
        bytes_of_blocks += blocks[i].address ? (int64_t)blocks[i].size : 0;
    assert_int_equal(bytes_of_rows, heap->live_bytes);
    assert_int_equal(bytes_of_blocks, heap->live_bytes);
}

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

static void test_entry_points_do_what_libcs_do(void **state)
{
    struct fixture *fixture = *state;
    char *bare = run_scene(fixture, "entries", false);
    char *watched = run_scene(fixture, "entries", true);
    assert_non_null(strstr(bare, "usable 1"));
    assert_string_equal(watched, bare);
    g_free(bare);
    g_free(watched);
    struct wire_heap_lane lane = sum_of_lanes(fixture);
    assert_int_equal(lane.failed, 13);
    assert_int_equal(lane.unknown_frees, 0);
    check_live(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(test_entry_points_do_what_libcs_do),
    };
    if (argc == 3)
        return play(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

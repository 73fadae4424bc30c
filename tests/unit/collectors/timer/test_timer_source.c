/* The engine over a segment that the test fills itself: it plays the collector of its own process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "collectors/timer/timer_source.h"
#include "core/base/passed_fd.h"
#include "core/session/coverage.h"
#include "core/session/ingest.h"
#include "tests/unit/core/model/model_builder.h"
#include "tests/unit/core/session/mapped_code.h"

#define MS INT64_C(1000000)

enum { STACK_BYTES = 64 };

struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
    struct coverage *coverage;
    void *source;
    struct wire_segment *segment; /* as the collector has it mapped */
    size_t segment_bytes;
    struct wire_sampler *sampler;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void burn_ms(int64_t ms)
{
    int64_t end = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + ms * MS;
    while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
        continue;
}

static void say_hello(struct fixture *f)
{
    struct listener *listener = coverage_listener(f->coverage);
    struct wire_welcome welcome = {0};
    struct wire_hello hello = {.magic = WIRE_MAGIC_HELLO,
                               .version_major = WIRE_VERSION_MAJOR,
                               .size_bytes = sizeof hello,
                               .features = WIRE_FEATURE_LIFECYCLE | WIRE_FEATURE_CPU_TIMER,
                               .flags = WIRE_HELLO_EXEC};
    const char *hex = listener_token_hex(listener);
    for (size_t i = 0; i < WIRE_TOKEN_BYTES; i++)
        hello.token[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, listener_socket_path(listener));
    int memfd = -1, fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(fd, &hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
    assert_int_equal(passed_fd_receive(fd, &welcome, sizeof welcome, 0, &memfd), sizeof welcome);
    close(fd);
    f->segment_bytes = welcome.segment_bytes;
    f->segment = mmap(NULL, f->segment_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    assert_true(f->segment != MAP_FAILED);
    close(memfd);
    f->sampler = (struct wire_sampler *)(void *)((char *)f->segment + f->segment->sampler_offset);
}

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    f->coverage = coverage_new(NULL);
    assert_non_null(f->coverage);
    f->source = timer_source_ops.start(
        &(struct source_options){
            .pid = getpid(), .rate_hz = 1000, .children = true, .coverage = f->coverage},
        NULL);
    assert_non_null(f->source);
    say_hello(f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    timer_source_ops.stop(f->source);
    ingest_free(f->ingest);
    coverage_free(f->coverage);
    profile_free(f->profile);
    munmap(f->segment, f->segment_bytes);
    pthread_mutex_destroy(&f->lock);
    g_free(f);
    return 0;
}

static struct wire_sample *slot_at(const struct fixture *f, uint32_t i)
{
    return (struct wire_sample *)(void *)((char *)f->segment + f->sampler->slots_offset +
                                          (size_t)i * WIRE_SLOT_BYTES);
}

/* A sample of the main thread at `pc`, on a stack of zeros. */
static struct wire_sample *put(const struct fixture *f, uint32_t i, uint64_t pc, int64_t cpu_ns)
{
    struct wire_sample *slot = slot_at(f, i);
    *slot = (struct wire_sample){.tid = getpid(),
                                 .thread_serial = 1,
                                 .time_ns = clock_ns(CLOCK_MONOTONIC),
                                 .cpu_ns = (uint64_t)cpu_ns,
                                 .map_generation = f->sampler->map_generation,
                                 .stack_bytes = STACK_BYTES};
    slot->registers[7] = 0x7000;
    slot->registers[16] = pc;
    memset((char *)slot + WIRE_SLOT_STACK_OFFSET, 0, STACK_BYTES);
    slot->state = WIRE_SLOT_READY;
    return slot;
}

static uint64_t own_code(void)
{
    return (uint64_t)(uintptr_t)burn_ms;
}

static size_t drain(struct fixture *f)
{
    return timer_source_ops.drain(f->source, f->ingest, false);
}

/* Name of the module of the leaf of the stack that changed last. */
static const char *last_module(const struct fixture *f)
{
    const struct profile *p = f->profile;
    const struct change *change = &p->changes[(p->n_changes - 1) % p->changes_size];
    uint32_t leaf = profile_stack_frames(p, profile_get_entry(p, change->entry)->stack)[0];
    return profile_get_module(p, profile_get_frame(p, leaf)->module)->name;
}

static void test_sampler_is_filled_before_the_process_goes_on(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(f->sampler->period_ns, 1000000);
    assert_int_equal(f->sampler->enabled, 1);
    assert_int_equal(f->sampler->stack_bytes, WIRE_SLOT_STACK_BYTES_MAX);
    assert_true(f->sampler->n_slots >= 64);
    assert_true(f->sampler->slots_offset + (uint64_t)f->sampler->n_slots * WIRE_SLOT_BYTES <=
                f->segment_bytes);
}

static void test_sample_has_its_module_and_weight(void **state)
{
    struct fixture *f = *state;
    burn_ms(20);
    put(f, 0, own_code(), 4 * MS);
    put(f, 1, own_code(), 9 * MS);
    assert_int_equal(drain(f), 2);
    assert_int_equal(f->profile->info.samples, 2);
    assert_string_equal(last_module(f), "test_timer_source");
    assert_int_equal(ingest_cpu_ns(f->ingest) - ingest_unsampled_ns(f->ingest), 9 * MS);
    assert_int_equal(drain(f), 0);
}

static void test_all_time_is_handed_out_in_the_end(void **state)
{
    struct fixture *f = *state;
    drain(f);
    int64_t before_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    burn_ms(50);
    put(f, 0, own_code(), 10 * MS);
    timer_source_ops.drain(f->source, f->ingest, true);
    int64_t used_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before_ns;
    assert_true(ingest_cpu_ns(f->ingest) >= 50 * MS);
    assert_true(ingest_cpu_ns(f->ingest) <= used_ns + 10 * MS); /* with the hello's share */
}

static void test_claims_are_limited_by_the_clock(void **state)
{
    struct fixture *f = *state;
    burn_ms(10);
    int64_t before_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < 8; i++)
        put(f, i, own_code(), (int64_t)(INT64_MAX - 8 + i))->thread_serial = i + 1;
    drain(f);
    assert_true(ingest_cpu_ns(f->ingest) <= before_ns + 1000 * MS);
    assert_int_equal(f->profile->info.samples, 8);
}

static void test_code_that_was_loaded_later_is_found(void **state)
{
    struct fixture *f = *state;
    drain(f);
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *code = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    put(f, 0, (uint64_t)(uintptr_t)code, MS);
    assert_false(mapped_code_is_known(f->ingest, code));
    assert_int_equal(drain(f), 1);
    assert_true(mapped_code_is_known(f->ingest, code));
    munmap(code, page);
}

static void test_code_that_changed_is_not_named(void **state)
{
    struct fixture *f = *state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *place = mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    put(f, 0, (uint64_t)(uintptr_t)place, MS);
    drain(f);
    assert_string_equal(last_module(f), "[anon]");
    put(f, 0, (uint64_t)(uintptr_t)place, 2 * MS); /* it was still there */
    munmap(place, page);                           /* it goes, and this program comes there */
    f->sampler->map_generation = WIRE_UNLOADED;
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char *other = mmap(place, page, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, self, 0);
    close(self);
    assert_ptr_equal(other, place);
    drain(f);
    assert_string_equal(last_module(f), "[anon]");
    put(f, 0, (uint64_t)(uintptr_t)place, 3 * MS);
    drain(f);
    assert_string_equal(last_module(f), "test_timer_source");
    put(f, 0, (uint64_t)(uintptr_t)place, 4 * MS)->map_generation = 0; /* too late to be told */
    drain(f);
    assert_string_equal(last_module(f), PROFILE_MARK_UNKNOWN);
    munmap(place, page);
}

static void test_control_reaches_the_segment(void **state)
{
    struct fixture *f = *state;
    drain(f);
    timer_source_ops.set_enabled(f->source, false);
    assert_int_equal(f->sampler->enabled, 0);
    assert_true(timer_source_ops.set_rate(f->source, 100, NULL));
    assert_int_equal(f->sampler->period_ns, 10 * MS);
    int64_t counted_ns = ingest_cpu_ns(f->ingest);
    burn_ms(30);
    timer_source_ops.set_enabled(f->source, true);
    assert_int_equal(f->sampler->enabled, 1);
    timer_source_ops.drain(f->source, f->ingest, true);
    assert_in_range(ingest_cpu_ns(f->ingest) - counted_ns, 0, 25 * MS);
}

static void test_new_segment_is_a_new_image(void **state)
{
    struct fixture *f = *state;
    burn_ms(20);
    put(f, 3, own_code(), 5 * MS); /* the last words of the old one */
    munmap(f->segment, f->segment_bytes);
    timer_source_ops.set_rate(f->source, 100, NULL);
    say_hello(f);
    assert_int_equal(f->sampler->period_ns, 10 * MS);
    drain(f);
    assert_int_equal(f->profile->info.samples, 1);
    put(f, 0, own_code(), MS);
    assert_int_equal(drain(f), 1);
    assert_int_equal(f->profile->processes->len, 1);
}

static void test_reasons_are_noted_with_their_number(void **state)
{
    struct fixture *f = *state;
    drain(f);
    f->sampler->unsampled_threads[WIRE_UNSAMPLED_SMALL_SIGSTACK] = 3;
    f->sampler->dropped = 5;
    timer_source_ops.drain(f->source, f->ingest, true);
    const char *note = g_ptr_array_index(f->profile->notes, f->profile->notes->len - 1);
    assert_string_equal(note, "3 threads were not sampled: their own signal stack is too small");
    assert_int_equal(f->profile->info.lost, 5);
}

static void test_every_reason_has_words(void **state)
{
    struct fixture *f = *state;
    drain(f);
    guint n_before = f->profile->notes->len;
    for (int i = 0; i < WIRE_UNSAMPLED_REASONS; i++)
        f->sampler->unsampled_threads[i] = 1;
    timer_source_ops.drain(f->source, f->ingest, true);
    assert_int_equal(f->profile->notes->len - n_before, WIRE_UNSAMPLED_REASONS);
    for (guint i = n_before; i < f->profile->notes->len; i++)
        assert_null(strstr(g_ptr_array_index(f->profile->notes, i), "(null)"));
}

/* All of it, again and again, while it is drained. */
static void test_scribbled_segment_does_no_harm(void **state)
{
    struct fixture *f = *state;
    GRand *random = g_rand_new_with_seed(7);
    uint32_t n_slots = f->sampler->n_slots;
    size_t words = f->segment_bytes / sizeof(uint32_t);
    uint64_t offset = f->sampler->slots_offset;
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < words; i += 1 + (size_t)g_rand_int_range(random, 0, 64))
            ((uint32_t *)(void *)f->segment)[i] = g_rand_int(random);
        for (uint32_t i = 0; i < n_slots; i++)
            ((struct wire_sample *)(void *)((char *)f->segment + offset +
                                            (size_t)i * WIRE_SLOT_BYTES))
                ->state = (uint32_t)g_rand_int_range(random, 0, 4);
        assert_true(drain(f) <= n_slots);
    }
    timer_source_ops.drain(f->source, f->ingest, true);
    assert_true(f->profile->info.samples > 0);
    assert_true(ingest_cpu_ns(f->ingest) <= clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    g_rand_free(random);
}

static void test_probe_refuses_to_attach(void **state)
{
    (void)state;
    GPtrArray *notes = g_ptr_array_new_with_free_func(g_free);
    GError *error = NULL;
    struct source_options options = {.pid = getpid(), .attached = true, .rate_hz = 999};
    assert_false(timer_source_ops.probe(&options, notes, &error));
    assert_non_null(strstr(error->message, "attaching needs perf_event"));
    g_clear_error(&error);
    options.attached = false;
    assert_true(timer_source_ops.probe(&options, notes, &error));
    assert_int_equal(notes->len, 3);
    assert_null(timer_source_ops.start(&options, &error)); /* without the collector */
    assert_non_null(strstr(error->message, "libproftop.so"));
    g_clear_error(&error);
    g_ptr_array_unref(notes);
}

int main(void)
{
    g_unsetenv("XDG_RUNTIME_DIR");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sampler_is_filled_before_the_process_goes_on, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_sample_has_its_module_and_weight, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_all_time_is_handed_out_in_the_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_claims_are_limited_by_the_clock, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_code_that_was_loaded_later_is_found, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_code_that_changed_is_not_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_control_reaches_the_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_new_segment_is_a_new_image, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reasons_are_noted_with_their_number, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_every_reason_has_words, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scribbled_segment_does_no_harm, set_up, tear_down),
        cmocka_unit_test(test_probe_refuses_to_attach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Tests of snapshots: what is written reads back identical, and other writers' files open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "core/base/error.h"
#include "core/formats/snapshot.h"
#include "tests/unit/core/formats/pprof_bytes.h"
#include "tests/unit/core/formats/sample_profile.h"
#include "tests/unit/core/formats/snapshot_files.h"

static struct profile *parse(const GByteArray *bytes)
{
    GError *error = NULL;
    struct profile *p = snapshot_parse(bytes->data, bytes->len, "x.pb", &error);
    assert_null(error);
    assert_non_null(p);
    return p;
}

/* save(load(save(p))) has the bytes of save(p). */
static void assert_round_trip(const struct folder *f, struct profile *p)
{
    save(p, f->first);
    struct profile *again = load(f->first);
    save(again, f->second);
    assert_same_content(f->first, f->second);
    profile_free(again);
    profile_free(p);
}

static void test_save_of_loaded_profile_is_byte_identical(void **state)
{
    assert_round_trip(*state, sample_profile());
}

static void test_save_of_empty_profile_is_byte_identical(void **state)
{
    struct profile *p = profile_new();
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    assert_round_trip(*state, p);
}

static void test_save_of_foreign_profile_is_byte_identical(void **state)
{
    GByteArray *bytes = small_profile();
    assert_round_trip(*state, parse(bytes));
    g_byte_array_unref(bytes);
}

static void test_load_restores_how_it_was_measured(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_string_equal(q->info.command, "./app --fast \"a b\"");
    assert_string_equal(q->info.engine, "perf");
    assert_int_equal(q->info.start_time_ns, p->info.start_time_ns);
    assert_int_equal(q->info.duration_ns, p->info.duration_ns);
    assert_true(q->info.rate_real_hz == p->info.rate_real_hz);
    assert_int_equal(q->info.lost, 1);
    assert_int_equal(q->info.attached_pid, 100);
    assert_int_equal(q->info.wait_status, 11);
    assert_int_equal(q->notes->len, 1);
    assert_string_equal(q->notes->pdata[0], "kernel time is not visible");
    assert_int_equal(q->comments->len, 1);
    assert_string_equal(q->comments->pdata[0], "command=not ours");
    profile_free(q);
    profile_free(p);
}

static void test_load_restores_processes_and_threads(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    assert_int_equal(q->processes->len, 3);
    assert_int_equal(profile_get_process(q, 2)->pid, 101);
    assert_int_equal(profile_get_process(q, 2)->parent, 0);
    assert_int_equal(profile_get_process(q, 0)->parent, PROFILE_NONE);
    assert_string_equal(profile_get_process(q, 1)->name, "child of app");
    assert_string_equal(profile_get_process(q, 1)->coverage, "it is setuid");
    assert_true(profile_get_process(q, 1)->ended);
    assert_int_equal(q->threads->len, 4);
    assert_string_equal(profile_get_thread(q, 1)->name, "idle one");
    assert_int_equal(profile_get_thread(q, 1)->samples, 0);
    assert_int_equal(profile_get_thread(q, 2)->value, 2000000);
    assert_int_equal(profile_get_thread(q, 3)->process, 2);
    assert_int_equal(profile_get_thread(q, 3)->value, 1003000);
    profile_free(q);
    profile_free(p);
}

static void test_load_restores_frames(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    save(p, f->first);
    struct profile *q = load(f->first);
    uint32_t frame = profile_stack_frames(q, 0)[1]; /* of the shallow stack: main, f inlined */
    const struct line *lines = profile_frame_lines(q, frame);
    const struct function *inlined = profile_get_function(q, lines[0].function);
    assert_int_equal(profile_get_frame(q, frame)->address, 0x1234);
    assert_int_equal(profile_get_frame(q, frame)->n_lines, 2);
    assert_string_equal(inlined->name, "void f<int>()");
    assert_string_equal(inlined->linkage, "_Z1fIiEvv");
    assert_string_equal(inlined->brief, "f<…>");
    assert_string_equal(inlined->file, "/src/app.cc");
    assert_int_equal(inlined->decl_line, 7);
    assert_int_equal(lines[1].line, 99);
    assert_string_equal(profile_get_module(q, inlined->module)->build_id, "0123456789abcdef");
    uint32_t jit = profile_stack_frames(q, 0)[0];
    lines = profile_frame_lines(q, jit);
    assert_true(profile_get_function(q, lines->function)->unresolved);
    assert_int_equal(profile_get_module(q, profile_get_frame(q, jit)->module)->kind, MODULE_JIT);
    profile_free(q);
    profile_free(p);
}

static void test_parse_opens_a_foreign_profile(void **state)
{
    (void)state;
    GByteArray *bytes = small_profile();
    struct profile *p = parse(bytes);
    assert_int_equal(p->n_metrics, 2);
    assert_int_equal(p->main_metric, 1);
    assert_int_equal(p->count_metric, 0);
    assert_int_equal(p->entries->len, 2);
    assert_int_equal(profile_entry_values(p, 0)[1], 30000000);
    uint32_t leaf = profile_stack_frames(p, profile_get_entry(p, 0)->stack)[0];
    assert_int_equal(profile_get_frame(p, leaf)->address, 0x1000); /* relative to its mapping */
    const struct line *line = profile_frame_lines(p, leaf);
    assert_string_equal(profile_get_function(p, line->function)->name, "work");
    assert_int_equal(line->line, 12);
    assert_int_equal(p->threads->len, 1);
    assert_int_equal(p->info.samples, 4);
    assert_string_equal(p->comments->pdata[0], "a comment");
    profile_free(p);
    g_byte_array_unref(bytes);
}

static void test_parse_prefers_the_default_sample_type(void **state)
{
    (void)state;
    GByteArray *bytes = small_profile();
    put_varint(bytes, 14, 1);
    struct profile *p = parse(bytes);
    assert_int_equal(p->main_metric, 0);
    profile_free(p);
    g_byte_array_unref(bytes);
}

/* Locations without mappings and without addresses, as Go's heap profiles in part and many
 * converters write them. */
static void test_parse_takes_locations_without_address_and_mapping(void **state)
{
    (void)state;
    GByteArray *bytes = g_byte_array_new();
    PUT(bytes, 1, 1, 1, 2, 2);
    PUT(bytes, 1, 1, 3, 2, 4);
    PUT(bytes, 2, 1, 7, 1, 9, 2, 5, 2, 640);
    PUT(bytes, 2, 1, 9, 2, 1, 2, 64);
    PUT(bytes, 2, 1, 11, 2, 1, 2, 64);
    put_location(bytes, (const uint64_t[]){1, 9, 0}, 20, 3);
    put_location(bytes, (const uint64_t[]){1, 7, 0}, 10, 4);
    PUT(bytes, 4, 1, 11, 3, 0x1000);
    PUT(bytes, 5, 1, 20, 2, 5);
    PUT(bytes, 5, 1, 10, 2, 6);
    const char *texts[] = {"",      "inuse_objects", "count",    "inuse_space",
                           "bytes", "main.main",     "main.make"};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        put_text(bytes, texts[i]);
    struct profile *p = parse(bytes);
    assert_int_equal(p->main_metric, 1); /* the last one */
    assert_int_equal(p->count_metric, PROFILE_NONE);
    const uint32_t *frames = profile_stack_frames(p, 0);
    assert_int_not_equal(frames[0], frames[1]);
    assert_string_equal(profile_get_function(p, profile_frame_lines(p, frames[0])->function)->name,
                        "main.make");
    uint32_t nameless = profile_stack_frames(p, profile_get_entry(p, 2)->stack)[0];
    assert_string_equal(profile_get_function(p, profile_frame_lines(p, nameless)->function)->name,
                        "[unknown]+0x1000");
    profile_free(p);
    g_byte_array_unref(bytes);
}

static void test_parse_shortens_foreign_names(void **state)
{
    (void)state;
    GByteArray *bytes = small_profile();
    PUT(bytes, 5, 1, 3, 2, G_N_ELEMENTS(pprof_texts));
    put_location(bytes, (const uint64_t[]){1, 3, 2, 1, 3, 0x403000, 0}, 3, 1);
    PUT(bytes, 2, 1, 3, 2, 1, 2, 1);
    put_text(bytes, "_ZN2ns1fIiEEvPKc");
    struct profile *p = parse(bytes);
    uint32_t leaf = profile_stack_frames(p, profile_get_entry(p, 2)->stack)[0];
    const struct function *f = profile_get_function(p, profile_frame_lines(p, leaf)->function);
    assert_string_equal(f->name, "void ns::f<int>(char const*)");
    assert_string_equal(f->linkage, "_ZN2ns1fIiEEvPKc");
    assert_string_not_equal(f->brief, f->name);
    profile_free(p);
    g_byte_array_unref(bytes);
}

static void put_named_sample(GByteArray *out, uint64_t key, uint64_t str, uint64_t num)
{
    GByteArray *sample = g_byte_array_new();
    put_varint(sample, 1, 1);
    put_varint(sample, 2, 1);
    put_varint(sample, 2, 1);
    PUT(sample, 3, 1, key, 2, str, 3, num);
    put_bytes(out, 2, sample->data, sample->len);
    g_byte_array_unref(sample);
}

static void test_parse_tells_threads_by_their_labels(void **state)
{
    (void)state;
    GByteArray *bytes = small_profile();
    guint n = G_N_ELEMENTS(pprof_texts);
    put_text(bytes, "thread");
    put_text(bytes, "worker");
    put_text(bytes, "request");
    put_named_sample(bytes, 9, 0, 77);        /* tid */
    put_named_sample(bytes, n, n + 1, 0);     /* thread, by name */
    put_named_sample(bytes, n, n + 1, 0);     /* once more */
    put_named_sample(bytes, n + 2, n + 1, 0); /* a label of no meaning here */
    struct profile *p = parse(bytes);
    assert_int_equal(p->threads->len, 3);
    assert_int_equal(profile_get_thread(p, 1)->tid, 77);
    assert_string_equal(profile_get_thread(p, 2)->name, "worker");
    assert_int_equal(profile_get_thread(p, 2)->samples, 2);
    profile_free(p);
    g_byte_array_unref(bytes);
}

static void test_parse_saturates_sums(void **state)
{
    (void)state;
    GByteArray *bytes = small_profile();
    for (int i = 0; i < 3; i++)
        PUT(bytes, 2, 1, 1, 2, 1, 2, INT64_MAX);
    PUT(bytes, 2, 1, 1, 2, 1, 2, (uint64_t)INT64_MIN);
    struct profile *p = parse(bytes);
    assert_int_equal(profile_get_thread(p, 0)->value, INT64_MAX);
    profile_free(p);
    g_byte_array_unref(bytes);
}

static void test_parse_cuts_stacks_that_are_too_deep(void **state)
{
    (void)state;
    GByteArray *bytes = small_profile(), *sample = g_byte_array_new();
    for (int i = 0; i < 5000; i++)
        put_varint(sample, 1, 1 + i % 2);
    put_varint(sample, 2, 1);
    put_varint(sample, 2, 1);
    put_bytes(bytes, 2, sample->data, sample->len);
    struct profile *p = parse(bytes);
    uint32_t stack = profile_get_entry(p, 2)->stack;
    assert_int_equal(profile_get_stack(p, stack)->n_frames, PROFILE_DEPTH_MAX);
    uint32_t last = profile_stack_frames(p, stack)[PROFILE_DEPTH_MAX - 1];
    assert_int_equal(last, profile_mark(p, "[truncated]"));
    assert_int_equal(p->notes->len, 1);
    profile_free(p);
    g_byte_array_unref(sample);
    g_byte_array_unref(bytes);
}

static void test_save_never_overwrites_unless_told(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    GError *error = NULL;
    assert_true(g_file_set_contents(f->first, "precious", -1, NULL));
    assert_false(snapshot_save(p, f->first, false, &error));
    assert_non_null(strstr(error->message, "exists already"));
    g_clear_error(&error);
    char *content;
    assert_true(g_file_get_contents(f->first, &content, NULL, NULL));
    assert_string_equal(content, "precious");
    g_free(content);
    assert_true(snapshot_save(p, f->first, true, &error));
    profile_free(load(f->first));
    profile_free(p);
}

static void test_save_refuses_devices_and_missing_folders(void **state)
{
    (void)state;
    struct profile *p = sample_profile();
    GError *error = NULL;
    assert_false(snapshot_save(p, "/dev/null", true, &error));
    assert_non_null(strstr(error->message, "not a regular file"));
    g_clear_error(&error);
    assert_false(snapshot_save(p, "/proc/self/exe", true, &error)); /* a symbolic link */
    assert_non_null(strstr(error->message, "symbolic link"));
    g_clear_error(&error);
    assert_false(snapshot_save(p, "/nonexistent/folder/x.pb.gz", false, &error));
    assert_non_null(strstr(error->message, "choose a folder"));
    assert_null(strchr(error->message, '\n'));
    g_clear_error(&error);
    profile_free(p);
}

/* A file size limit stands for the full disk: both make write fail half-way. In a child, for the
 * limit cannot be raised again. */
static void test_save_leaves_nothing_when_the_disk_is_full(void **state)
{
    const struct folder *f = *state;
    struct profile *p = sample_profile();
    pid_t child = fork();
    if (child == 0) {
        struct rlimit limit = {.rlim_cur = 64, .rlim_max = 64};
        GError *error = NULL;
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
        bool saved = snapshot_save(p, f->first, false, &error);
        _exit(!saved && strstr(error->message, "cannot be written") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    GDir *dir = g_dir_open(f->path, 0, NULL);
    assert_null(g_dir_read_name(dir));
    g_dir_close(dir);
    profile_free(p);
}

static void test_default_name_is_clean_and_new(void **state)
{
    (void)state;
    char *name = snapshot_default_name(NULL, "/usr/bin/-e vil\033;rm");
    assert_true(g_regex_match_simple("^proftop-_e_vil__rm-[0-9]{8}-[0-9]{6}(-[0-9]+)?\\.pb\\.gz$",
                                     name, 0, 0));
    assert_null(strchr(name, '/'));
    assert_false(g_file_test(name, G_FILE_TEST_EXISTS));
    g_free(name);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_save_of_loaded_profile_is_byte_identical),
        IN_FOLDER(test_save_of_empty_profile_is_byte_identical),
        IN_FOLDER(test_save_of_foreign_profile_is_byte_identical),
        IN_FOLDER(test_load_restores_how_it_was_measured),
        IN_FOLDER(test_load_restores_processes_and_threads),
        IN_FOLDER(test_load_restores_frames),
        cmocka_unit_test(test_parse_opens_a_foreign_profile),
        cmocka_unit_test(test_parse_prefers_the_default_sample_type),
        cmocka_unit_test(test_parse_takes_locations_without_address_and_mapping),
        cmocka_unit_test(test_parse_shortens_foreign_names),
        cmocka_unit_test(test_parse_tells_threads_by_their_labels),
        cmocka_unit_test(test_parse_saturates_sums),
        cmocka_unit_test(test_parse_cuts_stacks_that_are_too_deep),
        IN_FOLDER(test_save_never_overwrites_unless_told),
        cmocka_unit_test(test_save_refuses_devices_and_missing_folders),
        IN_FOLDER(test_save_leaves_nothing_when_the_disk_is_full),
        cmocka_unit_test(test_default_name_is_clean_and_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * That a launched program and its children see exactly what they would see without proftop:
 * tests/targets/selfcheck prints it, once started plainly and once through a front end that has
 * meanwhile changed everything about itself. And that children say hello by themselves, each with
 * its own segment, unless that is switched off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/session/listener.h"
#include "core/target/launch.h"

/* How to start the program, and what came of it; shared with the process that plays the front end.
 */
struct trial {
    bool bare; /* plainly, without proftop */
    bool collector;
    bool no_children;
    const char *argv[12];
    /* results, in shared memory */
    int exit_code;
    unsigned hellos, forked_hellos, n_segments;
    uint64_t forks, execs, spawns, unfollowed;
    uint32_t coverage;
    uint32_t first_state;
    const void *last_segment;
    const struct wire_segment *first;
};

static char selfcheck[512];
static char collector[512];

/* $PROFTOP_TARGETS and $PROFTOP_COLLECTOR, else what was built beside this test
 * (BUILD/tests/unit/...). */
static void find_files(void)
{
    const char *folder = g_getenv("PROFTOP_TARGETS");
    const char *library = g_getenv("PROFTOP_COLLECTOR");
    char *build = g_file_read_link("/proc/self/exe", NULL);
    char *end = build ? strstr(build, "/tests/unit/") : NULL;
    if (end)
        *end = '\0';
    const char *beside = end ? build : "build";
    if (folder)
        g_snprintf(selfcheck, sizeof selfcheck, "%s/selfcheck", folder);
    else
        g_snprintf(selfcheck, sizeof selfcheck, "%s/tests/targets/selfcheck", beside);
    if (library)
        g_snprintf(collector, sizeof collector, "%s", library);
    else
        g_snprintf(collector, sizeof collector, "%s/libproftop.so", beside);
    g_free(build);
}

static void on_process(struct listener_process *process, void *data)
{
    struct trial *trial = data;
    if (!trial->first)
        __atomic_store_n(&trial->first, process->segment, __ATOMIC_RELEASE);
    trial->hellos++;
    trial->forked_hellos += process->is_forked;
    trial->n_segments += process->segment != trial->last_segment;
    trial->last_segment = process->segment;
}

/* What a front end does to itself, and a target must not feel. */
static void change_own_state(void)
{
    struct rlimit limit;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, SIG_DFL); /* ignored by our caller */
    umask(0);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void note_first_segment(struct trial *trial)
{
    const struct wire_segment *first = __atomic_load_n(&trial->first, __ATOMIC_ACQUIRE);
    if (!first)
        return;
    trial->forks = first->forks;
    trial->execs = first->execs;
    trial->spawns = first->spawns;
    trial->unfollowed = first->unfollowed;
    trial->coverage = first->coverage;
    trial->first_state = first->state;
}

static void play_front_end(struct trial *trial)
{
    struct inherited_state *state = inherited_state_capture();
    change_own_state();
    struct listener_options listening = {.on_process = on_process, .data = trial};
    struct listener *listener = listener_new(&listening, NULL);
    struct launch_options options = {.argv = (char **)trial->argv,
                                     .state = state,
                                     .collector = trial->collector,
                                     .collector_path = collector,
                                     .socket_path = listener_socket_path(listener),
                                     .token_hex = listener_token_hex(listener),
                                     .follow_children = !trial->no_children,
                                     .terminal_fd = -1};
    struct launch *launch = launch_prepare(&options, NULL);
    int status;
    if (!launch || launch_collector_reason(launch) || !launch_go(launch, NULL))
        _exit(120);
    launch_wait(launch, &status, NULL);
    note_first_segment(trial);
    listener_free(listener);
    trial->exit_code = launch_exit_code(status);
    _exit(0);
}

static void play(struct trial *trial, int output)
{
    dup2(output, STDOUT_FILENO);
    close(output);
    signal(SIGUSR1, SIG_IGN);
    dup2(STDERR_FILENO, 9); /* a descriptor that the user passes on */
    if (!trial->bare)
        play_front_end(trial);
    execvp(trial->argv[0], (char **)trial->argv);
    _exit(121);
}

/* Runs a trial; returns its output (free it) and fills the results in. */
static char *run(struct trial *trial)
{
    struct trial *shared =
        mmap(NULL, sizeof *trial, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    GString *text = g_string_new(NULL);
    char buffer[4096];
    int pipe_fds[2], status;
    *shared = *trial;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0)
        play(shared, pipe_fds[1]);
    close(pipe_fds[1]);
    for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;)
        g_string_append_len(text, buffer, n);
    close(pipe_fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(shared->exit_code, 0);
    *trial = *shared;
    munmap(shared, sizeof *shared);
    return g_string_free(text, FALSE);
}

/* Runs selfcheck with up to four ways of starting a child in the three manners and compares what it
 * prints. */
static struct trial compare(const char *way1, const char *way2, const char *way3, const char *way4)
{
    struct trial bare = {.bare = true, .argv = {selfcheck, way1, way2, way3, way4, NULL}};
    struct trial plain = bare, full = bare;
    plain.bare = full.bare = false;
    full.collector = true;
    char *expected = run(&bare);
    char *without = run(&plain);
    char *with = run(&full);
    assert_true(strlen(expected) > 1000);
    assert_string_equal(without, expected);
    assert_string_equal(with, expected);
    g_free(expected);
    g_free(without);
    g_free(with);
    return full;
}

static void test_program_sees_nothing(void **state)
{
    (void)state;
    struct trial trial = compare(NULL, NULL, NULL, NULL);
    assert_int_equal(trial.hellos, 1);
    assert_int_equal(trial.forked_hellos, 0);
    assert_int_equal(trial.first_state, WIRE_STATE_EXIT);
}

static void test_forked_child_sees_nothing_and_says_hello(void **state)
{
    (void)state;
    struct trial trial = compare("fork", NULL, NULL, NULL);
    assert_int_equal(trial.hellos, 2);
    assert_int_equal(trial.forked_hellos, 1);
    assert_int_equal(trial.n_segments, 2);
    assert_int_equal(trial.forks, 1);
}

static void test_next_image_sees_nothing_and_says_hello(void **state)
{
    (void)state;
    struct trial trial = compare("exec", NULL, NULL, NULL);
    assert_int_equal(trial.hellos, 2);
    assert_int_equal(trial.execs, 1);
    assert_int_equal(trial.first_state, WIRE_STATE_EXEC);
}

static void test_spawned_child_sees_nothing_and_says_hello(void **state)
{
    (void)state;
    struct trial trial = compare("spawn", NULL, NULL, NULL);
    assert_int_equal(trial.hellos, 2);
    assert_int_equal(trial.spawns, 1);
    assert_int_equal(trial.first_state, WIRE_STATE_EXIT);
}

static void test_vfork_child_sees_nothing_and_says_hello(void **state)
{
    (void)state;
    struct trial trial = compare("vfork", NULL, NULL, NULL);
    assert_int_equal(trial.hellos, 2);
    assert_int_equal(trial.spawns, 1);
    assert_int_equal(trial.execs, 0);
    assert_int_equal(trial.first_state, WIRE_STATE_EXIT); /* the parent did not "exec" */
}

static void test_chain_of_children_sees_nothing(void **state)
{
    (void)state;
    assert_int_equal(compare("vfork", "fork", "spawn", "exec").hellos, 5);
}

static void test_children_stay_silent_when_not_followed(void **state)
{
    static const char *const ways[] = {"fork", "spawn", "vfork"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        struct trial trial = {
            .collector = true, .no_children = true, .argv = {selfcheck, ways[i], NULL}};
        g_free(run(&trial));
        assert_int_equal(trial.hellos, 1);
    }
}

static void test_the_same_process_is_followed_through_exec_without_children(void **state)
{
    (void)state;
    struct trial trial = {
        .collector = true, .no_children = true, .argv = {selfcheck, "exec", "fork", NULL}};
    g_free(run(&trial));
    assert_int_equal(trial.hellos, 2);
}

static void test_preload_of_the_user_is_kept_as_it_was(void **state)
{
    (void)state;
    g_setenv("LD_PRELOAD", "libutil.so.1:libm.so.6", TRUE);
    struct trial trial = compare("spawn", "exec", NULL, NULL);
    g_unsetenv("LD_PRELOAD");
    assert_int_equal(trial.hellos, 3);
}

static void test_empty_environment_is_kept_and_followed(void **state)
{
    (void)state;
    struct trial trial = {.collector = true, .argv = {"env", "-i", "/usr/bin/env", NULL}};
    char *output = run(&trial);
    assert_string_equal(output, "");
    assert_int_equal(trial.hellos, 2);
    g_free(output);
}

static void test_huge_environment_still_starts(void **state)
{
    (void)state;
    for (int i = 0; i < 5000; i++) {
        char name[32];
        g_snprintf(name, sizeof name, "PROFTOP_TEST_%d", i);
        g_setenv(name, "1", TRUE);
    }
    struct trial trial = compare("exec", NULL, NULL, NULL);
    for (int i = 0; i < 5000; i++) {
        char name[32];
        g_snprintf(name, sizeof name, "PROFTOP_TEST_%d", i);
        g_unsetenv(name);
    }
    assert_int_equal(trial.hellos, 1);
    assert_int_equal(trial.unfollowed, 1);
    assert_true(trial.coverage & WIRE_COVERAGE_CHILD_ENVIRONMENT);
}

static void test_failed_exec_is_taken_back(void **state)
{
    (void)state;
    struct trial trial = {.collector = true,
                          .argv = {"perl", "-e", "exec {'/no/such'} 'x'; exit 0", NULL}};
    g_free(run(&trial));
    assert_int_equal(trial.execs, 1);
    assert_int_equal(trial.first_state, WIRE_STATE_EXIT);
}

/* Ctrl-Z on proftop must not slow the target down: its children give up on the hello quickly. */
static void test_stopped_front_end_does_not_hold_children_up(void **state)
{
    static const char script[] =
        "kill -STOP $PPID; until read -r stat </proc/$PPID/stat; [[ $stat == *') T '* ]]; do :; "
        "done;"
        "begin=${EPOCHREALTIME/./}; for i in 1 2 3 4 5; do /bin/true; done;"
        "echo $((${EPOCHREALTIME/./} - begin)); kill -CONT $PPID";
    (void)state;
    struct trial trial = {.collector = true, .argv = {"bash", "-c", script, NULL}};
    char *output = run(&trial);
    assert_true(g_ascii_strtoll(output, NULL, 10) < 5 * 100000);
    assert_int_equal(trial.hellos, 1);
    g_free(output);
}

static void test_shell_of_system_is_counted_as_not_followed(void **state)
{
    (void)state;
    struct trial trial = {.collector = true,
                          .argv = {"awk", "BEGIN { exit system(\"exit 0\") }", NULL}};
    g_free(run(&trial));
    assert_int_equal(trial.hellos, 1);
    assert_int_equal(trial.unfollowed, 1);
    assert_true(trial.coverage & WIRE_COVERAGE_CHILD_SHELL);
}

int main(void)
{
    g_unsetenv("XDG_RUNTIME_DIR");
    g_unsetenv("LD_PRELOAD");
    find_files();
    if (access(selfcheck, X_OK) != 0 || access(collector, R_OK) != 0) {
        fprintf(stderr, "build %s and %s first\n", selfcheck, collector);
        return EXIT_FAILURE;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program_sees_nothing),
        cmocka_unit_test(test_forked_child_sees_nothing_and_says_hello),
        cmocka_unit_test(test_next_image_sees_nothing_and_says_hello),
        cmocka_unit_test(test_spawned_child_sees_nothing_and_says_hello),
        cmocka_unit_test(test_vfork_child_sees_nothing_and_says_hello),
        cmocka_unit_test(test_chain_of_children_sees_nothing),
        cmocka_unit_test(test_children_stay_silent_when_not_followed),
        cmocka_unit_test(test_the_same_process_is_followed_through_exec_without_children),
        cmocka_unit_test(test_preload_of_the_user_is_kept_as_it_was),
        cmocka_unit_test(test_empty_environment_is_kept_and_followed),
        cmocka_unit_test(test_huge_environment_still_starts),
        cmocka_unit_test(test_failed_exec_is_taken_back),
        cmocka_unit_test(test_stopped_front_end_does_not_hold_children_up),
        cmocka_unit_test(test_shell_of_system_is_counted_as_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

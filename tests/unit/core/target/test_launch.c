/* Launching real commands: exit statuses, commands that cannot run, and that nothing waits or leaks
 * behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/target/launch.h"

struct fixture {
    char folder[64];
    char file[128];
    struct inherited_state *state;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/test_launch-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return -1;
    g_snprintf(fixture->file, sizeof fixture->file, "%s/file", fixture->folder);
    fixture->state = inherited_state_capture();
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->file);
    rmdir(fixture->folder);
    inherited_state_free(fixture->state);
    free(fixture);
    return 0;
}

static struct launch_options options_for(struct fixture *fixture, const char **argv)
{
    return (struct launch_options){
        .argv = (char **)argv, .state = fixture->state, .terminal_fd = -1};
}

static struct launch *prepare(struct fixture *fixture, const char **argv, GError **error)
{
    struct launch_options options = options_for(fixture, argv);
    return launch_prepare(&options, error);
}

/* The exit status of a command, or of the failure to run it, as proftop would exit. */
static int run(struct fixture *fixture, const char **argv, char **ret_message)
{
    GError *error = NULL;
    int status = 0;
    struct launch *launch = prepare(fixture, argv, &error);
    if (launch && launch_go(launch, &error))
        launch_wait(launch, &status, NULL);
    launch_free(launch);
    if (!error)
        return launch_exit_code(status);
    int code = error->code == PROFTOP_ERROR_NOT_FOUND        ? 127
               : error->code == PROFTOP_ERROR_NOT_EXECUTABLE ? 126
                                                             : 1;
    if (ret_message)
        *ret_message = g_strdup(error->message);
    g_error_free(error);
    return code;
}

static int run_file(struct fixture *fixture, const char *text, mode_t mode, char **ret_message)
{
    const char *argv[] = {fixture->file, "argument", NULL};
    assert_true(g_file_set_contents(fixture->file, text, -1, NULL));
    assert_int_equal(chmod(fixture->file, mode), 0);
    return run(fixture, argv, ret_message);
}

static void test_every_exit_code_is_passed_on(void **state)
{
    for (int code = 0; code < 256; code++) {
        char text[16];
        const char *argv[] = {"sh", "-c", text, NULL};
        g_snprintf(text, sizeof text, "exit %d", code);
        assert_int_equal(run(*state, argv, NULL), code);
    }
}

static void test_death_by_signal_is_128_and_the_signal(void **state)
{
    const char *argv[] = {"sh", "-c", "kill -TERM $$", NULL};
    assert_int_equal(run(*state, argv, NULL), 128 + SIGTERM);
}

static void test_unknown_command_is_127(void **state)
{
    char *message;
    const char *argv[] = {"proftop-no-such-command", NULL};
    assert_int_equal(run(*state, argv, &message), 127);
    assert_string_equal(message, "proftop-no-such-command: no such command");
    g_free(message);
    const char *empty[] = {"", NULL};
    assert_int_equal(run(*state, empty, NULL), 127);
    const char *path[] = {"/no/such/file", NULL};
    assert_int_equal(run(*state, path, NULL), 127);
}

static void test_directory_and_plain_file_are_126(void **state)
{
    struct fixture *fixture = *state;
    const char *argv[] = {fixture->folder, NULL};
    assert_int_equal(run(fixture, argv, NULL), 126);
    assert_int_equal(run_file(fixture, "#!/bin/sh\n", 0644, NULL), 126);
}

static void test_missing_interpreter_is_named(void **state)
{
    char *message;
    assert_int_equal(run_file(*state, "#!/no/such/interpreter -x\n", 0755, &message), 127);
    assert_non_null(strstr(message, "/no/such/interpreter"));
    g_free(message);
}

static void test_text_without_interpreter_runs_in_the_shell(void **state)
{
    assert_int_equal(run_file(*state, "test \"$1\" = argument && exit 42\n", 0755, NULL), 42);
}

static void test_broken_program_is_126(void **state)
{
    assert_int_equal(run_file(*state,
                              "\177ELF\002\001\001 nonsense nonsense nonsense nonsense "
                              "nonsense nonsense nonsense",
                              0755, NULL),
                     126);
}

static void test_path_is_searched_past_what_cannot_run(void **state)
{
    struct fixture *fixture = *state;
    char *before = g_strdup(g_getenv("PATH"));
    char *path = g_strdup_printf("/no/such:%s:%s", fixture->folder, before);
    const char *argv[] = {"file", NULL};
    g_setenv("PATH", path, TRUE);
    assert_true(g_file_set_contents(fixture->file, "exit 5\n", -1, NULL));
    chmod(fixture->file, 0755);
    assert_int_equal(run(fixture, argv, NULL), 5);
    chmod(fixture->file, 0644);
    const char *last[] = {"sh", "-c", "exit 6", NULL};
    assert_int_equal(run(fixture, last, NULL), 6);
    g_setenv("PATH", before, TRUE);
    g_free(path);
    g_free(before);
}

static void test_child_waits_until_it_may_go(void **state)
{
    struct fixture *fixture = *state;
    int status;
    const char *argv[] = {"sh", "-c", "echo x >\"$0\"", fixture->file, NULL};
    struct launch *launch = prepare(fixture, argv, NULL);
    assert_non_null(launch);
    assert_int_equal(kill(launch_pid(launch), 0), 0);
    assert_false(launch_reap(launch, &status, NULL));
    assert_int_equal(access(fixture->file, F_OK), -1);
    assert_true(launch_go(launch, NULL));
    struct pollfd fds = {launch_pidfd(launch), POLLIN, 0};
    assert_int_equal(poll(&fds, 1, -1), 1);
    struct rusage usage;
    assert_true(launch_reap(launch, &status, &usage));
    assert_true(launch_reap(launch, &status, &usage));
    assert_int_equal(status, 0);
    assert_true(usage.ru_maxrss > 0);
    assert_int_equal(access(fixture->file, F_OK), 0);
    launch_free(launch);
}

static void test_child_that_was_not_let_go_ends(void **state)
{
    const char *argv[] = {"sh", "-c", "exit 1", NULL};
    struct launch *launch = prepare(*state, argv, NULL);
    pid_t pid = launch_pid(launch);
    launch_free(launch);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

/* A process that prepares a launch and is killed: the waiting child must see its pipe close, and
 * end. */
static void test_child_ends_when_proftop_is_killed(void **state)
{
    int ends[2]; /* held open by the killed process and its child only */
    char byte;
    const char *argv[] = {"sh", "-c", "exit 1", NULL};
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prepare(*state, argv, NULL);
        raise(SIGKILL);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(ends[0]);
}

static void test_no_descriptor_is_left(void **state)
{
    const char *argv[] = {"true", NULL};
    int before = dup(0);
    close(before);
    assert_int_equal(run(*state, argv, NULL), 0);
    int after = dup(0);
    close(after);
    assert_int_equal(after, before);
}

/* The reason for which the collector at `path` is not put into `command`; NULL: it is. */
static char *reason_for(struct fixture *fixture, const char *command, const char *path)
{
    const char *argv[] = {command, NULL};
    struct launch_options options = options_for(fixture, argv);
    options.collector = true;
    options.collector_path = path;
    options.socket_path = "/no/such/socket";
    options.token_hex = "00112233445566778899aabbccddeeff";
    struct launch *launch = launch_prepare(&options, NULL);
    assert_non_null(launch);
    char *reason = g_strdup(launch_collector_reason(launch));
    launch_free(launch);
    return reason;
}

static void test_collector_that_cannot_be_preloaded_is_explained(void **state)
{
    struct fixture *fixture = *state;
    char *reason = reason_for(fixture, "true", "/no/such/libproftop.so");
    assert_non_null(strstr(reason, "missing"));
    g_free(reason);
    char *folder = g_strconcat(fixture->folder, "/a b", NULL);
    char *library = g_strconcat(folder, "/libproftop.so", NULL);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_true(g_file_set_contents(library, "", 0, NULL));
    reason = reason_for(fixture, "true", library);
    assert_non_null(strstr(reason, "blank"));
    g_free(reason);
    unlink(library);
    rmdir(folder);
    g_free(library);
    g_free(folder);
}

static void test_privileged_command_gets_a_note_and_no_collector(void **state)
{
    struct fixture *fixture = *state;
    char *contents;
    gsize size;
    if (geteuid() != 0)
        skip();
    assert_true(g_file_get_contents("/bin/true", &contents, &size, NULL));
    assert_true(g_file_set_contents(fixture->file, contents, (gssize)size, NULL));
    g_free(contents);
    assert_int_equal(chown(fixture->file, 65534, 65534), 0);
    assert_int_equal(chmod(fixture->file, 04755), 0);
    const char *argv[] = {fixture->file, NULL};
    struct launch_options options = options_for(fixture, argv);
    options.collector = true;
    struct launch *launch = launch_prepare(&options, NULL);
    assert_non_null(strstr(launch_collector_reason(launch), "privileges"));
    assert_non_null(launch_note(launch));
    launch_free(launch);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_exit_code_is_passed_on),
        TEST(test_death_by_signal_is_128_and_the_signal),
        TEST(test_unknown_command_is_127),
        TEST(test_directory_and_plain_file_are_126),
        TEST(test_missing_interpreter_is_named),
        TEST(test_text_without_interpreter_runs_in_the_shell),
        TEST(test_broken_program_is_126),
        TEST(test_path_is_searched_past_what_cannot_run),
        TEST(test_child_waits_until_it_may_go),
        TEST(test_child_that_was_not_let_go_ends),
        TEST(test_child_ends_when_proftop_is_killed),
        TEST(test_no_descriptor_is_left),
        TEST(test_collector_that_cannot_be_preloaded_is_explained),
        TEST(test_privileged_command_gets_a_note_and_no_collector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The keeper with real targets on its terminal: bytes, keys, sizes, a killed front end, and its own
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/target/launch.h"
#include "core/target/terminal_keeper.h"

struct fixture {
    char folder[64];
    char file[128]; /* the keeper's */
    char mark[128]; /* for the target to write to */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->folder, "/tmp/test_keeper-XXXXXX");
    if (!mkdtemp(fixture->folder))
        return -1;
    g_snprintf(fixture->file, sizeof fixture->file, "%s/output", fixture->folder);
    g_snprintf(fixture->mark, sizeof fixture->mark, "%s/mark", fixture->folder);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->file);
    unlink(fixture->mark);
    rmdir(fixture->folder);
    free(fixture);
    return 0;
}

/* Makes `fd`'s standard stand-ins a terminal, as they are when a person runs proftop, and launches
 * the script. */
static struct launch *launch_script(struct fixture *fixture, struct keeper *keeper,
                                    const char *script)
{
    const char *argv[] = {"bash", "-c", script, fixture->mark, NULL};
    struct launch_options options = {.argv = (char **)argv, .terminal_fd = keeper_slave_fd(keeper)};
    int saved[3];
    for (int fd = 0; fd < 3; fd++) {
        saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        dup2(keeper_slave_fd(keeper), fd);
    }
    struct launch *launch = launch_prepare(&options, NULL);
    for (int fd = 0; fd < 3; fd++) {
        dup2(saved[fd], fd);
        close(saved[fd]);
    }
    assert_non_null(launch);
    assert_true(launch_go(launch, NULL));
    keeper_hand_over(keeper, launch_pidfd(launch));
    return launch;
}

static int finish(struct launch *launch)
{
    int status;
    launch_wait(launch, &status, NULL);
    launch_free(launch);
    return launch_exit_code(status);
}

static char *contents(const char *path)
{
    char *text = NULL;
    assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void assert_output(struct fixture *fixture, const char *expected)
{
    char *text = contents(fixture->file);
    assert_string_equal(text, expected);
    g_free(text);
}

/* Waits until the file holds `expected`, for when there is no keeper object to wait for. */
static void await_output(struct fixture *fixture, const char *expected)
{
    char event[512];
    int watch = inotify_init1(IN_CLOEXEC);
    assert_true(inotify_add_watch(watch, fixture->file, IN_MODIFY) >= 0);
    for (;;) {
        char *text = contents(fixture->file);
        bool is_there = strlen(text) >= strlen(expected);
        g_free(text);
        if (is_there)
            break;
        assert_true(read(watch, event, sizeof event) > 0);
    }
    close(watch);
    assert_output(fixture, expected);
}

static void test_target_has_a_terminal_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct keeper *keeper = keeper_start(fixture->file, 33, 77, NULL);
    struct launch *launch = launch_script(
        fixture, keeper, "test -t 0 && test -t 1 && test -t 2 && stty size </dev/tty");
    assert_int_equal(finish(launch), 0);
    assert_true(keeper_wait(keeper, -1));
    assert_output(fixture, "33 77\r\n");
    keeper_free(keeper);
}

static void test_file_is_private_and_not_overwritten(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    GError *error = NULL;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    assert_int_equal(stat(fixture->file, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_null(keeper_start(fixture->file, 24, 80, &error));
    assert_non_null(error);
    g_error_free(error);
    keeper_free(keeper);
}

static void test_all_bytes_of_a_burst_arrive(void **state)
{
    struct fixture *fixture = *state;
    int64_t written, discarded;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    struct launch *launch =
        launch_script(fixture, keeper, "stty -opost; head -c 3000000 /dev/zero");
    assert_int_equal(finish(launch), 0);
    assert_true(keeper_wait(keeper, -1));
    keeper_get_counts(keeper, &written, &discarded);
    assert_int_equal(written, 3000000);
    assert_int_equal(discarded, 0);
    keeper_free(keeper);
}

static void test_typed_keys_reach_the_target(void **state)
{
    struct fixture *fixture = *state;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    struct launch *launch = launch_script(fixture, keeper, "read line; echo \"$line\" >\"$0\"");
    assert_true(keeper_type(keeper, "hello\r", 6));
    assert_int_equal(finish(launch), 0);
    char *text = contents(fixture->mark);
    assert_string_equal(text, "hello\n");
    g_free(text);
    keeper_free(keeper);
}

static void test_interrupt_key_is_a_signal_for_the_target(void **state)
{
    struct fixture *fixture = *state;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    struct launch *launch = launch_script(fixture, keeper, "exec cat");
    assert_true(keeper_type(keeper, "\003", 1));
    assert_int_equal(finish(launch), 128 + SIGINT);
    keeper_free(keeper);
}

static void test_new_size_reaches_the_target(void **state)
{
    struct fixture *fixture = *state;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    struct launch *launch = launch_script(fixture, keeper, "read; stty size >\"$0\"");
    assert_true(keeper_resize(keeper, 50, 132));
    assert_true(keeper_type(keeper, "\r", 1));
    assert_int_equal(finish(launch), 0);
    char *text = contents(fixture->mark);
    assert_string_equal(text, "50 132\n");
    g_free(text);
    keeper_free(keeper);
}

static void test_full_disk_does_not_stop_the_target(void **state)
{
    struct fixture *fixture = *state;
    int64_t written, discarded;
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){.rlim_cur = 1000, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    setrlimit(RLIMIT_FSIZE, &before);
    struct launch *launch = launch_script(fixture, keeper, "stty -opost; head -c 100000 /dev/zero");
    assert_int_equal(finish(launch), 0);
    assert_true(keeper_wait(keeper, -1));
    keeper_get_counts(keeper, &written, &discarded);
    assert_int_equal(written, 1000);
    assert_int_equal(discarded, 99000);
    keeper_free(keeper);
}

static void test_terminal_can_be_closed_and_opened_again(void **state)
{
    struct fixture *fixture = *state;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    struct launch *launch = launch_script(
        fixture, keeper,
        "exec </dev/null >/dev/null 2>&1; for i in {1..2000}; do :; done; echo back >/dev/tty");
    assert_int_equal(finish(launch), 0);
    assert_true(keeper_wait(keeper, -1));
    assert_output(fixture, "back\r\n");
    keeper_free(keeper);
}

/*
 * A front end of our own making starts a keeper and a target and is killed; only then is the target
 * told to write. The pipe `go` tells it; it answers by the end of file on `done`, which it alone
 * holds.
 */
static void test_target_writes_on_when_the_front_end_is_killed(void **state)
{
    struct fixture *fixture = *state;
    int go[2], done[2];
    char byte;
    char script[256];
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    g_snprintf(
        script, sizeof script,
        "trap 'echo hangup >\"$0\"' HUP; read -u %d; echo one; echo two && echo fine >\"$0\"",
        go[0]);
    pid_t pid = fork();
    if (pid == 0) {
        close(go[1]);
        close(done[0]);
        launch_script(fixture, keeper_start(fixture->file, 24, 80, NULL), script);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(done[1]);
    assert_int_equal(write(go[1], "\n", 1), 1);
    assert_int_equal(read(done[0], &byte, 1), 0);
    char *text = contents(fixture->mark);
    assert_string_equal(text, "fine\n");
    g_free(text);
    await_output(fixture, "one\r\ntwo\r\n");
    close(go[0]);
    close(go[1]);
    close(done[0]);
}

static void test_keeper_without_target_ends_with_the_front_end(void **state)
{
    struct fixture *fixture = *state;
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    close(ends[1]);
    keeper_free(keeper);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* it kept no descriptor of ours */
    close(ends[0]);
}

static void test_empty_file_goes_with_a_keeper_that_was_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct keeper *keeper = keeper_start(fixture->file, 24, 80, NULL);
    assert_true(g_file_test(fixture->file, G_FILE_TEST_EXISTS));
    keeper_free(keeper);
    while (g_file_test(fixture->file, G_FILE_TEST_EXISTS))
        sched_yield();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_target_has_a_terminal_of_its_own),
        TEST(test_file_is_private_and_not_overwritten),
        TEST(test_all_bytes_of_a_burst_arrive),
        TEST(test_typed_keys_reach_the_target),
        TEST(test_interrupt_key_is_a_signal_for_the_target),
        TEST(test_new_size_reaches_the_target),
        TEST(test_full_disk_does_not_stop_the_target),
        TEST(test_terminal_can_be_closed_and_opened_again),
        TEST(test_target_writes_on_when_the_front_end_is_killed),
        TEST(test_keeper_without_target_ends_with_the_front_end),
        TEST(test_empty_file_goes_with_a_keeper_that_was_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

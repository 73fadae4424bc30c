/* The listener against good, wrong, partial and silent callers, each played by this process over a
 * real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/session/listener.h"

struct fixture {
    struct listener *listener;
    int seen[2]; /* on_process writes what it saw */
};

struct seen {
    pid_t pid;
    bool is_forked;
    struct listener_process *process;
};

static void on_process(struct listener_process *process, void *data)
{
    struct fixture *fixture = data;
    struct seen seen = {process->pid, process->is_forked, process};
    assert_int_equal(write(fixture->seen[1], &seen, sizeof seen), sizeof seen);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct listener_options options = {.on_process = on_process, .data = fixture};
    g_unsetenv("XDG_RUNTIME_DIR");
    if (pipe(fixture->seen) != 0)
        return -1;
    fixture->listener = listener_new(&options, NULL);
    *state = fixture;
    return fixture->listener ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    listener_free(fixture->listener);
    close(fixture->seen[0]);
    close(fixture->seen[1]);
    free(fixture);
    return 0;
}

static int call(struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    strcpy(address.sun_path, listener_socket_path(fixture->listener));
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static struct wire_hello good_hello(struct fixture *fixture)
{
    struct wire_hello hello = {.magic = WIRE_MAGIC_HELLO,
                               .version_major = WIRE_VERSION_MAJOR,
                               .size_bytes = sizeof hello,
                               .features = ~UINT64_C(0),
                               .flags = WIRE_HELLO_EXEC};
    const char *hex = listener_token_hex(fixture->listener);
    for (size_t i = 0; i < WIRE_TOKEN_BYTES; i++)
        hello.token[i] =
            (uint8_t)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return hello;
}

/* The descriptor that came with a welcome; -1 when the listener hung up instead. */
static int receive(int fd, struct wire_welcome *welcome)
{
    char control[CMSG_SPACE(sizeof(int))];
    struct iovec part = {welcome, sizeof *welcome};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    int memfd = -1;
    ssize_t n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    if (n == sizeof *welcome)
        memcpy(&memfd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof memfd);
    close(fd);
    return memfd;
}

static int greet(struct fixture *fixture, const void *bytes, size_t size,
                 struct wire_welcome *welcome)
{
    int fd = call(fixture);
    assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), size);
    return receive(fd, welcome);
}

static void test_good_hello_gets_a_sealed_segment(void **state)
{
    struct fixture *fixture = *state;
    struct wire_hello hello = good_hello(fixture);
    struct wire_welcome welcome;
    struct stat status;
    int memfd = greet(fixture, &hello, sizeof hello, &welcome);
    assert_true(memfd >= 0);
    assert_int_equal(welcome.segment_bytes, WIRE_SEGMENT_DEFAULT_BYTES);
    assert_int_equal(fstat(memfd, &status), 0);
    assert_int_equal(status.st_size, WIRE_SEGMENT_DEFAULT_BYTES);
    assert_int_equal(ftruncate(memfd, 0), -1);
    assert_int_equal(ftruncate(memfd, 1 << 20), -1);
    assert_int_equal(fcntl(memfd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    close(memfd);
}

static void test_process_is_reported_with_kernel_pid_and_shared_memory(void **state)
{
    struct fixture *fixture = *state;
    struct wire_hello hello = good_hello(fixture);
    struct wire_welcome welcome;
    struct seen seen;
    hello.flags = WIRE_HELLO_FORK;
    hello.pid = 1; /* a lie */
    int memfd = greet(fixture, &hello, sizeof hello, &welcome);
    assert_int_equal(read(fixture->seen[0], &seen, sizeof seen), sizeof seen);
    assert_int_equal(seen.pid, getpid());
    assert_true(seen.is_forked);
    struct wire_segment *ours =
        mmap(NULL, WIRE_SEGMENT_HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    assert_int_equal(ours->magic, WIRE_MAGIC_SEGMENT);
    assert_int_equal(ours->pid, getpid());
    ours->state = WIRE_STATE_RUNNING;
    assert_int_equal(seen.process->segment->state, WIRE_STATE_RUNNING);
    munmap(ours, WIRE_SEGMENT_HEAD_BYTES);
    close(memfd);
    listener_release(fixture->listener, seen.process);
}

static void test_wrong_token_is_refused_and_counted(void **state)
{
    struct fixture *fixture = *state;
    struct wire_welcome welcome;
    struct listener_counts counts;
    for (size_t i = 0; i < WIRE_TOKEN_BYTES; i++) {
        struct wire_hello hello = good_hello(fixture);
        hello.token[i] ^= 1;
        assert_int_equal(greet(fixture, &hello, sizeof hello, &welcome), -1);
    }
    listener_get_counts(fixture->listener, &counts);
    assert_int_equal(counts.bad_token, WIRE_TOKEN_BYTES);
    assert_int_equal(counts.accepted, 0);
}

static void test_wrong_version_magic_and_size_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct wire_welcome welcome;
    struct listener_counts counts;
    struct wire_hello version = good_hello(fixture), magic = version, size = version;
    version.version_major++;
    magic.magic++;
    size.size_bytes--;
    assert_int_equal(greet(fixture, &version, sizeof version, &welcome), -1);
    assert_int_equal(greet(fixture, &magic, sizeof magic, &welcome), -1);
    assert_int_equal(greet(fixture, &size, sizeof size, &welcome), -1);
    listener_get_counts(fixture->listener, &counts);
    assert_int_equal(counts.malformed, 3);
}

static void test_newer_minor_with_a_longer_hello_is_welcome(void **state)
{
    struct fixture *fixture = *state;
    struct wire_welcome welcome;
    struct {
        struct wire_hello hello;
        char more[100];
    } longer = {good_hello(fixture), {0}};
    longer.hello.version_minor = 7;
    longer.hello.size_bytes = sizeof longer;
    int memfd = greet(fixture, &longer, sizeof longer, &welcome);
    assert_true(memfd >= 0);
    close(memfd);
}

/* Another user gets through only if the directory is opened up, and then its credentials give it
 * away. */
static void test_other_user_is_refused_and_counted(void **state)
{
    struct fixture *fixture = *state;
    struct listener_counts counts;
    struct wire_welcome welcome;
    int status;
    if (geteuid() != 0)
        skip();
    char *directory = g_path_get_dirname(listener_socket_path(fixture->listener));
    chmod(directory, 0755);
    g_free(directory);
    chmod(listener_socket_path(fixture->listener), 0666);
    pid_t pid = fork();
    if (pid == 0)
        _exit(setuid(65534) != 0 || receive(call(fixture), &welcome) != -1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    listener_get_counts(fixture->listener, &counts);
    assert_int_equal(counts.foreign, 1);
    assert_int_equal(counts.accepted, 0);
}

static void test_partial_hello_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct wire_hello hello = good_hello(fixture);
    struct wire_welcome welcome;
    assert_int_equal(greet(fixture, &hello, 1, &welcome), -1);
    assert_int_equal(greet(fixture, &hello, sizeof hello - 1, &welcome), -1);
}

static void test_silent_callers_do_not_hold_up_another(void **state)
{
    struct fixture *fixture = *state;
    int silent[100];
    struct wire_hello hello = good_hello(fixture);
    struct wire_welcome welcome;
    gint64 start = g_get_monotonic_time();
    for (size_t i = 0; i < G_N_ELEMENTS(silent); i++)
        silent[i] = call(fixture);
    int memfd = greet(fixture, &hello, sizeof hello, &welcome);
    assert_true(memfd >= 0);
    assert_true(g_get_monotonic_time() - start < 900000); /* no silent one had to time out */
    close(memfd);
    for (size_t i = 0; i < G_N_ELEMENTS(silent); i++)
        close(silent[i]);
}

static void test_silent_caller_is_hung_up_on(void **state)
{
    struct fixture *fixture = *state;
    struct wire_welcome welcome;
    struct listener_counts counts;
    assert_int_equal(receive(call(fixture), &welcome), -1);
    listener_get_counts(fixture->listener, &counts);
    assert_int_equal(counts.silent, 1);
}

static void test_directory_and_socket_are_private_and_go_away(void **state)
{
    struct stat status;
    struct listener_options options = {0};
    struct listener *listener = listener_new(&options, NULL);
    (void)state;
    char *directory = g_path_get_dirname(listener_socket_path(listener));
    assert_int_equal(stat(directory, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(stat(listener_socket_path(listener), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    listener_free(listener);
    assert_int_equal(stat(directory, &status), -1);
    g_free(directory);
}

/* Makes $XDG_RUNTIME_DIR anew and returns it. */
static char *make_runtime_directory(void)
{
    char *path = g_dir_make_tmp("test_listener-XXXXXX", NULL);
    g_setenv("XDG_RUNTIME_DIR", path, TRUE);
    return path;
}

static void test_runtime_directory_is_used(void **state)
{
    struct listener_options options = {0};
    char *runtime = make_runtime_directory();
    struct listener *listener = listener_new(&options, NULL);
    (void)state;
    assert_non_null(listener);
    assert_true(g_str_has_prefix(listener_socket_path(listener), runtime));
    listener_free(listener);
    g_unsetenv("XDG_RUNTIME_DIR");
    char *folder = g_build_filename(runtime, "proftop", NULL);
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(rmdir(runtime), 0);
    g_free(folder);
    g_free(runtime);
}

/* Replaces $XDG_RUNTIME_DIR/proftop by `make` and expects to be refused. */
static void expect_refusal(void (*make)(const char *path), int (*unmake)(const char *path))
{
    struct listener_options options = {0};
    GError *error = NULL;
    char *runtime = make_runtime_directory();
    char *folder = g_build_filename(runtime, "proftop", NULL);
    make(folder);
    assert_null(listener_new(&options, &error));
    assert_true(g_error_matches(error, PROFTOP_ERROR, PROFTOP_ERROR_NOT_PERMITTED));
    assert_int_equal(unmake(folder), 0);
    assert_int_equal(rmdir(runtime), 0);
    g_unsetenv("XDG_RUNTIME_DIR");
    g_error_free(error);
    g_free(folder);
    g_free(runtime);
}

static void make_link(const char *path)
{
    assert_int_equal(symlink("/tmp", path), 0);
}

static void make_open(const char *path)
{
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(chmod(path, 0777), 0);
}

static void make_file(const char *path)
{
    assert_true(g_file_set_contents(path, "", 0, NULL));
}

static void test_symbolic_link_as_directory_is_refused(void **state)
{
    (void)state;
    expect_refusal(make_link, unlink);
}

static void test_directory_open_to_others_is_refused(void **state)
{
    (void)state;
    expect_refusal(make_open, rmdir);
}

static void test_file_in_place_of_the_directory_is_refused(void **state)
{
    (void)state;
    expect_refusal(make_file, unlink);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_good_hello_gets_a_sealed_segment),
        TEST(test_process_is_reported_with_kernel_pid_and_shared_memory),
        TEST(test_wrong_token_is_refused_and_counted),
        TEST(test_wrong_version_magic_and_size_are_refused),
        TEST(test_newer_minor_with_a_longer_hello_is_welcome),
        TEST(test_other_user_is_refused_and_counted),
        TEST(test_partial_hello_is_refused),
        TEST(test_silent_callers_do_not_hold_up_another),
        TEST(test_silent_caller_is_hung_up_on),
        TEST(test_directory_and_socket_are_private_and_go_away),
        cmocka_unit_test(test_runtime_directory_is_used),
        cmocka_unit_test(test_symbolic_link_as_directory_is_refused),
        cmocka_unit_test(test_directory_open_to_others_is_refused),
        cmocka_unit_test(test_file_in_place_of_the_directory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

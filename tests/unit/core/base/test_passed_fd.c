/* Descriptors in messages, over a socket pair. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/base/passed_fd.h"

struct fixture {
    int ends[2];
    int pipe[2];
};

static struct fixture fixture;

static int set_up(void **state)
{
    (void)state;
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fixture.ends) ||
           pipe2(fixture.pipe, O_CLOEXEC);
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        close(fixture.ends[i]);
        close(fixture.pipe[i]);
    }
    return 0;
}

static void test_descriptor_arrives_with_its_bytes(void **state)
{
    char text[8] = "", byte = 0;
    int fd;
    (void)state;
    assert_true(passed_fd_send(fixture.ends[0], "take", 5, fixture.pipe[1], 0));
    assert_int_equal(passed_fd_receive(fixture.ends[1], text, sizeof text, 0, &fd), 5);
    assert_string_equal(text, "take");
    assert_true(fd >= 0 && fd != fixture.pipe[1]);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(read(fixture.pipe[0], &byte, 1), 1);
    assert_int_equal(byte, 'x');
    close(fd);
}

static void test_message_without_descriptor_gives_none(void **state)
{
    char text[8];
    int fd = 1;
    (void)state;
    assert_int_equal(send(fixture.ends[0], "bare", 5, 0), 5);
    assert_int_equal(passed_fd_receive(fixture.ends[1], text, sizeof text, 0, &fd), 5);
    assert_int_equal(fd, -1);
}

static void test_only_one_descriptor_is_taken(void **state)
{
    char text[8] = "two";
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control = {.header = {.cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN(2 * sizeof(int))}};
    struct iovec part = {.iov_base = text, .iov_len = 4};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    int fd, next = dup(fixture.pipe[0]);
    (void)state;
    close(next); /* the lowest free number: what the next new descriptor gets */
    memcpy(CMSG_DATA(&control.header), fixture.pipe, sizeof fixture.pipe);
    assert_int_equal(sendmsg(fixture.ends[0], &message, 0), 4);
    assert_int_equal(passed_fd_receive(fixture.ends[1], text, sizeof text, 0, &fd), 4);
    if (fd >= 0)
        close(fd);
    int now = dup(fixture.pipe[0]);
    assert_int_equal(now, next); /* nothing else was left open */
    close(now);
}

static void test_failures_are_told(void **state)
{
    char text[8];
    int fd = 1;
    (void)state;
    assert_int_equal(passed_fd_receive(fixture.ends[1], text, sizeof text, MSG_DONTWAIT, &fd), -1);
    assert_int_equal(fd, -1);
    close(fixture.ends[1]);
    assert_false(passed_fd_send(fixture.ends[0], "gone", 5, fixture.pipe[1], 0));
    fixture.ends[1] = dup(fixture.ends[0]);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_descriptor_arrives_with_its_bytes),
        TEST(test_message_without_descriptor_gives_none),
        TEST(test_only_one_descriptor_is_taken),
        TEST(test_failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * See handshake.h. Raw system calls throughout: libc's connect, sendmsg, recvmsg and close are
 * cancellation points, and this runs inside the fork() of a program that may have a cancellation
 * pending.
 */
#include "collectors/target/handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    TIMEOUT_US = 200000,
    PROMPT_US = 2000,
    RETRIES_MAX = 20,
    TIGHT_BYTES = 9 * WIRE_SLOT_BYTES,
};

#define SEGMENT_BYTES_MAX (UINT64_C(1) << 36) /* with a heap; a file with holes */
#define MAPPED_BYTES_MAX  (UINT64_C(1) << 30) /* without it */

static void close_raw(int fd)
{
    syscall(SYS_close, fd);
}

void handshake_close(int fd)
{
    close_raw(fd);
}

static bool set_timeout(int fd, int option, long timeout_us)
{
    struct timeval timeout = {.tv_usec = timeout_us};
    return setsockopt(fd, SOL_SOCKET, option, &timeout, sizeof timeout) == 0;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (set_timeout(fd, SO_SNDTIMEO, TIMEOUT_US) && set_timeout(fd, SO_RCVTIMEO, PROMPT_US) &&
        syscall(SYS_connect, fd, &address, sizeof address) == 0)
        return fd;
    close_raw(fd);
    return -1;
}

static bool send_hello(int fd, const uint8_t *token, uint32_t flags)
{
    struct wire_hello hello = {
        .magic = WIRE_MAGIC_HELLO,
        .version_major = WIRE_VERSION_MAJOR,
        .version_minor = WIRE_VERSION_MINOR,
        .size_bytes = sizeof hello,
        .features = WIRE_FEATURE_LIFECYCLE | WIRE_FEATURE_CPU_TIMER | WIRE_FEATURE_HEAP |
                    WIRE_FEATURE_CALLS,
        .pid = getpid(),
        .ppid = getppid(),
        .flags = flags,
    };
    memcpy(hello.token, token, sizeof hello.token);
    return syscall(SYS_sendto, fd, &hello, sizeof hello, MSG_NOSIGNAL, NULL, 0) == sizeof hello;
}

/* Receives one message; a signal handler of the program may interrupt it, so it is tried again a
 * bounded number of times. */
static long receive(int fd, struct msghdr *message)
{
    for (int i = 0; i < RETRIES_MAX; i++) {
        long n = syscall(SYS_recvmsg, fd, message, MSG_CMSG_CLOEXEC);
        if (n >= 0 || errno != EINTR)
            return n;
    }
    return -1;
}

/* Whether the process at the other end is stopped (by a shell's job control, a debugger): it will
 * not answer. */
static bool is_peer_stopped(int fd)
{
    char path[32], text[256], digits[12], *digit = digits + sizeof digits - 1;
    struct ucred peer = {0};
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || peer.pid <= 0)
        return false;
    *digit = '\0';
    for (pid_t left = peer.pid; left > 0; left /= 10)
        *--digit = (char)('0' + left % 10);
    stpcpy(stpcpy(stpcpy(path, "/proc/"), digit), "/stat");
    int stat_fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (stat_fd < 0)
        return false;
    long n = syscall(SYS_read, stat_fd, text, sizeof text - 1);
    close_raw(stat_fd);
    text[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && (strncmp(name_end, ") T", 3) == 0 || strncmp(name_end, ") t", 3) == 0);
}

/* The answer usually comes within 0.1 ms; only when it does not is it worth asking whether it will.
 */
static long receive_patiently(int fd, struct msghdr *message)
{
    size_t room = message->msg_controllen;
    long n = receive(fd, message);
    if (n >= 0 || errno != EAGAIN || is_peer_stopped(fd) ||
        !set_timeout(fd, SO_RCVTIMEO, TIMEOUT_US))
        return n;
    message->msg_controllen = room;
    return receive(fd, message);
}

/* The descriptor in a control message, or -1. The buffer has room for one, so the kernel drops any
 * others. */
static int passed_descriptor(struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static int receive_welcome(int fd, struct wire_welcome *welcome)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {.iov_base = welcome, .iov_len = sizeof *welcome};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = CMSG_LEN(sizeof(int))}; /* not the padding */
    long n = receive_patiently(fd, &message);
    int segment_fd = n >= 0 ? passed_descriptor(&message) : -1;
    if (segment_fd >= 0 && n == sizeof *welcome && welcome->magic == WIRE_MAGIC_WELCOME &&
        welcome->version_major == WIRE_VERSION_MAJOR)
        return segment_fd;
    if (segment_fd >= 0)
        close_raw(segment_fd);
    return -1;
}

/* A segment that could shrink would let its other side raise SIGBUS here. */
static bool is_sealed(int fd, uint64_t size)
{
    const int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    struct stat status;
    return (syscall(SYS_fcntl, fd, F_GET_SEALS) & wanted) == wanted && fstat(fd, &status) == 0 &&
           (uint64_t)status.st_size == size;
}

/* The most of a segment that can be mapped, from its start. */
static void *map_prefix(int fd, uint64_t size, size_t *ret_mapped_bytes)
{
    for (uint64_t bytes = size; bytes >= WIRE_SEGMENT_HEAD_BYTES;
         bytes = bytes / 2 & -(uint64_t)WIRE_SEGMENT_HEAD_BYTES) {
        void *start = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (start != MAP_FAILED) {
            *ret_mapped_bytes = (size_t)bytes;
            return start;
        }
    }
    return NULL;
}

/* Where the address space is limited, the program needs it more: take the first of all slots. */
static uint64_t modest(uint64_t size)
{
    struct rlimit limit;
    bool is_limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
    return is_limited && size > TIGHT_BYTES ? TIGHT_BYTES : size;
}

static uint64_t end_before(uint64_t offset, uint64_t end)
{
    return offset && offset < end ? offset : end;
}

/* How much of the segment there is in front of the heap and the calls, which map their parts by
 * themselves; 0: it makes no sense. */
static uint64_t size_of_rest(int fd, uint64_t size)
{
    struct wire_segment head;
    const long bytes = offsetof(struct wire_segment, reserved_offsets);
    if (syscall(SYS_pread64, fd, &head, bytes, 0L) != bytes)
        return 0;
    uint64_t end = end_before(head.calls_offset, end_before(head.heap_offset, size));
    end &= -(uint64_t)WIRE_SEGMENT_HEAD_BYTES;
    return end <= MAPPED_BYTES_MAX ? end : 0;
}

static struct wire_segment *map_segment(int fd, uint64_t size, size_t *ret_mapped_bytes)
{
    if (size < WIRE_SEGMENT_HEAD_BYTES || size > SEGMENT_BYTES_MAX || !is_sealed(fd, size))
        return NULL;
    uint64_t wanted = modest(size_of_rest(fd, size));
    struct wire_segment *segment = map_prefix(fd, wanted, ret_mapped_bytes);
    if (!segment)
        return NULL;
    if (segment->magic == WIRE_MAGIC_SEGMENT && segment->version_major == WIRE_VERSION_MAJOR &&
        madvise(segment, *ret_mapped_bytes, MADV_DONTFORK) == 0) {
        madvise(segment, *ret_mapped_bytes, MADV_DONTDUMP);
        return segment;
    }
    munmap(segment, *ret_mapped_bytes);
    return NULL;
}

struct wire_segment *handshake(const char *path, const uint8_t *token, uint32_t flags,
                               size_t *ret_mapped_bytes, int *ret_fd)
{
    struct wire_segment *segment = NULL;
    struct wire_welcome welcome;
    int fd = connect_to(path);
    if (fd < 0)
        return NULL;
    int segment_fd = send_hello(fd, token, flags) ? receive_welcome(fd, &welcome) : -1;
    close_raw(fd);
    if (segment_fd < 0)
        return NULL;
    segment = map_segment(segment_fd, welcome.segment_bytes, ret_mapped_bytes);
    if (segment)
        *ret_fd = segment_fd;
    else
        close_raw(segment_fd);
    return segment;
}

/*
 * See terminal_keeper.h. The first half runs in the keeper process, which after fork uses nothing
 * but system calls and its own `struct loop`; the second half runs in proftop. They share a socket
 * pair (SOCK_SEQPACKET: one message is one request, an end of file means that the other side is
 * gone) and two counters in a shared page.
 */
#include "core/target/terminal_keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/passed_fd.h"

enum {
    TYPED_MAX = 4096,
    PENDING_MAX = 65536,
    CHUNK = 65536,
    CHUNKS_PER_ROUND = 16,
    RETRY_MS = 100
};
enum { KEEPER_MASTER = 3, KEEPER_FILE = 4, KEEPER_CONTROL = 5 }; /* descriptors of the keeper */
enum { POLL_TERMINAL, POLL_CONTROL, POLL_TARGET, N_POLL };

enum request_kind { REQUEST_TYPE, REQUEST_RESIZE, REQUEST_TARGET };

struct request {
    uint32_t kind;
    uint16_t rows, columns;
    char typed[TYPED_MAX]; /* as much as the message is long */
};

#define REQUEST_HEAD offsetof(struct request, typed)

struct counts {
    _Atomic int64_t written;
    _Atomic int64_t discarded;
    char path[PATH_MAX]; /* of the file; written before the keeper starts */
};

struct keeper {
    int slave_fd;
    int control_fd;
    struct counts *counts;
};

/* ---- in the keeper ---- */

struct loop {
    struct counts *counts;
    int64_t limit;
    int target_fd; /* pidfd, -1: not told or ended */
    bool has_target, has_target_ended;
    bool is_alone;    /* proftop is gone */
    bool is_hung_up;  /* nobody has the terminal open at the moment */
    size_t n_pending; /* typed, not yet taken by the terminal */
    char pending[PENDING_MAX];
    char chunk[CHUNK];
};

/* Appends to the file or throws away: never blocks on a full disk, never fails. */
static void store(struct loop *loop, const char *bytes, size_t size)
{
    while (size > 0 && loop->counts->written < loop->limit) {
        ssize_t n = write(KEEPER_FILE, bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        loop->counts->written += n;
        bytes += n;
        size -= (size_t)n;
    }
    loop->counts->discarded += (int64_t)size;
}

static void read_terminal(struct loop *loop)
{
    for (int i = 0; i < CHUNKS_PER_ROUND; i++) {
        ssize_t n = read(KEEPER_MASTER, loop->chunk, sizeof loop->chunk);
        if (n < 0 && errno == EINTR)
            continue;
        loop->is_hung_up = n == 0 || (n < 0 && errno != EAGAIN);
        if (n <= 0)
            return;
        store(loop, loop->chunk, (size_t)n);
    }
}

static void write_pending(struct loop *loop)
{
    ssize_t n = write(KEEPER_MASTER, loop->pending, loop->n_pending);
    if (n <= 0)
        return;
    loop->n_pending -= (size_t)n;
    memmove(loop->pending, loop->pending + n, loop->n_pending);
}

static void answer(struct loop *loop, const struct request *request, size_t size, int fd)
{
    struct winsize window = {.ws_row = request->rows, .ws_col = request->columns};
    size_t n = size - REQUEST_HEAD;
    if (request->kind == REQUEST_TARGET) {
        loop->has_target = fd >= 0;
        loop->target_fd = fd;
    } else if (request->kind == REQUEST_RESIZE) {
        ioctl(KEEPER_MASTER, TIOCSWINSZ, &window);
    } else if (request->kind == REQUEST_TYPE && n <= sizeof loop->pending - loop->n_pending) {
        memcpy(loop->pending + loop->n_pending, request->typed, n);
        loop->n_pending += n;
    }
}

static void read_request(struct loop *loop)
{
    struct request request;
    int fd;
    ssize_t n = passed_fd_receive(KEEPER_CONTROL, &request, sizeof request, MSG_DONTWAIT, &fd);
    if (n >= (ssize_t)REQUEST_HEAD)
        answer(loop, &request, (size_t)n, fd);
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        loop->is_alone = true;
    if (loop->is_alone)
        loop->limit = MIN(loop->limit, loop->counts->written + KEEPER_ORPHAN_MAX_BYTES);
}

static bool may_end(const struct loop *loop)
{
    return loop->is_hung_up && (loop->has_target ? loop->has_target_ended : loop->is_alone);
}

static void keep(struct loop *loop)
{
    while (!may_end(loop)) {
        short terminal_events = loop->n_pending > 0 ? POLLIN | POLLOUT : POLLIN;
        struct pollfd fds[N_POLL] = {
            /* a terminal that nobody has open is always "ready": look again now and then */
            [POLL_TERMINAL] = {loop->is_hung_up ? -1 : KEEPER_MASTER, terminal_events, 0},
            [POLL_CONTROL] = {loop->is_alone ? -1 : KEEPER_CONTROL, POLLIN, 0},
            [POLL_TARGET] = {loop->has_target_ended ? -1 : loop->target_fd, POLLIN, 0},
        };
        if (poll(fds, N_POLL, loop->is_hung_up ? RETRY_MS : -1) < 0)
            continue;
        if (fds[POLL_CONTROL].revents)
            read_request(loop);
        if (fds[POLL_TARGET].revents)
            loop->has_target_ended = true;
        if (fds[POLL_TERMINAL].revents & POLLOUT)
            write_pending(loop);
        if (fds[POLL_TERMINAL].revents & ~POLLOUT || loop->is_hung_up)
            read_terminal(loop);
    }
}

/* Keeps exactly the three descriptors, as KEEPER_MASTER and so on, and /dev/null as the standard
 * ones. */
static void keep_descriptors(int master_fd, int file_fd, int control_fd)
{
    int fds[] = {master_fd, file_fd, control_fd};
    for (int i = 0; i < 3; i++)
        fds[i] = fcntl(fds[i], F_DUPFD, KEEPER_CONTROL + 1);
    for (int i = 0; i < 3; i++)
        dup2(fds[i], KEEPER_MASTER + i);
    close_range(KEEPER_CONTROL + 1, ~0U, 0);
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(null_fd, fd);
    close(null_fd);
}

static void ignore_signals(void)
{
    static const int ignored[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE,
                                  SIGTSTP, SIGTTIN, SIGTTOU, SIGXFSZ};
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++)
        signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* An empty file that proftop left behind, for the target could still have written, and its folder
 * when there is nothing else in it. */
static void remove_empty(struct counts *counts)
{
    char *slash = strrchr(counts->path, '/');
    if (counts->written > 0 || !slash || unlink(counts->path) != 0)
        return;
    *slash = '\0';
    rmdir(counts->path);
}

static void be_keeper(struct counts *counts, int master_fd, int file_fd, int control_fd)
    __attribute__((noreturn));

static void be_keeper(struct counts *counts, int master_fd, int file_fd, int control_fd)
{
    struct loop loop = {.counts = counts, .limit = KEEPER_FILE_MAX_BYTES, .target_fd = -1};
    ignore_signals();
    setsid();
    keep_descriptors(master_fd, file_fd, control_fd);
    prctl(PR_SET_NAME, "proftop-keeper");
    if (chdir("/") != 0) /* hold no file system busy */
        _exit(EXIT_FAILURE);
    keep(&loop);
    if (loop.is_alone)
        remove_empty(counts);
    _exit(EXIT_SUCCESS);
}

/* ---- in proftop ---- */

static void copy_settings(int fd, int rows, int columns)
{
    struct termios settings;
    struct winsize window = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
    for (int real = STDIN_FILENO; real <= STDERR_FILENO; real++) {
        if (tcgetattr(real, &settings) == 0) {
            tcsetattr(fd, TCSANOW, &settings);
            break;
        }
    }
    ioctl(fd, TIOCSWINSZ, &window);
}

/* Opens both sides; on failure neither is left open. */
static bool open_terminal(int *ret_master, int *ret_slave, GError **error)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    if (master < 0)
        return proftop_error_set_errno(error, "cannot make a terminal for the target");
    int slave = -1;
    if (grantpt(master) == 0 && unlockpt(master) == 0 && ptsname_r(master, name, sizeof name) == 0)
        slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave >= 0 && fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK) == 0) {
        *ret_master = master;
        *ret_slave = slave;
        return true;
    }
    proftop_error_set_errno(error, "cannot open a terminal for the target");
    if (slave >= 0)
        close(slave);
    close(master);
    return false;
}

/* Forks twice, so that the keeper is not a child of proftop that someone must wait for. */
static bool fork_keeper(struct counts *counts, int master_fd, int file_fd, int control_fd)
{
    pid_t middle = fork();
    int status = 0;
    if (middle == 0) {
        pid_t pid = fork();
        if (pid == 0)
            be_keeper(counts, master_fd, file_fd, control_fd);
        _exit(pid > 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    if (middle < 0)
        return false;
    while (waitpid(middle, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

/* The keeper's half of the work, with everything it needs open. */
static bool set_up_keeper(struct keeper *keeper, const char *path, int master_fd, int file_fd,
                          GError **error)
{
    int pair[2];
    void *page = mmap(NULL, sizeof *keeper->counts, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return proftop_error_set_errno(error, "cannot share memory");
    keeper->counts = page;
    if (g_strlcpy(keeper->counts->path, path, PATH_MAX) >= PATH_MAX)
        keeper->counts->path[0] = '\0';
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return proftop_error_set_errno(error, "cannot make a socket pair");
    keeper->control_fd = pair[0];
    bool is_forked = fork_keeper(keeper->counts, master_fd, file_fd, pair[1]);
    if (!is_forked)
        proftop_error_set_errno(error, "cannot start the process that keeps the target's terminal");
    close(pair[1]);
    return is_forked;
}

struct keeper *keeper_start(const char *path, int rows, int columns, GError **error)
{
    struct keeper *keeper = g_new0(struct keeper, 1);
    int master_fd = -1;
    keeper->slave_fd = keeper->control_fd = -1;
    bool is_good = open_terminal(&master_fd, &keeper->slave_fd, error);
    int file_fd =
        !is_good
            ? -1
            : open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (is_good && file_fd < 0)
        is_good = proftop_error_set_errno(error, path);
    if (is_good) {
        copy_settings(keeper->slave_fd, rows, columns);
        is_good = set_up_keeper(keeper, path, master_fd, file_fd, error);
    }
    if (file_fd >= 0)
        close(file_fd);
    if (master_fd >= 0)
        close(master_fd);
    if (is_good)
        return keeper;
    keeper_free(keeper);
    return NULL;
}

int keeper_slave_fd(const struct keeper *keeper)
{
    return keeper->slave_fd;
}

static bool send_request(struct keeper *keeper, const struct request *request, size_t n_typed)
{
    size_t size = REQUEST_HEAD + n_typed;
    return send(keeper->control_fd, request, size, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size;
}

static void send_target(struct keeper *keeper, int pidfd)
{
    struct request request = {.kind = REQUEST_TARGET};
    passed_fd_send(keeper->control_fd, &request, REQUEST_HEAD, pidfd, 0);
}

void keeper_hand_over(struct keeper *keeper, int pidfd)
{
    if (pidfd >= 0)
        send_target(keeper, pidfd);
    if (keeper->slave_fd >= 0)
        close(keeper->slave_fd);
    keeper->slave_fd = -1;
}

bool keeper_type(struct keeper *keeper, const void *bytes, size_t size)
{
    const char *at = bytes;
    struct request request = {.kind = REQUEST_TYPE};
    while (size > 0) {
        size_t n = MIN(size, sizeof request.typed);
        memcpy(request.typed, at, n);
        if (!send_request(keeper, &request, n))
            return false;
        at += n;
        size -= n;
    }
    return true;
}

bool keeper_resize(struct keeper *keeper, int rows, int columns)
{
    struct request request = {
        .kind = REQUEST_RESIZE, .rows = (uint16_t)rows, .columns = (uint16_t)columns};
    return send_request(keeper, &request, 0);
}

void keeper_get_counts(const struct keeper *keeper, int64_t *ret_written, int64_t *ret_discarded)
{
    *ret_written = keeper->counts->written;
    *ret_discarded = keeper->counts->discarded;
}

bool keeper_wait(struct keeper *keeper, int timeout_ms)
{
    struct pollfd fds = {keeper->control_fd, POLLIN, 0};
    int n;
    do
        n = poll(&fds, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

void keeper_free(struct keeper *keeper)
{
    if (!keeper)
        return;
    if (keeper->slave_fd >= 0)
        close(keeper->slave_fd);
    if (keeper->control_fd >= 0)
        close(keeper->control_fd);
    if (keeper->counts)
        munmap(keeper->counts, sizeof *keeper->counts);
    g_free(keeper);
}

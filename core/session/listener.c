/*
 * See listener.h. One thread polls the socket, a wake-up eventfd and the callers that have not
 * spoken yet. Nothing in it blocks: a caller has one second for its one message, and when too many
 * are silent the oldest goes.
 *
 * The memfd is made here and not in the target, where a file size limit would turn ftruncate into a
 * deadly signal. It is sealed before it is sent, so that no one can shrink it under our mapping.
 */
#include "core/session/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/error.h"
#include "core/base/passed_fd.h"
#include "core/session/private_directory.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

enum { CALLERS_MAX = 64, HELLO_TIMEOUT_MS = 1000, BACKLOG = 512, ACCEPT_PAUSE_MS = 50 };
enum { POLL_WAKE, POLL_SOCKET, POLL_CALLERS };

/* A connection whose hello has not come yet. */
struct caller {
    int fd;
    pid_t pid;
    int64_t deadline_ms;
};

struct listener {
    struct listener_options options;
    char *directory;
    char *socket_path;
    char token_hex[2 * WIRE_TOKEN_BYTES + 1];
    uint8_t token[WIRE_TOKEN_BYTES];
    int socket_fd;
    int wake_fd;
    bool has_thread;
    pthread_t thread;

    /* the thread's own */
    struct caller callers[CALLERS_MAX]; /* oldest first */
    size_t n_callers;
    bool is_accept_paused; /* out of descriptors: accept again after ACCEPT_PAUSE_MS */

    pthread_mutex_t lock;
    GHashTable *processes;    /* under lock: set of struct listener_process, a reference each */
    pthread_mutex_t tap_lock; /* held while an on_process of theirs runs */
    struct listener_tap taps[LISTENER_TAPS_MAX];
    size_t n_taps;

    atomic_uint accepted, foreign, malformed, bad_token, silent, refused;
};

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

/* ---- segments ---- */

static size_t whole_pages(size_t size)
{
    if (size < WIRE_SEGMENT_HEAD_BYTES)
        size = size ? WIRE_SEGMENT_HEAD_BYTES : WIRE_SEGMENT_DEFAULT_BYTES;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

/* With the taps' lock. */
static size_t segment_size(const struct listener *listener)
{
    size_t wanted = WIRE_SEGMENT_HEAD_BYTES;
    for (size_t i = 0; i < listener->n_taps; i++)
        wanted += listener->taps[i].bytes;
    return MAX(whole_pages(listener->options.segment_bytes), wanted);
}

/* Likewise. */
static uint64_t served_features(const struct listener *listener)
{
    uint64_t features = WIRE_FEATURE_LIFECYCLE;
    for (size_t i = 0; i < listener->n_taps; i++)
        features |= listener->taps[i].features;
    return features;
}

static int make_memfd(size_t size)
{
    int fd = memfd_create(WIRE_SEGMENT_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        fd = memfd_create(WIRE_SEGMENT_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -1;
    if (ftruncate(fd, (off_t)size) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return fd;
    close(fd);
    return -1;
}

static struct listener_process *process_new(const struct listener *listener, pid_t pid,
                                            const struct wire_hello *hello, int memfd)
{
    size_t size = segment_size(listener);
    struct stat file;
    struct wire_segment *segment = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
    if (segment == MAP_FAILED)
        return NULL;
    madvise(segment, size, MADV_DONTFORK);
    segment->magic = WIRE_MAGIC_SEGMENT;
    segment->version_major = WIRE_VERSION_MAJOR;
    segment->version_minor = WIRE_VERSION_MINOR;
    segment->head_bytes = WIRE_SEGMENT_HEAD_BYTES;
    segment->features = hello->features & served_features(listener);
    segment->segment_bytes = size;
    segment->pid = pid;
    segment->hello_flags = hello->flags;
    struct listener_process *process = g_new0(struct listener_process, 1);
    process->pid = pid;
    process->is_forked = (hello->flags & WIRE_HELLO_FORK) != 0;
    process->features = segment->features;
    process->segment = segment;
    process->segment_bytes = size;
    process->segment_inode = fstat(memfd, &file) == 0 ? file.st_ino : 0;
    process->references = 1;
    return process;
}

struct listener_process *listener_process_ref(struct listener_process *process)
{
    __atomic_fetch_add(&process->references, 1, __ATOMIC_RELAXED);
    return process;
}

void listener_process_unref(struct listener_process *process)
{
    if (__atomic_sub_fetch(&process->references, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    munmap(process->segment, process->segment_bytes);
    g_free(process);
}

static void drop_process(void *process)
{
    listener_process_unref(process);
}

static guint count_processes(struct listener *listener)
{
    pthread_mutex_lock(&listener->lock);
    guint n = g_hash_table_size(listener->processes);
    pthread_mutex_unlock(&listener->lock);
    return n;
}

static void keep_process(struct listener *listener, struct listener_process *process)
{
    pthread_mutex_lock(&listener->lock);
    g_hash_table_add(listener->processes, process);
    pthread_mutex_unlock(&listener->lock);
}

/* ---- one caller ---- */

static bool send_welcome(int fd, const struct listener_process *process, int memfd)
{
    struct wire_welcome welcome = {.magic = WIRE_MAGIC_WELCOME,
                                   .version_major = WIRE_VERSION_MAJOR,
                                   .version_minor = WIRE_VERSION_MINOR,
                                   .size_bytes = sizeof welcome,
                                   .features = process->features,
                                   .segment_bytes = process->segment_bytes};
    return passed_fd_send(fd, &welcome, sizeof welcome, memfd, MSG_DONTWAIT);
}

/* Takes the time it takes whatever the bytes are, so that it tells nothing about them. */
static bool is_token_equal(const uint8_t *a, const uint8_t *b)
{
    unsigned difference = 0;
    for (size_t i = 0; i < WIRE_TOKEN_BYTES; i++)
        difference |= (unsigned)(a[i] ^ b[i]);
    return difference == 0;
}

/* Tells those who want to know, before the process is let on. With the taps' lock. */
static void announce(struct listener *listener, struct listener_process *process)
{
    if (listener->options.on_process)
        listener->options.on_process(process, listener->options.data);
    size_t offset = WIRE_SEGMENT_HEAD_BYTES;
    for (size_t i = 0; i < listener->n_taps; i++) {
        listener->taps[i].on_process(process, offset, listener->taps[i].data);
        offset += listener->taps[i].bytes;
    }
}

static void welcome_caller(struct listener *listener, const struct caller *caller,
                           const struct wire_hello *hello)
{
    struct listener_process *process = NULL;
    int memfd = -1;
    pthread_mutex_lock(&listener->tap_lock);
    if (count_processes(listener) < LISTENER_PROCESSES_MAX)
        memfd = make_memfd(segment_size(listener));
    if (memfd >= 0)
        process = process_new(listener, caller->pid, hello, memfd);
    if (process) {
        keep_process(listener, process);
        announce(listener, process);
    }
    pthread_mutex_unlock(&listener->tap_lock);
    atomic_fetch_add(process ? &listener->accepted : &listener->refused, 1);
    if (process)
        send_welcome(caller->fd, process, memfd);
    if (memfd >= 0)
        close(memfd);
}

/* Reads the hello of a caller that has something to say, answers it, and is done with it. */
static void serve_caller(struct listener *listener, const struct caller *caller)
{
    struct wire_hello hello;
    ssize_t n = recv(caller->fd, &hello, sizeof hello, MSG_DONTWAIT | MSG_TRUNC);
    if (n <= 0)
        atomic_fetch_add(&listener->silent, 1);
    else if (n < (ssize_t)sizeof hello || n != (ssize_t)hello.size_bytes ||
             hello.magic != WIRE_MAGIC_HELLO || hello.version_major != WIRE_VERSION_MAJOR)
        atomic_fetch_add(&listener->malformed, 1);
    else if (!is_token_equal(hello.token, listener->token))
        atomic_fetch_add(&listener->bad_token, 1);
    else
        welcome_caller(listener, caller, &hello);
}

static bool is_allowed(const struct ucred *peer)
{
    return peer->pid > 0 && (peer->uid == geteuid() || peer->uid == 0);
}

static void drop_caller(struct listener *listener, size_t index)
{
    close(listener->callers[index].fd);
    listener->n_callers--;
    memmove(&listener->callers[index], &listener->callers[index + 1],
            (listener->n_callers - index) * sizeof *listener->callers);
}

static void add_caller(struct listener *listener, int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || !is_allowed(&peer)) {
        atomic_fetch_add(&listener->foreign, 1);
        close(fd);
        return;
    }
    if (listener->n_callers == CALLERS_MAX) {
        atomic_fetch_add(&listener->silent, 1);
        drop_caller(listener, 0);
    }
    listener->callers[listener->n_callers++] =
        (struct caller){.fd = fd, .pid = peer.pid, .deadline_ms = now_ms() + HELLO_TIMEOUT_MS};
}

static void accept_callers(struct listener *listener)
{
    for (int i = 0; i < CALLERS_MAX; i++) {
        int fd = accept4(listener->socket_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            listener->is_accept_paused = errno == EMFILE || errno == ENFILE || errno == ENOMEM;
            return;
        }
        add_caller(listener, fd);
    }
}

/* ---- the thread ---- */

static size_t fill_poll(const struct listener *listener, struct pollfd *fds)
{
    fds[POLL_WAKE] = (struct pollfd){.fd = listener->wake_fd, .events = POLLIN};
    fds[POLL_SOCKET] = (struct pollfd){.fd = listener->is_accept_paused ? -1 : listener->socket_fd,
                                       .events = POLLIN};
    for (size_t i = 0; i < listener->n_callers; i++)
        fds[POLL_CALLERS + i] = (struct pollfd){.fd = listener->callers[i].fd, .events = POLLIN};
    return POLL_CALLERS + listener->n_callers;
}

static int poll_timeout_ms(const struct listener *listener)
{
    int64_t left = -1;
    if (listener->n_callers > 0)
        left = MAX(0, listener->callers[0].deadline_ms - now_ms());
    if (listener->is_accept_paused)
        left = left < 0 ? ACCEPT_PAUSE_MS : MIN(left, ACCEPT_PAUSE_MS);
    return (int)left;
}

/* Serves those that spoke and drops those whose time is over; from the end, as both shorten the
 * list. */
static void attend_callers(struct listener *listener, const struct pollfd *fds)
{
    int64_t now = now_ms();
    for (size_t i = listener->n_callers; i-- > 0;) {
        short events = fds[POLL_CALLERS + i].revents;
        if (events == POLLIN)
            serve_caller(listener, &listener->callers[i]);
        else if (!events && now < listener->callers[i].deadline_ms)
            continue;
        else /* out of time, or it has hung up: it would not map a segment any more */
            atomic_fetch_add(&listener->silent, 1);
        drop_caller(listener, i);
    }
}

static void *listen_thread(void *data)
{
    struct listener *listener = data;
    struct pollfd fds[POLL_CALLERS + CALLERS_MAX];
    for (;;) {
        size_t n = fill_poll(listener, fds);
        int ready = poll(fds, n, poll_timeout_ms(listener));
        if (ready < 0)
            continue;
        if (fds[POLL_WAKE].revents)
            break;
        attend_callers(listener, fds);
        bool was_paused = listener->is_accept_paused;
        listener->is_accept_paused = false;
        if (fds[POLL_SOCKET].revents || was_paused)
            accept_callers(listener);
    }
    while (listener->n_callers > 0)
        drop_caller(listener, 0);
    return NULL;
}

/* ---- setting up ---- */

static bool make_token(struct listener *listener, GError **error)
{
    if (getrandom(listener->token, sizeof listener->token, 0) != sizeof listener->token)
        return proftop_error_set_errno(error, "cannot get random bytes");
    for (size_t i = 0; i < WIRE_TOKEN_BYTES; i++)
        g_snprintf(listener->token_hex + 2 * i, 3, "%02x", listener->token[i]);
    return true;
}

static bool bind_socket(struct listener *listener, GError **error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(listener->socket_path) > WIRE_SOCKET_PATH_MAX) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s is too long for a socket's path; unset XDG_RUNTIME_DIR",
                    listener->socket_path);
        return false;
    }
    g_strlcpy(address.sun_path, listener->socket_path, sizeof address.sun_path);
    listener->socket_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* the mode set here is the one bind gives the file: no umask that other threads would share */
    if (listener->socket_fd < 0 || fchmod(listener->socket_fd, 0600) != 0 ||
        bind(listener->socket_fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener->socket_fd, BACKLOG) != 0)
        return proftop_error_set_errno(error, "cannot make the socket for the target");
    return true;
}

static bool start_thread(struct listener *listener, GError **error)
{
    sigset_t all, before;
    listener->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (listener->wake_fd < 0)
        return proftop_error_set_errno(error, "cannot make an eventfd");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&listener->thread, NULL, listen_thread, listener);
    listener->has_thread = errno == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return listener->has_thread || proftop_error_set_errno(error, "cannot start a thread");
}

struct listener *listener_new(const struct listener_options *options, GError **error)
{
    struct listener *listener = g_new0(struct listener, 1);
    listener->options = *options;
    listener->socket_fd = listener->wake_fd = -1;
    listener->processes = g_hash_table_new_full(NULL, NULL, drop_process, NULL);
    pthread_mutex_init(&listener->lock, NULL);
    pthread_mutex_init(&listener->tap_lock, NULL);
    listener->directory = private_directory_make(error);
    if (listener->directory)
        listener->socket_path = g_build_filename(listener->directory, "socket", NULL);
    if (listener->directory && make_token(listener, error) && bind_socket(listener, error) &&
        start_thread(listener, error))
        return listener;
    listener_free(listener);
    return NULL;
}

const char *listener_socket_path(const struct listener *listener)
{
    return listener->socket_path;
}

const char *listener_token_hex(const struct listener *listener)
{
    return listener->token_hex;
}

void listener_get_counts(struct listener *listener, struct listener_counts *ret_counts)
{
    *ret_counts = (struct listener_counts){.accepted = atomic_load(&listener->accepted),
                                           .foreign = atomic_load(&listener->foreign),
                                           .malformed = atomic_load(&listener->malformed),
                                           .bad_token = atomic_load(&listener->bad_token),
                                           .silent = atomic_load(&listener->silent),
                                           .refused = atomic_load(&listener->refused)};
}

void listener_add_tap(struct listener *listener, const struct listener_tap *tap)
{
    pthread_mutex_lock(&listener->tap_lock);
    g_assert(listener->n_taps < LISTENER_TAPS_MAX);
    listener->taps[listener->n_taps++] = *tap;
    pthread_mutex_unlock(&listener->tap_lock);
}

void listener_remove_tap(struct listener *listener, const void *data)
{
    size_t kept = 0;
    pthread_mutex_lock(&listener->tap_lock);
    for (size_t i = 0; i < listener->n_taps; i++)
        if (listener->taps[i].data != data)
            listener->taps[kept++] = listener->taps[i];
    listener->n_taps = kept;
    pthread_mutex_unlock(&listener->tap_lock);
}

void listener_release(struct listener *listener, struct listener_process *process)
{
    pthread_mutex_lock(&listener->lock);
    g_hash_table_remove(listener->processes, process);
    pthread_mutex_unlock(&listener->lock);
}

static void stop_thread(struct listener *listener)
{
    if (!listener->has_thread)
        return;
    eventfd_write(listener->wake_fd, 1);
    pthread_join(listener->thread, NULL);
}

void listener_free(struct listener *listener)
{
    if (!listener)
        return;
    stop_thread(listener);
    if (listener->socket_fd >= 0)
        close(listener->socket_fd);
    if (listener->wake_fd >= 0)
        close(listener->wake_fd);
    if (listener->socket_path)
        unlink(listener->socket_path);
    if (listener->directory)
        rmdir(listener->directory);
    g_hash_table_unref(listener->processes);
    pthread_mutex_destroy(&listener->lock);
    pthread_mutex_destroy(&listener->tap_lock);
    g_free(listener->socket_path);
    g_free(listener->directory);
    g_free(listener);
}

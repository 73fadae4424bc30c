/*
 * Waits in every system call that a signal interrupts (epoll_wait, poll, select, nanosleep,
 * semtimedop, sigtimedwait, accept and recv with a limit of time, msgrcv, sem_timedwait), a
 * millisecond of work before each, and never expects EINTR; sleeps once for the whole time; writes
 * a megabyte by one write() into a full pipe. A profiler's signal that arrives while a thread waits
 * ends the call early. Checks every result, and that the sleeps were as long as asked.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>

#include "tests/targets/hostile/hostile.h"

enum { ROUNDS = 25, WORK_US = 300, MEGABYTE = 1 << 20 };

static const struct timespec millisecond = {0, 1000000};
static int epoll, listening, pair[2], semaphores;
static sem_t semaphore;

static int by_epoll(void)
{
    struct epoll_event event;
    return epoll_wait(epoll, &event, 1, 1);
}

static int by_poll(void)
{
    struct pollfd fd = {.fd = pair[0], .events = POLLIN};
    return poll(&fd, 1, 1);
}

static int by_select(void)
{
    struct timeval limit = {0, 1000};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pair[0], &set);
    return select(pair[0] + 1, &set, NULL, NULL, &limit);
}

static int by_nanosleep(void)
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    struct timespec left = {0, 0};
    int result = nanosleep(&millisecond, &left);
    if (clock_ns(CLOCK_MONOTONIC) - start < 1000000 || left.tv_nsec)
        broken("nanosleep was too short");
    return result;
}

static int by_semtimedop(void)
{
    struct sembuf take = {.sem_num = 0, .sem_op = -1};
    return semtimedop(semaphores, &take, 1, &millisecond) < 0 && errno == EAGAIN ? 0 : -1;
}

static int by_sigtimedwait(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    return sigtimedwait(&set, NULL, &millisecond) < 0 && errno == EAGAIN ? 0 : -1;
}

static int by_accept(void)
{
    return accept(listening, NULL, NULL) < 0 && errno == EAGAIN ? 0 : -1;
}

static int by_recv(void)
{
    char byte;
    return recv(pair[0], &byte, 1, 0) < 0 && errno == EAGAIN ? 0 : -1;
}

static int by_sem_timedwait(void)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return sem_timedwait(&semaphore, &until) < 0 && errno == ETIMEDOUT ? 0 : -1;
}

static const struct {
    const char *name;
    int (*wait)(void);
} calls[] = {
    {"epoll_wait", by_epoll},
    {"poll", by_poll},
    {"select", by_select},
    {"nanosleep", by_nanosleep},
    {"semtimedop", by_semtimedop},
    {"sigtimedwait", by_sigtimedwait},
    {"accept", by_accept},
    {"recv", by_recv},
    {"sem_timedwait", by_sem_timedwait},
};

static void *waits(void *arg)
{
    for (int round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
            burn(WORK_US * 1e-6);
            errno = 0;
            int result = calls[i].wait();
            if (result != 0)
                broken("%s: %d, errno %d", calls[i].name, result, errno);
        }
    return arg;
}

static void *sleeps(void *arg)
{
    struct timespec whole = {0, 400000000};
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    burn(0.005);
    if (clock_nanosleep(CLOCK_MONOTONIC, 0, &whole, NULL) != 0 ||
        clock_ns(CLOCK_MONOTONIC) - start < 400000000)
        broken("the long sleep was too short");
    return arg;
}

static void *writes(void *fd)
{
    char *data = malloc(MEGABYTE);
    memset(data, 1, MEGABYTE);
    burn(0.005);
    ssize_t written = write(*(int *)fd, data, MEGABYTE);
    if (written != MEGABYTE)
        broken("write of a megabyte: %zd, errno %d", written, errno);
    close(*(int *)fd);
    free(data);
    return fd;
}

static void *reads(void *fd)
{
    static char data[8192];
    ssize_t n, all = 0;
    while ((n = read(*(int *)fd, data, sizeof data)) > 0) {
        all += n;
        burn(0.001);
    }
    if (n < 0 || all != MEGABYTE)
        broken("read %zd bytes, errno %d", all, errno);
    return fd;
}

static void prepare(void)
{
    struct timeval limit = {0, 1000};
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    semaphores = semget(IPC_PRIVATE, 1, 0600);
    sem_init(&semaphore, 0, 0);
    if (epoll < 0 || semaphores < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 ||
        bind(listening, (struct sockaddr *)&any, sizeof any) != 0 || listen(listening, 1) != 0)
        cannot("no sockets or semaphores");
    setsockopt(listening, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
}

int main(void)
{
    void *(*const functions[])(void *) = {waits, sleeps, writes, reads};
    pthread_t threads[4];
    int pipes[2];
    prepare();
    if (pipe(pipes) != 0)
        cannot("no pipe");
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, functions[i], i == 2 ? &pipes[1] : &pipes[0]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    semctl(semaphores, 0, IPC_RMID);
    puts("no call was interrupted");
    return HOSTILE_OK;
}

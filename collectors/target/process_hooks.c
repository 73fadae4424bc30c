/*
 * See process_hooks.h. Every function is boiled down to one `struct request`, which is inspected
 * and run in one place. exec may be called in a vfork child, on the parent's stack and memory:
 * everything is built on the stack, and only counters in the segment are changed.
 *
 * system() and popen() start their shell inside libc, with libc's own environment, past these
 * functions: what they start is not followed; it is counted and said.
 */
#include "collectors/target/process_hooks.h"

#include <alloca.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "collectors/target/collector.h"
#include "collectors/target/environment.h"
#include "collectors/target/sampler_signal.h"
#include "core/wire/program.h"

typedef int execve_function(const char *, char *const *, char *const *);
typedef int fexecve_function(int, char *const *, char *const *);
typedef int execveat_function(int, const char *, char *const *, char *const *, int);
typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const *, char *const *);
typedef int system_function(const char *);
typedef FILE *popen_function(const char *, const char *);

enum real_name {
    REAL_EXECVE,
    REAL_EXECVPE,
    REAL_EXECVEAT,
    REAL_FEXECVE,
    REAL_POSIX_SPAWN,
    REAL_POSIX_SPAWNP,
    REAL_SYSTEM,
    REAL_POPEN,
    N_REAL
};

static const char *const real_names[N_REAL] = {
    [REAL_EXECVE] = "execve",           [REAL_EXECVPE] = "execvpe",
    [REAL_EXECVEAT] = "execveat",       [REAL_FEXECVE] = "fexecve",
    [REAL_POSIX_SPAWN] = "posix_spawn", [REAL_POSIX_SPAWNP] = "posix_spawnp",
    [REAL_SYSTEM] = "system",           [REAL_POPEN] = "popen",
};

static void *real_functions[N_REAL];

/* A call to start a program. `go` runs it with an environment and returns 0 or the errno value of
 * its failure. */
struct request {
    int (*go)(const struct request *request, char *const *envp);
    enum real_name real;
    int fd; /* fexecve, execveat; else AT_FDCWD */
    const char *file;
    bool searches_path;
    int flags;
    char *const *argv;
    char *const *envp;
    pid_t *spawn_pid;
    const posix_spawn_file_actions_t *spawn_actions;
    const posix_spawnattr_t *spawn_attributes;
};

void process_hooks_resolve(void)
{
    for (int i = 0; i < N_REAL; i++)
        if (!real_functions[i])
            real_functions[i] = dlsym(RTLD_NEXT, real_names[i]);
}

/* The real function; only a call from a constructor that runs before ours has to look for it. */
static void *real(enum real_name name)
{
    return real_functions[name] ? real_functions[name] : dlsym(RTLD_NEXT, real_names[name]);
}

static int go_execve(const struct request *request, char *const *envp)
{
    execve_function *function = real(request->real);
    function(request->file, request->argv, envp);
    return errno;
}

static int go_fexecve(const struct request *request, char *const *envp)
{
    fexecve_function *function = real(REAL_FEXECVE);
    function(request->fd, request->argv, envp);
    return errno;
}

static int go_execveat(const struct request *request, char *const *envp)
{
    execveat_function *function = real(REAL_EXECVEAT);
    function(request->fd, request->file, request->argv, envp, request->flags);
    return errno;
}

static int go_spawn(const struct request *request, char *const *envp)
{
    spawn_function *function = real(request->real);
    return function(request->spawn_pid, request->file, request->spawn_actions,
                    request->spawn_attributes, request->argv, envp);
}

/* Finds `file` as execvp does, into `room` of PATH_MAX bytes. Returns the path, or NULL. */
static const char *find_in_path(const char *file, char *room)
{
    const char *path = getenv("PATH");
    if (strchr(file, '/'))
        return file;
    if (!path)
        path = "/bin:/usr/bin";
    for (const char *end; *file; path = end + 1) {
        end = strchrnul(path, ':');
        size_t length = (size_t)(end - path);
        if (length + 1 + strlen(file) < PATH_MAX) {
            memcpy(room, path, length);
            room[length] = '/';
            stpcpy(room + length + (length > 0), file);
            if (access(room, X_OK) == 0)
                return room;
        }
        if (!*end)
            break;
    }
    return NULL;
}

static void inspect_path(const struct request *request, struct program *ret_program)
{
    char room[PATH_MAX];
    const char *path = request->file;
    if (request->searches_path)
        path = find_in_path(path, room);
    ret_program->verdict = PROGRAM_UNREADABLE;
    if (path)
        program_inspect(request->fd, path, ret_program);
    /* execvp gives what is no program to the shell */
    if (request->searches_path && ret_program->verdict == PROGRAM_NOT_A_PROGRAM)
        program_inspect(AT_FDCWD, "/bin/sh", ret_program);
}

static void inspect(const struct request *request, struct program *ret_program)
{
    if (!request->file || (!request->file[0] && (request->flags & AT_EMPTY_PATH)))
        program_inspect_fd(request->fd, ret_program);
    else
        inspect_path(request, ret_program);
}

static uint32_t coverage_of(enum program_verdict verdict)
{
    switch (verdict) {
    case PROGRAM_PRIVILEGED:
        return WIRE_COVERAGE_CHILD_PRIVILEGED;
    case PROGRAM_STATIC:
        return WIRE_COVERAGE_CHILD_STATIC;
    case PROGRAM_OTHER_CLASS:
    case PROGRAM_OTHER_MACHINE:
    case PROGRAM_OTHER_LIBC:
        return WIRE_COVERAGE_CHILD_FOREIGN;
    case PROGRAM_SANITIZER_IS_FIRST:
        return WIRE_COVERAGE_CHILD_SANITIZER;
    default:
        return WIRE_COVERAGE_CHILD_UNREADABLE;
    }
}

static void note_unfollowed(uint32_t coverage)
{
    struct wire_segment *segment = collector_segment();
    if (!segment)
        return;
    __atomic_fetch_or(&segment->coverage, coverage, __ATOMIC_RELAXED);
    __atomic_fetch_add(&segment->unfollowed, 1, __ATOMIC_RELAXED);
}

/* In a chroot, another mount namespace or as another user the library may be out of reach: ld.so
 * would say so. */
static bool can_load_collector(const struct collector *collector)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, collector->preload, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    syscall(SYS_close, fd);
    return true;
}

/* Bytes of environment to build for the child; 0: leave it as it is. */
static size_t room_for_child(const struct request *request)
{
    const struct collector *collector = collector_get();
    struct program program;
    bool is_same_process = request->go != go_spawn && collector_is_own_process();
    if (!collector->has_address || !(collector->follows_children || is_same_process))
        return 0;
    inspect(request, &program);
    if (program.verdict == PROGRAM_NO_INTERPRETER || program.verdict == PROGRAM_BROKEN_ELF)
        return 0; /* exec is about to fail */
    if (program.verdict != PROGRAM_FITS || !can_load_collector(collector)) {
        note_unfollowed(coverage_of(program.verdict));
        return 0;
    }
    size_t room = environment_room(collector, request->envp);
    if (room == 0)
        note_unfollowed(WIRE_COVERAGE_CHILD_ENVIRONMENT);
    return room;
}

/* Counts the call; exec in a vfork child counts as a spawn of the process whose memory it borrows.
 */
static void note_start(const struct request *request)
{
    struct wire_segment *segment = collector_segment();
    if (!segment)
        return;
    if (request->go == go_spawn || !collector_is_own_process()) {
        __atomic_fetch_add(&segment->spawns, 1, __ATOMIC_RELAXED);
        return;
    }
    __atomic_fetch_add(&segment->execs, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&segment->state, WIRE_STATE_EXEC, __ATOMIC_RELEASE);
}

static void note_failed_exec(void)
{
    if (collector_is_own_process())
        __atomic_store_n(&collector_segment()->state, WIRE_STATE_RUNNING, __ATOMIC_RELEASE);
}

/* Runs a request; 0 or an errno value. */
static int run(const struct request *request)
{
    int saved_errno = errno;
    int error = E2BIG;
    size_t room = room_for_child(request);
    note_start(request);
    if (request->go != go_spawn)
        sampler_signal_before_exec();
    errno = saved_errno;
    if (room)
        error =
            request->go(request, environment_extend(alloca(room), collector_get(), request->envp));
    if (error == E2BIG) { /* not tried yet, or our entries were too much */
        errno = saved_errno;
        error = request->go(request, request->envp);
    }
    if (request->go != go_spawn) {
        sampler_signal_after_exec();
        note_failed_exec();
    }
    return error;
}

static int run_exec(const struct request *request)
{
    errno = run(request);
    return -1;
}

static int run_execve(const char *path, char *const *argv, char *const *envp)
{
    struct request request = {.go = go_execve,
                              .real = REAL_EXECVE,
                              .fd = AT_FDCWD,
                              .file = path,
                              .argv = argv,
                              .envp = envp};
    return run_exec(&request);
}

static int run_execvpe(const char *file, char *const *argv, char *const *envp)
{
    struct request request = {.go = go_execve,
                              .real = REAL_EXECVPE,
                              .fd = AT_FDCWD,
                              .file = file,
                              .searches_path = true,
                              .argv = argv,
                              .envp = envp};
    return run_exec(&request);
}

/* Length of an execl-like call's argument array: the first argument, those in the list, and the
 * NULL. */
static size_t count_arguments(va_list *arguments)
{
    size_t n = 2;
    while (va_arg(*arguments, char *))
        n++;
    return n;
}

static void list_arguments(char **argv, const char *first, va_list *arguments)
{
    *argv++ = (char *)first;
    while ((*argv++ = va_arg(*arguments, char *)))
        ;
}

#define EXPORT __attribute__((visibility("default")))

/* The arguments from `first` on as an array on the caller's stack; leaves `list` behind the NULL.
 */
#define ARGUMENTS(argv, first, list)                                                               \
    do {                                                                                           \
        va_list counted;                                                                           \
        va_start(list, first);                                                                     \
        va_copy(counted, list);                                                                    \
        (argv) = alloca(count_arguments(&counted) * sizeof *(argv));                               \
        va_end(counted);                                                                           \
        list_arguments(argv, first, &(list));                                                      \
    } while (0)

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
    return run_execve(path, argv, envp);
}

EXPORT int execv(const char *path, char *const argv[])
{
    return run_execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
    return run_execvpe(file, argv, envp);
}

EXPORT int execvp(const char *file, char *const argv[])
{
    return run_execvpe(file, argv, environ);
}

EXPORT int execl(const char *path, const char *arg, ...)
{
    char **argv;
    va_list list;
    ARGUMENTS(argv, arg, list);
    va_end(list);
    return run_execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
    char **argv;
    va_list list;
    ARGUMENTS(argv, arg, list);
    va_end(list);
    return run_execvpe(file, argv, environ);
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags)
{
    struct request request = {.go = go_execveat,
                              .real = REAL_EXECVEAT,
                              .fd = fd,
                              .file = path,
                              .flags = flags,
                              .argv = argv,
                              .envp = envp};
    return run_exec(&request);
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
    struct request request = {
        .go = go_fexecve, .real = REAL_FEXECVE, .fd = fd, .argv = argv, .envp = envp};
    return run_exec(&request);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct request request = {.go = go_spawn,
                              .real = REAL_POSIX_SPAWN,
                              .fd = AT_FDCWD,
                              .file = path,
                              .argv = argv,
                              .envp = envp,
                              .spawn_pid = pid,
                              .spawn_actions = actions,
                              .spawn_attributes = attributes};
    return run(&request);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct request request = {.go = go_spawn,
                              .real = REAL_POSIX_SPAWNP,
                              .fd = AT_FDCWD,
                              .file = file,
                              .searches_path = true,
                              .argv = argv,
                              .envp = envp,
                              .spawn_pid = pid,
                              .spawn_actions = actions,
                              .spawn_attributes = attributes};
    return run(&request);
}

EXPORT int system(const char *command)
{
    system_function *function = real(REAL_SYSTEM);
    if (command)
        note_unfollowed(WIRE_COVERAGE_CHILD_SHELL);
    return function(command);
}

EXPORT FILE *popen(const char *command, const char *mode)
{
    popen_function *function = real(REAL_POPEN);
    note_unfollowed(WIRE_COVERAGE_CHILD_SHELL);
    return function(command, mode);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
    char **argv;
    va_list list;
    ARGUMENTS(argv, arg, list);
    char *const *envp = va_arg(list, char *const *);
    va_end(list);
    return run_execve(path, argv, envp);
}

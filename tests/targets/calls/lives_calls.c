/*
 * Processes, threads and libraries that begin and end: `lives_calls MODE FILE`, as truth_calls.
 *
 *   forks    a child, and a child's child, which return through functions their parent entered
 *   alarms   children that signal handlers fork, which go on with what was interrupted
 *   exec     the program goes on as itself
 *   churn    10,000 short threads
 *   ends     constructors, destructors, exit handlers and destructors of a thread's keys
 *   plugins  two libraries by turns at the same place
 */
#include <dlfcn.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/targets/calls/counted.h"

static const char *self_name, *file;

/* ---- processes ---- */

CALLED long parent_work(long x)
{
    COUNTED;
    return x + 1;
}

CALLED long child_leaf(long x)
{
    COUNTED;
    return x + 2;
}

CALLED long child_work(long x)
{
    COUNTED;
    return child_leaf(x) + child_leaf(x + 1);
}

/* In the child nobody is around, as far as books go. */
CALLED int forks(int generation)
{
    COUNTED;
    int status;
    for (int i = 0; i < 100; i++)
        parent_work(i);
    pid_t pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        books_file = NULL;
        books_caller = 0;
        for (int i = 0; i < 1000; i++)
            child_work(i);
        if (generation > 1)
            forks(generation - 1);
        return 1;
    }
    if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        abort();
    return 0;
}

CALLED int leads_to_fork(int generation)
{
    COUNTED;
    return forks(generation) + 0;
}

static BOOKS long forking(void)
{
    for (int i = 0; i < 10; i++)
        if (leads_to_fork(3))
            exit(3);
    memset(books->edges[books_number("forks")], 0, sizeof books->edges[0]);
    books->without_roots = 1;
    return 10;
}

/* ---- children of handlers ---- */

static volatile sig_atomic_t n_alarms, n_crashed, is_child;

CALLED long alarmed_work(long x)
{
    COUNTED;
    return x + 1;
}

static BOOKS void on_alarm(int number)
{
    int saved_errno = errno, status = 0;
    (void)number;
    if (is_child || n_alarms >= 200)
        return;
    pid_t pid = fork();
    if (pid == 0) {
        is_child = 1; /* with books of its own, for nobody */
        mmap(books, sizeof *books, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
             -1, 0);
    } else {
        n_crashed += pid < 0 || waitpid(pid, &status, 0) != pid || status != 0;
        n_alarms++;
    }
    errno = saved_errno;
}

/* How many children did not end well. */
static BOOKS long alarms(void)
{
    const struct itimerval often = {{0, 2000}, {0, 2000}};
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    while (n_alarms < 200) {
        for (int i = 0; i < 200; i++)
            alarmed_work(i);
        if (is_child)
            _exit(0);
    }
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    return n_crashed;
}

/* ---- another program ---- */

CALLED long before_exec(long x)
{
    COUNTED;
    return x + 1;
}

CALLED long after_exec(long x)
{
    COUNTED;
    return x + 1;
}

static BOOKS long exec_self(void)
{
    for (int i = 0; i < 12345; i++)
        before_exec(i);
    books_close();
    execl("/proc/self/exe", self_name, "execed", file, (char *)NULL);
    return -1;
}

static BOOKS long execed(void)
{
    for (int i = 0; i < 23456; i++)
        after_exec(i);
    return 1;
}

/* ---- threads ---- */

CALLED long leaf_of_short(long x)
{
    COUNTED;
    return x + 1;
}

CALLED void *short_thread(void *argument)
{
    COUNTED;
    leaf_of_short((long)argument);
    leaf_of_short((long)argument);
    return NULL;
}

static BOOKS long churn(void)
{
    enum { BATCH = 8 };
    pthread_t ids[BATCH];
    for (int i = 0; i < 10000 / BATCH; i++) {
        for (int k = 0; k < BATCH; k++)
            if (pthread_create(&ids[k], NULL, short_thread, NULL) != 0)
                abort();
        for (int k = 0; k < BATCH; k++)
            pthread_join(ids[k], NULL);
    }
    return 10000;
}

/* ---- beginnings and ends ---- */

CALLED void leaf_of_ends(void)
{
    COUNTED;
}

CALLED __attribute__((constructor)) void constructor_of_program(void)
{
    COUNTED;
    leaf_of_ends();
}

CALLED __attribute__((destructor)) void destructor_of_program(void)
{
    COUNTED;
    leaf_of_ends();
}

CALLED void exit_handler(void)
{
    COUNTED;
    leaf_of_ends();
}

static pthread_key_t key;

CALLED void key_destructor(void *value)
{
    COUNTED;
    leaf_of_ends();
    if ((long)value > 1)
        pthread_setspecific(key, (void *)((long)value - 1));
}

CALLED void *thread_with_key(void *argument)
{
    COUNTED;
    pthread_setspecific(key, argument);
    return NULL;
}

CALLED void *ends_inside(void *argument)
{
    COUNTED_ALONE;
    pthread_setspecific(key, argument);
    pthread_exit(NULL);
}

static BOOKS long ends(void)
{
    pthread_t id;
    if (atexit(exit_handler) != 0 || pthread_key_create(&key, key_destructor) != 0)
        abort();
    for (int i = 0; i < 50; i++) {
        if (pthread_create(&id, NULL, i & 1 ? thread_with_key : ends_inside, (void *)3) != 0)
            abort();
        pthread_join(id, NULL);
    }
    books->without_roots = 1; /* pthread_exit() leaves without a word */
    return 50;
}

/* ---- libraries ---- */

static BOOKS void *use_plugin(const char *folder, const char *name, const char *kind)
{
    char path[2 * PATH_MAX], symbol[64];
    snprintf(path, sizeof path, "%s/%s%s.so", folder, name, kind);
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(9);
    }
    snprintf(symbol, sizeof symbol, "%s_outer", name);
    long (*outer)(long);
    *(void **)&outer = dlsym(handle, symbol);
    for (int i = 0; i < 100; i++)
        outer(i);
    void *where = (void *)outer;
    dlclose(handle);
    return where;
}

static BOOKS void plugin_books(const char *begin, const char *outer, const char *inner,
                               uint64_t loads)
{
    unsigned own = books_number(outer);
    books_add(0, books_number(begin), loads);
    books_add(0, own, loads * 100);
    books_add(own, books_number(inner), loads * 200);
}

/* Beside this program; of the same kind as it. */
static BOOKS long plugins(void)
{
    char self[PATH_MAX] = "", copy[PATH_MAX], *kind;
    long same = 0;
    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0 || !(kind = strrchr(self, '-')))
        abort();
    memcpy(copy, self, sizeof copy);
    const char *folder = dirname(copy);
    for (int i = 0; i < 100; i++)
        same += use_plugin(folder, "first", kind) == use_plugin(folder, "second", kind);
    plugin_books("first_begin", "first_outer", "first_inner", 100);
    plugin_books("second_begin", "second_outer", "second_inner", 100);
    return same;
}

BOOKS int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        long (*run)(void);
    } modes[] = {
        {"forks", forking}, {"alarms", alarms}, {"exec", exec_self},  {"execed", execed},
        {"churn", churn},   {"ends", ends},     {"plugins", plugins},
    };
    if (argc != 3)
        return 2;
    self_name = argv[0];
    books_open(file = argv[2]);
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(argv[1], modes[i].name) == 0) {
            printf("%s: %ld\n", argv[1], modes[i].run());
            return 7;
        }
    return 2;
}

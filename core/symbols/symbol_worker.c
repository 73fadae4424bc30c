/*
 * The symbol thread: a queue under one lock, and behind it the symbolizer, the kernel's symbols and
 * the JIT maps, which belong to the thread alone.
 */
#include "core/symbols/symbol_worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "core/symbols/demangle.h"
#include "core/symbols/kallsyms.h"
#include "core/symbols/perf_map.h"

enum {
    STACK_BYTES = 8 << 20, /* demangling hostile names needs half of it */
    PERF_MAPS_MAX = 256,
};

struct symbol_worker {
    symbol_done *done;
    void *arg;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    GQueue queue;   /* struct symbol_request */
    size_t pending; /* queued and in work */
    bool started, stopping;
    pthread_t thread;

    struct symbolizer *symbolizer; /* from here on the thread's own */
    struct kallsyms *kallsyms;
    bool tried_kallsyms;
    GHashTable *perf_maps; /* pid -> struct perf_map */
};

static void request_free(void *pointer)
{
    struct symbol_request *request = pointer;
    elf_file_unref(request->elf);
    g_free(request);
}

/* ---- the thread ---- */

static size_t name_line(struct symbol_worker *worker, const char *name, bool is_mangled,
                        struct symbol_line *ret_line)
{
    struct symbol_line line = {.linkage = symbolizer_intern(worker->symbolizer, name)};
    char *full = is_mangled ? demangle(name) : NULL;
    line.name = full ? symbolizer_intern(worker->symbolizer, full) : line.linkage;
    g_free(full);
    if (!line.linkage || !line.name)
        return 0;
    *ret_line = line;
    return 1;
}

static size_t resolve_kernel(struct symbol_worker *worker, uint64_t address,
                             struct symbol_line *ret_line)
{
    if (!worker->tried_kallsyms) {
        worker->tried_kallsyms = true;
        worker->kallsyms = kallsyms_open(NULL); /* unreadable: the functions stay numbers */
    }
    const char *name = worker->kallsyms ? kallsyms_lookup(worker->kallsyms, address, NULL) : NULL;
    return name ? name_line(worker, name, false, ret_line) : 0;
}

static size_t resolve_jit(struct symbol_worker *worker, const struct symbol_request *request,
                          struct symbol_line *ret_line)
{
    void *key = GINT_TO_POINTER(request->pid);
    struct perf_map *map = g_hash_table_lookup(worker->perf_maps, key);
    char name[PERF_MAP_NAME_MAX + 1];
    if (!map) {
        if (g_hash_table_size(worker->perf_maps) >= PERF_MAPS_MAX)
            g_hash_table_remove_all(worker->perf_maps);
        map = perf_map_new(request->pid);
        g_hash_table_insert(worker->perf_maps, key, map);
    }
    return perf_map_lookup(map, request->address, name) ? name_line(worker, name, true, ret_line)
                                                        : 0;
}

static void answer(struct symbol_worker *worker, const struct symbol_request *request)
{
    struct symbol_line lines[SYMBOL_LINES_MAX];
    size_t n = 0;
    switch (request->kind) {
    case SYMBOL_ELF:
        if (request->elf)
            n = symbolizer_lookup(worker->symbolizer, request->elf, request->address, lines,
                                  SYMBOL_LINES_MAX);
        break;
    case SYMBOL_KERNEL:
        n = resolve_kernel(worker, request->address, lines);
        break;
    case SYMBOL_JIT:
        n = resolve_jit(worker, request, lines);
        break;
    }
    worker->done(worker->arg, request->frame, lines, n);
}

static void *run(void *arg)
{
    struct symbol_worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    while (!worker->stopping) {
        struct symbol_request *request = g_queue_pop_head(&worker->queue);
        if (!request) {
            pthread_cond_wait(&worker->changed, &worker->lock);
            continue;
        }
        pthread_mutex_unlock(&worker->lock);
        answer(worker, request);
        request_free(request);
        pthread_mutex_lock(&worker->lock);
        if (--worker->pending == 0)
            pthread_cond_broadcast(&worker->changed);
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

/* Starts the thread with all signals blocked: they are for the threads that expect them. */
static void start_thread(struct symbol_worker *worker)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&worker->thread, &attributes, run, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    worker->started = failed == 0;
}

/* ---- public ---- */

struct symbol_worker *symbol_worker_new(symbol_done *done, void *arg)
{
    struct symbol_worker *worker = g_new0(struct symbol_worker, 1);
    pthread_condattr_t attributes;
    assert(done);
    worker->done = done;
    worker->arg = arg;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    g_queue_init(&worker->queue);
    worker->symbolizer = symbolizer_new();
    worker->perf_maps = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)perf_map_free);
    return worker;
}

void symbol_worker_submit(struct symbol_worker *worker, const struct symbol_request *request)
{
    struct symbol_request *copy = g_new(struct symbol_request, 1);
    *copy = *request;
    if (copy->elf)
        elf_file_ref(copy->elf);
    pthread_mutex_lock(&worker->lock);
    g_queue_push_tail(&worker->queue, copy);
    worker->pending++;
    if (!worker->started)
        start_thread(worker);
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

size_t symbol_worker_pending(struct symbol_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    size_t pending = worker->pending;
    pthread_mutex_unlock(&worker->lock);
    return pending;
}

static struct timespec deadline_after(int timeout_ms)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_sec += timeout_ms / 1000;
    time.tv_nsec += (timeout_ms % 1000) * 1000000L;
    if (time.tv_nsec >= 1000000000L) {
        time.tv_sec++;
        time.tv_nsec -= 1000000000L;
    }
    return time;
}

bool symbol_worker_wait_idle(struct symbol_worker *worker, int timeout_ms)
{
    struct timespec deadline = deadline_after(MAX(timeout_ms, 0));
    int status = 0;
    pthread_mutex_lock(&worker->lock);
    while (worker->pending > 0 && status == 0) {
        if (timeout_ms < 0)
            status = pthread_cond_wait(&worker->changed, &worker->lock);
        else
            status = pthread_cond_timedwait(&worker->changed, &worker->lock, &deadline);
    }
    bool idle = worker->pending == 0;
    pthread_mutex_unlock(&worker->lock);
    return idle;
}

void symbol_worker_free(struct symbol_worker *worker)
{
    if (!worker)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    pthread_cond_broadcast(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    if (worker->started)
        pthread_join(worker->thread, NULL);
    g_queue_clear_full(&worker->queue, request_free);
    g_hash_table_destroy(worker->perf_maps);
    kallsyms_free(worker->kallsyms);
    symbolizer_free(worker->symbolizer);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    g_free(worker);
}

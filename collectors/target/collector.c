/*
 * Start of the collector: the constructor runs before main, takes proftop's entries out of the
 * environment, says hello and maps the segment. In a forked child the fork handler does the same
 * with a segment of the child's own. Whatever fails, the program goes on as if the library were not
 * there. Nothing is printed, no descriptor and no thread stays, errno is as before.
 */
#include "collectors/target/collector.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "collectors/target/calls_fork.h"
#include "collectors/target/calls_jumps.h"
#include "collectors/target/calls_segment.h"
#include "collectors/target/calls_threads.h"
#include "collectors/target/environment.h"
#include "collectors/target/handler_hooks.h"
#include "collectors/target/handshake.h"
#include "collectors/target/heap_fork.h"
#include "collectors/target/heap_segment.h"
#include "collectors/target/helper_thread_hooks.h"
#include "collectors/target/library_hooks.h"
#include "collectors/target/new_hooks.h"
#include "collectors/target/process_hooks.h"
#include "collectors/target/real_malloc.h"
#include "collectors/target/sampler.h"
#include "collectors/target/scopes.h"
#include "collectors/target/seccomp_hooks.h"
#include "collectors/target/sigstack_hooks.h"
#include "collectors/target/thread_hooks.h"

static struct collector collector;

const struct collector *collector_get(void)
{
    return &collector;
}

struct wire_segment *collector_segment(void)
{
    return collector.alive && *collector.alive ? collector.segment : NULL;
}

bool collector_is_own_process(void)
{
    return collector_segment() && getpid() == collector.pid;
}

/* A page that reads 0 after fork and raw clone, so that no child takes the parent's state for its
 * own. */
static volatile uint32_t *map_alive_page(void)
{
    size_t size = (size_t)getauxval(AT_PAGESZ);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (madvise(page, size, MADV_WIPEONFORK) == 0) {
        madvise(page, size, MADV_DONTDUMP);
        return page;
    }
    munmap(page, size);
    return NULL;
}

/*
 * A seccomp filter that proftop is not under itself may kill the process for the socket call: stay
 * away then.
 */
static bool may_call_out(void)
{
    return collector.seccomp_entry[0] || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 0;
}

static void connect_process(uint32_t hello_flag)
{
    struct wire_segment *segment;
    size_t mapped_bytes;
    int fd;
    if (!collector.alive || !may_call_out())
        return;
    segment = handshake(collector.socket, collector.token, hello_flag, &mapped_bytes, &fd);
    if (!segment)
        return;
    collector.segment = segment;
    collector.pid = getpid();
    *collector.alive = 1;
    __atomic_store_n(&segment->state, WIRE_STATE_RUNNING, __ATOMIC_RELEASE);
    sampler_start(segment, mapped_bytes);
    heap_start(segment, fd);
    calls_start(segment, fd);
    scopes_start();
    handshake_close(fd);
}

static void before_fork(void)
{
    heap_fork_prepare();
    calls_fork_prepare();
}

static void after_fork_in_parent(void)
{
    heap_fork_parent();
    calls_fork_parent();
    struct wire_segment *segment = collector_segment();
    if (segment)
        __atomic_fetch_add(&segment->forks, 1, __ATOMIC_RELAXED);
}

/* Runs in the only thread of a forked child, before fork() returns there: async-signal-safe calls
 * only. */
static void after_fork_in_child(void)
{
    int saved_errno = errno;
    bool is_lost = heap_fork_child() | calls_fork_child(); /* both are to know */
    if (!is_lost && collector.follows_children)
        connect_process(WIRE_HELLO_FORK);
    errno = saved_errno;
}

static bool decode_token(const char *text, uint8_t *token)
{
    if (strlen(text) != 2 * WIRE_TOKEN_BYTES)
        return false;
    for (size_t i = 0; i < 2 * WIRE_TOKEN_BYTES; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = strchr(digits, text[i]);
        if (!digit)
            return false;
        token[i / 2] = (uint8_t)(token[i / 2] << 4 | (digit - digits));
    }
    return true;
}

/* Copies "NAME=value" when the environment has it and it fits. */
static bool keep_entry(char *entry, size_t size, const char *name)
{
    const char *value = getenv(name);
    if (!value || strlen(name) + 1 + strlen(value) >= size)
        return false;
    stpcpy(stpcpy(stpcpy(entry, name), "="), value);
    return true;
}

static bool keep_own_path(void)
{
    Dl_info own;
    if (!dladdr(&collector, &own) || !own.dli_fname ||
        strlen(own.dli_fname) >= sizeof collector.preload)
        return false;
    stpcpy(collector.preload, own.dli_fname);
    return true;
}

/* Takes what proftop put into the environment; false when it is not there or not whole. */
static bool read_address(void)
{
    if (!keep_own_path() ||
        !keep_entry(collector.socket_entry, sizeof collector.socket_entry, WIRE_ENV_SOCKET) ||
        !keep_entry(collector.token_entry, sizeof collector.token_entry, WIRE_ENV_TOKEN) ||
        !decode_token(collector.token_entry + sizeof WIRE_ENV_TOKEN, collector.token) ||
        !keep_entry(collector.children_entry, sizeof collector.children_entry, WIRE_ENV_CHILDREN))
        return false;
    stpcpy(collector.socket, collector.socket_entry + sizeof WIRE_ENV_SOCKET);
    collector.follows_children = collector.children_entry[sizeof WIRE_ENV_CHILDREN] == '1';
    keep_entry(collector.seccomp_entry, sizeof collector.seccomp_entry, WIRE_ENV_SECCOMP);
    return true;
}

static void start(char **envp)
{
    bool has_address = read_address();
    environment_hide(collector.preload, envp);
    if (!has_address || getauxval(AT_SECURE))
        return;
    collector.has_address = true;
    collector.alive = map_alive_page();
    connect_process(WIRE_HELLO_EXEC);
    if (collector.alive)
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

/* glibc passes constructors what main gets; `envp` is the array on the stack, in front of the
 * auxiliary vector. */
__attribute__((constructor)) static void collector_load(int argc, char **argv, char **envp)
{
    int saved_errno = errno;
    (void)argc;
    (void)argv;
    heap_early_end(); /* what looking for functions allocates is not the program's */
    real_malloc_resolve();
    new_hooks_resolve();
    process_hooks_resolve();
    thread_hooks_resolve();
    sigstack_hooks_resolve();
    handler_hooks_resolve();
    library_hooks_resolve();
    calls_jumps_resolve();
    calls_threads_resolve();
    seccomp_hooks_resolve();
    helper_thread_hooks_resolve();
    if (getenv(WIRE_ENV_SOCKET))
        start(envp);
    errno = saved_errno;
}

/* No system call, not even getpid(): a strict seccomp filter of the program's would kill it. A
 * vfork child that calls exit(), which it must not, therefore says so for its parent. */
__attribute__((destructor)) static void collector_unload(void)
{
    struct wire_segment *segment = collector_segment();
    calls_note_end();
    if (segment)
        __atomic_store_n(&segment->state, WIRE_STATE_EXIT, __ATOMIC_RELEASE);
}

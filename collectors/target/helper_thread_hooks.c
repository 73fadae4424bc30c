/* See helper_thread_hooks.h. Where the 64-bit names are libc's aliases, both are passed on apart.
 */
#include "collectors/target/helper_thread_hooks.h"

#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <mqueue.h>
#include <netdb.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "collectors/target/sampler_threads.h"

#define EXPORT __attribute__((visibility("default")))

/* NAME, its parameters, its arguments: all return an int. */
#define HOOKS(HOOK)                                                                                \
    HOOK(timer_create, (clockid_t a, struct sigevent * b, timer_t * c), (a, b, c))                 \
    HOOK(mq_notify, (mqd_t a, const struct sigevent *b), (a, b))                                   \
    HOOK(aio_read, (struct aiocb * a), (a))                                                        \
    HOOK(aio_read64, (struct aiocb64 * a), (a))                                                    \
    HOOK(aio_write, (struct aiocb * a), (a))                                                       \
    HOOK(aio_write64, (struct aiocb64 * a), (a))                                                   \
    HOOK(aio_fsync, (int a, struct aiocb *b), (a, b))                                              \
    HOOK(aio_fsync64, (int a, struct aiocb64 *b), (a, b))                                          \
    HOOK(lio_listio, (int a, struct aiocb *const *b, int c, struct sigevent *d), (a, b, c, d))     \
    HOOK(lio_listio64, (int a, struct aiocb64 *const *b, int c, struct sigevent *d), (a, b, c, d)) \
    HOOK(getaddrinfo_a, (int a, struct gaicb **b, int c, struct sigevent *d), (a, b, c, d))

#define REAL(name, parameters, arguments) static int(*real_##name) parameters;
HOOKS(REAL)

#define RESOLVE(name, parameters, arguments)                                                       \
    if (!real_##name)                                                                              \
        real_##name = (int(*) parameters)dlsym(RTLD_NEXT, #name);

void helper_thread_hooks_resolve(void){HOOKS(RESOLVE)}

#define DEFINE(name, parameters, arguments)                                                        \
    EXPORT int name parameters                                                                     \
    {                                                                                              \
        if (!real_##name)                                                                          \
            helper_thread_hooks_resolve();                                                         \
        bool is_paused = sampler_threads_before_first();                                           \
        int result = real_##name arguments;                                                        \
        int saved_errno = errno;                                                                   \
        sampler_threads_after_first(is_paused);                                                    \
        errno = saved_errno;                                                                       \
        return result;                                                                             \
    }

#pragma GCC diagnostic ignored "-Wnonnull-compare"
HOOKS(DEFINE)

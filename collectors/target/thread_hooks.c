/*
 * See thread_hooks.h. A thread starts in a function of ours that calls the program's. That frame
 * has unwind information and no handler of exceptions, so exceptions, cancellation and
 * pthread_exit() pass through it as they pass through libc's own.
 */
#include "collectors/target/thread_hooks.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <threads.h>

#include "collectors/target/sampler.h"
#include "collectors/target/sampler_threads.h"

typedef int pthread_create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
typedef int thrd_create_function(thrd_t *, thrd_start_t, void *);

static pthread_create_function *real_pthread_create;
static thrd_create_function *real_thrd_create;

void thread_hooks_resolve(void)
{
    if (!real_pthread_create)
        real_pthread_create = (pthread_create_function *)dlsym(RTLD_NEXT, "pthread_create");
    if (!real_thrd_create)
        real_thrd_create = (thrd_create_function *)dlsym(RTLD_NEXT, "thrd_create");
}

static void leave(void *nothing)
{
    (void)nothing;
    sampler_thread_leave();
}

/* The first function of a thread, by the names that profiles show. */
static void *proftop_thread(void *data)
{
    struct sampler_thread *thread = data;
    void *(*start)(void *) = (void *(*)(void *))thread->start;
    void *argument = thread->argument, *result;
    sampler_thread_enter(thread, (uintptr_t)__builtin_frame_address(0));
    pthread_cleanup_push(leave, NULL);
    result = start(argument);
    pthread_cleanup_pop(1);
    return result;
}

static int proftop_c11_thread(void *data)
{
    struct sampler_thread *thread = data;
    thrd_start_t start = (thrd_start_t)thread->start;
    void *argument = thread->argument;
    int result;
    sampler_thread_enter(thread, (uintptr_t)__builtin_frame_address(0));
    pthread_cleanup_push(leave, NULL);
    result = start(argument);
    pthread_cleanup_pop(1);
    return result;
}

static void note_stack(struct sampler_thread *thread, const pthread_attr_t *attr)
{
    pthread_attr_t defaults;
    void *address = NULL;
    size_t bytes = 0;
    thread->stack_bytes = 0;
    thread->stack_address = 0;
    if (attr) {
        pthread_attr_getstacksize(attr, &thread->stack_bytes);
        /* without an address of the program's it is 0 - bytes */
        if (pthread_attr_getstack(attr, &address, &bytes) == 0 && (uintptr_t)address != -bytes)
            thread->stack_address = (uintptr_t)address;
    } else if (pthread_getattr_default_np(&defaults) == 0) {
        pthread_attr_getstacksize(&defaults, &thread->stack_bytes);
        pthread_attr_destroy(&defaults);
    }
}

/* An entry that holds what the new thread is to do; NULL: create it as if we were not here. */
static struct sampler_thread *prepare(const pthread_attr_t *attr, void *start, void *argument)
{
    struct sampler *sampler = sampler_get();
    if (!sampler)
        return NULL;
    struct sampler_thread *thread = sampler_thread_claim(sampler);
    if (!thread)
        return NULL;
    thread->start = start;
    thread->argument = argument;
    note_stack(thread, attr);
    return thread;
}

/* The thread was not created. */
static void release(struct sampler_thread *thread)
{
    struct sampler *sampler = sampler_get();
    if (sampler)
        sampler_thread_release(sampler, thread);
}

#define EXPORT __attribute__((visibility("default")))

EXPORT int pthread_create(pthread_t *ret_thread, const pthread_attr_t *attr, void *(*start)(void *),
                          void *argument)
{
    if (!real_pthread_create)
        thread_hooks_resolve();
    struct sampler_thread *thread = prepare(attr, (void *)start, argument);
    if (!thread)
        return real_pthread_create(ret_thread, attr, start, argument);
    int saved_errno = errno;
    bool is_paused = sampler_threads_before_first();
    int error = real_pthread_create(ret_thread, attr, proftop_thread, thread);
    sampler_threads_after_first(is_paused);
    errno = saved_errno; /* which libc's does not change */
    if (error)
        release(thread);
    return error;
}

EXPORT int thrd_create(thrd_t *ret_thread, thrd_start_t start, void *argument)
{
    if (!real_thrd_create)
        thread_hooks_resolve();
    struct sampler_thread *thread = prepare(NULL, (void *)start, argument);
    if (!thread)
        return real_thrd_create(ret_thread, start, argument);
    int saved_errno = errno;
    bool is_paused = sampler_threads_before_first();
    int error = real_thrd_create(ret_thread, proftop_c11_thread, thread);
    sampler_threads_after_first(is_paused);
    errno = saved_errno;
    if (error != thrd_success)
        release(thread);
    return error;
}

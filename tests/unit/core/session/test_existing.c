/* What the ingest is told of a process that was there before: of this one, and of one that has
 * ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/session/existing.h"
#include "core/session/ingest.h"
#include "tests/unit/core/model/model_builder.h"
#include "tests/unit/core/session/mapped_code.h"

struct fixture {
    struct profile *profile;
    pthread_mutex_t lock;
    struct ingest *ingest;
    pthread_barrier_t meet;
    pid_t tid; /* of a second thread while there is one */
};

static int set_up(void **state)
{
    struct fixture *f = g_new0(struct fixture, 1);
    pthread_mutex_init(&f->lock, NULL);
    pthread_barrier_init(&f->meet, NULL, 2);
    f->profile = builder_profile();
    f->ingest = ingest_new(f->profile, &f->lock);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    ingest_free(f->ingest);
    profile_free(f->profile);
    pthread_mutex_destroy(&f->lock);
    pthread_barrier_destroy(&f->meet);
    g_free(f);
    return 0;
}

static void *be_there(void *arg)
{
    struct fixture *f = arg;
    pthread_setname_np(pthread_self(), "second");
    f->tid = gettid();
    pthread_barrier_wait(&f->meet);
    pthread_barrier_wait(&f->meet);
    return NULL;
}

static pthread_t start_second(struct fixture *f)
{
    pthread_t thread;
    pthread_create(&thread, NULL, be_there, f);
    pthread_barrier_wait(&f->meet);
    return thread;
}

static void end_second(struct fixture *f, pthread_t thread)
{
    pthread_barrier_wait(&f->meet);
    pthread_join(thread, NULL);
    char *task = g_strdup_printf("/proc/self/task/%d", f->tid);
    while (access(task, F_OK) == 0) /* the kernel is a little later */
        ;
    g_free(task);
}

static const struct thread *thread_of(const struct fixture *f, int tid)
{
    for (uint32_t i = 0; i < f->profile->threads->len; i++)
        if (profile_get_thread(f->profile, i)->tid == tid)
            return profile_get_thread(f->profile, i);
    return NULL;
}

static void test_threads_names_and_code_are_told(void **state)
{
    struct fixture *f = *state;
    pthread_t thread = start_second(f);
    GArray *told = existing_introduce(f->ingest, getpid());
    assert_non_null(told);
    assert_string_equal(thread_of(f, f->tid)->name, "second");
    assert_non_null(thread_of(f, getpid()));
    assert_true(mapped_code_is_known(f->ingest, (const void *)(uintptr_t)thread_of));
    assert_true(mapped_code_is_known(f->ingest, (const void *)(uintptr_t)pthread_create));
    assert_false(mapped_code_is_known(f->ingest, f));
    assert_true(existing_settle(f->ingest, getpid(), told));
    assert_false(thread_of(f, f->tid)->ended);
    end_second(f, thread);
}

static void test_thread_that_ended_before_events_began_is_ended(void **state)
{
    struct fixture *f = *state;
    pthread_t thread = start_second(f);
    GArray *told = existing_introduce(f->ingest, getpid());
    end_second(f, thread);
    assert_true(existing_settle(f->ingest, getpid(), told));
    assert_true(thread_of(f, f->tid)->ended);
    assert_false(thread_of(f, getpid())->ended);
}

static void test_thread_that_began_before_events_is_told_once(void **state)
{
    struct fixture *f = *state;
    GArray *told = existing_introduce(f->ingest, getpid());
    pthread_t thread = start_second(f);
    ingest_fork(f->ingest, getpid(), getpid(), f->tid); /* its birth may be in the ring as well */
    assert_true(existing_settle(f->ingest, getpid(), told));
    assert_string_equal(thread_of(f, f->tid)->name, "second");
    ingest_exit(f->ingest, getpid(), f->tid);
    for (uint32_t i = 0; i < f->profile->threads->len; i++)
        ingest_exit(f->ingest, getpid(), profile_get_thread(f->profile, i)->tid);
    assert_true(profile_get_process(f->profile, 0)->ended);
    end_second(f, thread);
}

static void test_process_that_is_gone_is_not_told(void **state)
{
    struct fixture *f = *state;
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    assert_null(existing_introduce(f->ingest, pid)); /* a zombie */
    waitpid(pid, NULL, 0);
    assert_null(existing_introduce(f->ingest, pid));
    assert_false(existing_read_maps(f->ingest, pid));
    GArray *told = existing_introduce(f->ingest, getpid());
    assert_false(existing_settle(f->ingest, pid, told)); /* it ended in between */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads_names_and_code_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_thread_that_ended_before_events_began_is_ended, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_thread_that_began_before_events_is_told_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_process_that_is_gone_is_not_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

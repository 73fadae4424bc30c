/*
 * See timer_books.h. A thread's time runs on one axis: what the kernel has counted for it since its
 * birth. Its samples say how far along they were taken (base_ns, where its timer was armed, and
 * cpu_ns from there); readings of the kernel's count say how far it has come. accounted_ns is the
 * point up to which all was handed out.
 */
#include "collectors/timer/timer_books.h"

void timer_books_init(struct timer_books *books, int64_t clock_ns)
{
    *books = (struct timer_books){
        .threads = g_hash_table_new_full(NULL, NULL, NULL, g_free),
        .left_out_ns = clock_ns,
    };
}

void timer_books_clear(struct timer_books *books)
{
    g_hash_table_unref(books->threads);
}

struct timer_thread *timer_books_find(const struct timer_books *books, int tid)
{
    return g_hash_table_lookup(books->threads, GINT_TO_POINTER(tid));
}

struct timer_thread *timer_books_get(struct timer_books *books, int tid)
{
    struct timer_thread *thread = timer_books_find(books, tid);
    if (thread)
        return thread;
    thread = g_new0(struct timer_thread, 1);
    thread->tid = tid;
    g_hash_table_insert(books->threads, GINT_TO_POINTER(tid), thread);
    return thread;
}

void timer_books_set_clock(struct timer_books *books, int64_t clock_ns)
{
    books->clock_ns = MAX(books->clock_ns, clock_ns - books->left_out_ns);
}

void timer_books_leave_out(struct timer_books *books, int64_t since_ns, int64_t until_ns)
{
    books->left_out_ns += MAX(until_ns - since_ns, 0);
}

/* Hands out at most what is left up to `limit_ns` of the process's time. */
static int64_t hand_out(struct timer_books *books, int64_t wanted_ns, int64_t limit_ns)
{
    int64_t ns = CLAMP(wanted_ns, 0, MAX(limit_ns - books->accounted_ns, 0));
    books->accounted_ns += ns;
    return ns;
}

int64_t timer_books_sample(struct timer_books *books, struct timer_thread *thread, int64_t cpu_ns)
{
    int64_t ns = hand_out(books, thread->base_ns + cpu_ns - thread->accounted_ns,
                          books->clock_ns + books->credit_ns);
    thread->accounted_ns += ns;
    thread->was_sampled = true;
    return ns;
}

int64_t timer_books_thread_rest(struct timer_books *books, struct timer_thread *thread,
                                int64_t used_ns, bool all)
{
    int64_t waited_ns = all ? used_ns : MIN(thread->used_ns, used_ns);
    thread->used_ns = used_ns;
    if (!all && waited_ns - thread->accounted_ns < TIMER_BOOKS_NEWS_NS)
        return 0;
    int64_t ns = hand_out(books, waited_ns - thread->accounted_ns, books->clock_ns);
    thread->accounted_ns += ns;
    return ns;
}

int64_t timer_books_ended_rest(struct timer_books *books, bool all)
{
    GHashTableIter at;
    gpointer value;
    int64_t rest_ns = books->clock_ns - books->accounted_ns;
    g_hash_table_iter_init(&at, books->threads);
    while (g_hash_table_iter_next(&at, NULL, &value)) {
        const struct timer_thread *thread = value;
        if (thread->rounds_gone == 0)
            rest_ns -= MAX(thread->used_ns - thread->accounted_ns, 0);
    }
    int64_t waited_ns = all ? rest_ns : MIN(rest_ns, books->rest_ns);
    bool is_news = all ? waited_ns > 0 : waited_ns >= TIMER_BOOKS_NEWS_NS;
    int64_t ns = is_news ? hand_out(books, waited_ns, books->clock_ns) : 0;
    books->rest_ns = rest_ns - ns;
    return ns;
}

bool timer_books_has_news(const struct timer_books *books)
{
    return books->clock_ns - books->accounted_ns >= TIMER_BOOKS_NEWS_NS;
}

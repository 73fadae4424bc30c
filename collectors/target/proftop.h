/*
 * proftop.h: what a program tells proftop about itself: scopes to be counted and timed, marks,
 * counters, names of threads, the blocks of its own allocators. See proftop.h(3).
 *
 * For C99 and C++11. There is nothing to link with: a program that is not run by proftop finds no
 * proftop_api_1, and each call is one load and one branch. With -DPROFTOP_DISABLE, and where there
 * is no proftop (it knows x86-64 Linux), nothing of it gets into the program.
 *
 * All may be called from any thread; errno stays as it is. Texts are copied. What begins with
 * proftop_ and ends with _ is not for use by name. Any of the functions may be a macro.
 */
#ifndef PROFTOP_H
#define PROFTOP_H

#include <stddef.h>
#include <stdint.h>

#if !defined(PROFTOP_DISABLE) && defined(__GNUC__) && defined(__x86_64__) &&                       \
    !defined(__ILP32__) && defined(__linux__)
#define PROFTOP_IS_COMPILED 1
#else
#define PROFTOP_IS_COMPILED 0
#endif

/* The calls of all scopes of one name that have ended, all threads together. */
struct proftop_stat {
    char name[64];
    uint64_t total_ns; /* within another scope of the same name, time is not counted again */
    uint64_t self_ns;  /* without that of other scopes and functions counted within */
    uint64_t calls;
    uint64_t average_ns; /* of a call, those within others of the same name too */
    uint64_t min_ns, max_ns;
};

/* What the thread has allocated between proftop_alloc_begin() and proftop_alloc_end(). */
struct proftop_alloc_scope {
    uint64_t bytes;       /* as requested */
    uint64_t blocks;      /* a realloc() counts as one */
    uint64_t frees;       /* blocks that it has given back, allocated here or before */
    uint32_t is_measured; /* 0: nobody counts allocations, or not those of this thread */
    uint32_t reserved;
    uint64_t begin_bytes, begin_blocks, begin_frees; /* proftop's */
};

#ifdef __GNUC__
#define PROFTOP_INLINE_ static inline __attribute__((always_inline, no_instrument_function, unused))
#else
#define PROFTOP_INLINE_ static inline
#endif

#if PROFTOP_IS_COMPILED

#define PROFTOP_MEMBER_ inline __attribute__((always_inline, no_instrument_function))

#ifdef __cplusplus
#define PROFTOP_NULL_ nullptr
extern "C" {
#else
#define PROFTOP_NULL_ NULL
#endif

/* What proftop offers. A later one adds at the end and changes nothing else. */
struct proftop_api {
    uint64_t size_bytes;
    int (*enter_scope)(const char *name); /* 0: there is nothing to be left */
    void (*leave_scope)(void);
    void (*enter)(const char *name);
    void (*leave)(void);
    void (*mark)(const char *text);
    void (*name_thread)(const char *name);
    void (*count)(const char *name, int64_t value);
    void (*set_enabled)(int is_enabled);
    int (*is_enabled)(void);
    void (*reset)(void);
    size_t (*stats)(struct proftop_stat *out, size_t n, size_t bytes_each);
    void (*begin_allocs)(struct proftop_alloc_scope *scope);
    void (*end_allocs)(struct proftop_alloc_scope *scope);
    void (*record_allocs)(const char *name, struct proftop_alloc_scope *scope);
    void (*allocated)(const void *block, size_t bytes);
    void (*freed)(const void *block);
};

/* Where the loader has found proftop_api_1; 0 without proftop. By the global offset table even in
 * code for a fixed address: an ordinary weak reference is made 0 by the linker there. */
PROFTOP_INLINE_ const struct proftop_api *proftop_api_(void)
{
    const struct proftop_api *api_;
    __asm__(".weak proftop_api_1\n\t"
            "{movq proftop_api_1@GOTPCREL(%%rip), %0|mov %0, QWORD PTR proftop_api_1@GOTPCREL[rip]}"
            : "=r"(api_));
    return api_;
}

#define PROFTOP_CALL_(call)                                                                        \
    const struct proftop_api *api_ = proftop_api_();                                               \
    if (__builtin_expect(!!api_, 0))                                                               \
    api_->call

/* Begins a call of the scope `name`, of at most 60 bytes, which proftop_exit() ends. */
PROFTOP_INLINE_ void proftop_enter(const char *name_)
{
    PROFTOP_CALL_(enter(name_));
}

/* Ends what the thread's last proftop_enter() has begun. Without one it is counted as a mistake. */
PROFTOP_INLINE_ void proftop_exit(void)
{
    PROFTOP_CALL_(leave());
}

/* Marks this moment with a text of at most 52 bytes. */
PROFTOP_INLINE_ void proftop_mark(const char *text_)
{
    PROFTOP_CALL_(mark(text_));
}

/* Gives the calling thread a name of at most 31 bytes. */
PROFTOP_INLINE_ void proftop_thread_name(const char *name_)
{
    PROFTOP_CALL_(name_thread(name_));
}

/* Sets a counter of the program's, one of at most 64, with a name of at most 63 bytes. */
PROFTOP_INLINE_ void proftop_counter(const char *name_, int64_t value_)
{
    PROFTOP_CALL_(count(name_, value_));
}

/* Scopes, marks and counters of the whole process are recorded again, as at first. */
PROFTOP_INLINE_ void proftop_enable(void)
{
    PROFTOP_CALL_(set_enabled(1));
}

/* From now on they are not recorded. Scopes that are open still end. */
PROFTOP_INLINE_ void proftop_disable(void)
{
    PROFTOP_CALL_(set_enabled(0));
}

/* Whether scopes are recorded: 1 or 0. */
PROFTOP_INLINE_ int proftop_is_enabled(void)
{
    const struct proftop_api *api_ = proftop_api_();
    return api_ ? api_->is_enabled() : 0;
}

/* proftop_stats() is to count from now on. What proftop itself shows goes on. Not for signal
 * handlers. */
PROFTOP_INLINE_ void proftop_reset(void)
{
    PROFTOP_CALL_(reset());
}

/* Writes the first `n` of all scopes, those with the most total_ns first, and returns how many
 * there are; 0 without proftop. Not for signal handlers. */
PROFTOP_INLINE_ size_t proftop_stats(struct proftop_stat *out_, size_t n_)
{
    const struct proftop_api *api_ = proftop_api_();
    return api_ ? api_->stats(out_, n_, sizeof(struct proftop_stat)) : 0;
}

/* Begins to count what the calling thread allocates. */
PROFTOP_INLINE_ void proftop_alloc_begin(struct proftop_alloc_scope *scope_)
{
    const struct proftop_alloc_scope nothing_ = {0, 0, 0, 0, 0, 0, 0, 0};
    *scope_ = nothing_;
    PROFTOP_CALL_(begin_allocs(scope_));
}

/* Fills in what was allocated since, in the same thread. May be called again later. */
PROFTOP_INLINE_ void proftop_alloc_end(struct proftop_alloc_scope *scope_)
{
    PROFTOP_CALL_(end_allocs(scope_));
}

/* An allocator of the program's own hands out a block. */
PROFTOP_INLINE_ void proftop_allocated(const void *block_, size_t bytes_)
{
    PROFTOP_CALL_(allocated(block_, bytes_));
}

/* The block is given back to it, or will be. */
PROFTOP_INLINE_ void proftop_freed(const void *block_)
{
    PROFTOP_CALL_(freed(block_));
}

/* The begin and the end of PROFTOP_SCOPE(). */
PROFTOP_INLINE_ const struct proftop_api *proftop_scope_begin_(const char *name_)
{
    const struct proftop_api *api_ = proftop_api_();
    if (__builtin_expect(!!api_, 0) && !api_->enter_scope(name_))
        api_ = PROFTOP_NULL_;
    return api_;
}

/* See there. */
PROFTOP_INLINE_ void proftop_scope_end_(const struct proftop_api **entered_)
{
    if (__builtin_expect(!!*entered_, 0))
        (*entered_)->leave_scope();
}

/* A PROFTOP_ALLOC_SCOPE() */
struct proftop_named_allocs_ {
    const char *name;
    struct proftop_alloc_scope scope;
};

/* Its begin */
PROFTOP_INLINE_ struct proftop_named_allocs_ proftop_allocs_begin_(const char *name_)
{
    struct proftop_named_allocs_ allocs_;
    allocs_.name = name_;
    proftop_alloc_begin(&allocs_.scope);
    return allocs_;
}

/* Its end */
PROFTOP_INLINE_ void proftop_allocs_end_(struct proftop_named_allocs_ *allocs_)
{
    PROFTOP_CALL_(record_allocs(allocs_->name, &allocs_->scope));
}

#ifdef __cplusplus
}

/* The object of a PROFTOP_SCOPE() */
class proftop_scope_
{
  public:
    /* Begins it. */
    PROFTOP_MEMBER_ explicit proftop_scope_(const char *name_) noexcept
        : entered(proftop_scope_begin_(name_))
    {
    }
    /* Ends it. */
    PROFTOP_MEMBER_ ~proftop_scope_()
    {
        proftop_scope_end_(&entered);
    }
    /* There is one for each block. */
    proftop_scope_(const proftop_scope_ &) = delete;
    proftop_scope_ &operator=(const proftop_scope_ &) = delete;

  private:
    const struct proftop_api *entered;
};

/* The object of a PROFTOP_ALLOC_SCOPE() */
class proftop_alloc_scope_
{
  public:
    /* Begins it. */
    PROFTOP_MEMBER_ explicit proftop_alloc_scope_(const char *name_) noexcept
        : allocs(proftop_allocs_begin_(name_))
    {
    }
    /* Ends it. */
    PROFTOP_MEMBER_ ~proftop_alloc_scope_()
    {
        proftop_allocs_end_(&allocs);
    }
    /* There is one for each block. */
    proftop_alloc_scope_(const proftop_alloc_scope_ &) = delete;
    proftop_alloc_scope_ &operator=(const proftop_alloc_scope_ &) = delete;

  private:
    struct proftop_named_allocs_ allocs;
};

#define PROFTOP_AS_SCOPE_(number, name)  const proftop_scope_ PROFTOP_NAME_(number)(name)
#define PROFTOP_AS_ALLOCS_(number, name) const proftop_alloc_scope_ PROFTOP_NAME_(number)(name)

#else

#define PROFTOP_AS_SCOPE_(number, name)                                                            \
    const struct proftop_api *PROFTOP_NAME_(number)                                                \
        __attribute__((cleanup(proftop_scope_end_), unused)) = proftop_scope_begin_(name)
#define PROFTOP_AS_ALLOCS_(number, name)                                                           \
    struct proftop_named_allocs_ PROFTOP_NAME_(number)                                             \
        __attribute__((cleanup(proftop_allocs_end_), unused)) = proftop_allocs_begin_(name)

#endif

#define PROFTOP_NAME_(number) proftop_scope_##number##_

/* Both stand where a declaration may, as often as you like, and end with the block they stand in,
 * however it is left: counted as a call of the scope `name`; what the block has allocated, set as
 * the counters "NAME bytes" and "NAME blocks". */
#define PROFTOP_SCOPE(name)       PROFTOP_AS_SCOPE_(__COUNTER__, name)
#define PROFTOP_ALLOC_SCOPE(name) PROFTOP_AS_ALLOCS_(__COUNTER__, name)
/* PROFTOP_SCOPE() with the name of the function that it stands in. */
#define PROFTOP_FUNCTION() PROFTOP_SCOPE(__func__)

#else /* nothing: what is passed is not evaluated, but by the three functions */

#define proftop_enter(name)             ((void)sizeof(name))
#define proftop_exit()                  ((void)0)
#define proftop_mark(text)              ((void)sizeof(text))
#define proftop_thread_name(name)       ((void)sizeof(name))
#define proftop_counter(name, value)    ((void)sizeof(name), (void)sizeof(value))
#define proftop_enable()                ((void)0)
#define proftop_disable()               ((void)0)
#define proftop_reset()                 ((void)0)
#define proftop_alloc_end(scope)        ((void)(scope))
#define proftop_allocated(block, bytes) ((void)sizeof(block), (void)sizeof(bytes))
#define proftop_freed(block)            ((void)sizeof(block))
#define PROFTOP_SCOPE(name)             ((void)sizeof(name))
#define PROFTOP_ALLOC_SCOPE(name)       ((void)sizeof(name))
#define PROFTOP_FUNCTION()              ((void)0)

/* Recorded is nothing. */
PROFTOP_INLINE_ int proftop_is_enabled(void)
{
    return 0;
}

/* There are no scopes. */
PROFTOP_INLINE_ size_t proftop_stats(struct proftop_stat *out_, size_t n_)
{
    (void)out_;
    (void)n_;
    return 0;
}

/* What is begun is not measured. */
PROFTOP_INLINE_ void proftop_alloc_begin(struct proftop_alloc_scope *scope_)
{
    const struct proftop_alloc_scope nothing_ = {0, 0, 0, 0, 0, 0, 0, 0};
    *scope_ = nothing_;
}

#endif
#endif

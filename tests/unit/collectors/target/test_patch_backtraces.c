/*
 * Stacks of calls through patched functions, as libgcc and libunwind find them, from anywhere
 * within the ways in and out: they are the same as without.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <glib.h>
#include <libunwind.h>
#include <unwind.h>

#include "collectors/target/patch_entry.h"
#include "collectors/target/patch_returns.h"
#include "collectors/target/patch_vectors.h"
#include "tests/targets/calls/sled.h"
#include "tests/targets/calls/stand_in.h"

#define STAY __asm__ volatile("" ::: "memory")

static uintptr_t stub;

static int set_up(void **state)
{
    struct wire_calls wire = {0};
    (void)state;
    if (!patch_returns_start(patch_entry_trampoline()))
        return -1;
    vector_state_init();
    patch_entry_describe(&wire);
    stub = sled_stub((uintptr_t)set_up, wire.enter_sled);
    return 0;
}

enum { LOOK_MAX = 128, LOOKS = 32, LOOK_DEPTH = 10 };

struct look {
    void *frames[LOOK_MAX];
    int n;
};

static struct look looks[LOOKS];
static int n_looks;

/* What is in the place of a return address is no frame of its own; who called through it seems to
 * have been interrupted within the call. */
static int without_trampoline(void **frames, int n)
{
    void *left[LOOK_MAX];
    int n_left = 0;
    for (int i = 0; i < n; i++) {
        bool is_hijacked = i > 0 && (uintptr_t)frames[i - 1] == patch_entry_trampoline();
        if ((uintptr_t)frames[i] != patch_entry_trampoline())
            left[n_left++] = (char *)frames[i] + is_hijacked;
    }
    memcpy(frames, left, (size_t)n_left * sizeof *frames);
    return n_left;
}

/* What libgcc has: libunwind, which this is linked with, has functions of the same names. */
static void *of_libgcc(const char *name)
{
    return dlsym(dlopen("libgcc_s.so.1", RTLD_NOW), name);
}

static uintptr_t (*libgcc_ip)(struct _Unwind_Context *context);

static int note_frame(struct _Unwind_Context *context, void *data)
{
    struct look *look = data;
    if (look->n < LOOK_MAX)
        look->frames[look->n++] = (void *)libgcc_ip(context);
    return 0;
}

static void look_by_libgcc(void)
{
    struct look *look = &looks[n_looks++ % LOOKS];
    int (*each)(int (*)(struct _Unwind_Context *, void *), void *) =
        (int (*)(int (*)(struct _Unwind_Context *, void *), void *))of_libgcc("_Unwind_Backtrace");
    libgcc_ip = (uintptr_t(*)(struct _Unwind_Context *))of_libgcc("_Unwind_GetIP");
    look->n = 0;
    each(note_frame, look);
    look->n = without_trampoline(look->frames, look->n);
}

static void look_by_libunwind(void)
{
    struct look *look = &looks[n_looks++ % LOOKS];
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc;
    int n = 0;
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    while (unw_step(&cursor) > 0 && n < LOOK_MAX && !unw_get_reg(&cursor, UNW_REG_IP, &pc))
        look->frames[n++] = (void *)pc;
    look->n = without_trampoline(look->frames, n);
}

static void (*look_around)(void);

SLED static void looker(void)
{
    if (!stand_in.look)
        look_around();
    STAY;
}

SLED static void lead_to_looker(int n)
{
    if (n > 0)
        lead_to_looker(n - 1);
    else
        looker();
    STAY;
}

static void assert_same_callers(const struct look *a, const struct look *b, int n)
{
    for (int i = 1; i <= n; i++) {
        assert_in_range(i, 1, MIN(a->n, b->n));
        assert_ptr_equal(a->frames[a->n - i], b->frames[b->n - i]);
    }
}

/* Looks back when nothing is patched, when all are, and whenever one is entered or left. */
static void assert_complete(void (*by)(void))
{
    struct look without = {.n = 0};
    look_around = by;
    for (volatile int i = 0; i < 3; i++) { /* and not unrolled */
        n_looks = 0;
        stand_in.look = i == 2 ? by : NULL;
        lead_to_looker(LOOK_DEPTH);
        if (i == 0) {
            without = looks[0];
            SLED_ARM(lead_to_looker, stub);
            SLED_ARM(looker, stub);
        }
        if (i == 1)
            assert_same_callers(&without, &looks[0], without.n - 2);
    }
    stand_in.look = NULL;
    SLED_DISARM(looker);
    SLED_DISARM(lead_to_looker);
    assert_int_equal(n_looks, 2 * (LOOK_DEPTH + 2));
    for (int depth = 0; depth < LOOK_DEPTH + 2; depth++) { /* entered, and left */
        int n = without.n - 2 - (LOOK_DEPTH + 1 - depth);
        assert_same_callers(&without, &looks[depth], n);
        assert_same_callers(&without, &looks[2 * (LOOK_DEPTH + 2) - 1 - depth], n);
    }
}

static void test_backtraces_are_complete(void **state)
{
    (void)state;
    assert_complete(look_by_libgcc);
}

static void test_libunwind_steps_through(void **state)
{
    (void)state;
    assert_complete(look_by_libunwind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backtraces_are_complete),
        cmocka_unit_test(test_libunwind_steps_through),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

/*
 * See stack_walk.h. Frames of the last walk fill the buffer from its start, the outermost first.
 * Those that a new walk finds are put at the buffer's end, each before the last, so that they are
 * in the same order; when the walk has come to a frame that the last one had too, and all beyond it
 * is unchanged, they move down behind that frame.
 *
 * rbp is a frame pointer for some functions and anything for others. So a frame's rbp is compared
 * only where a function further out goes by it.
 */
#include "collectors/target/stack_walk.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "collectors/target/patch_returns.h"

enum walk_flag {
    /* Where pc and sp were read. Neither: pc is at sp - 8. */
    BY_DEREF = 1 << 0,  /* sp was at `slot`, and rbp at slot + 8 * bp_distance */
    BY_SIGNAL = 1 << 1, /* `slot` is a ucontext */
    ELSEWHERE = 1 << 2, /* not, or not all, on the thread's own stack */
    NEEDS_BP = 1 << 3,  /* a function from here on outwards goes by rbp as it is here */
    USES_BP = 1 << 4,   /* this function does */
    KEEPS_BP = 1 << 5,  /* its caller has the same rbp */
    LOST_BP = 1 << 6,   /* rbp here is not known */
    HAS_BP = 1 << 7,    /* BY_DEREF: rbp was read too */
};

struct walk_frame {
    uintptr_t pc, sp, bp;
    uintptr_t slot; /* where rbp was read; 0: it is that of the frame further in. See flags */
    uint32_t node;
    uint16_t module;
    int8_t bp_distance;
    uint8_t flags;
};

enum {
    FIRST_BYTES = 8192,
    FRAMES_MAX = 2 * WIRE_HEAP_DEPTH_MAX,
    /* how a step ended, apart from the roots: it did not */
    GOES_ON = WIRE_ROOTS,
    PC_MIN = 4096,
};

/* A walk under way. */
struct progress {
    struct stack_walk *walk;
    uint32_t cursor; /* frames of the last walk that may be met yet: [0, cursor) */
    uint32_t n_new;  /* at the buffer's end */
    uint32_t root;
    uintptr_t end_slot;
};

void stack_walk_init(struct stack_walk *walk, struct unwind_rules *rules)
{
    walk->rules = rules;
}

void stack_walk_clear(struct stack_walk *walk)
{
    int saved_errno = errno;
    struct unwind_rules *rules = walk->rules;
    if (walk->frames)
        munmap(walk->frames, walk->capacity * sizeof *walk->frames);
    *walk = (struct stack_walk){.rules = rules};
    errno = saved_errno;
}

void stack_walk_advise(const struct stack_walk *walk, int advice)
{
    if (walk->frames)
        madvise(walk->frames, walk->capacity * sizeof *walk->frames, advice);
}

/* A buffer of twice the size. False: not to be had. */
static bool grow(struct stack_walk *walk, uint32_t n_kept, uint32_t n_new)
{
    uint32_t old = walk->capacity;
    uint32_t capacity = old ? 2 * old : FIRST_BYTES / sizeof(struct walk_frame);
    int saved_errno = errno;
    if (old >= FRAMES_MAX || !walk->memory.may_call)
        return false;
    if (capacity > FRAMES_MAX)
        capacity = FRAMES_MAX;
    size_t bytes = capacity * sizeof(struct walk_frame);
    struct walk_frame *frames =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (frames != MAP_FAILED) {
        madvise(frames, bytes, MADV_DONTFORK);
        madvise(frames, bytes, MADV_DONTDUMP);
        struct walk_frame *before = walk->frames;
        if (old) {
            memcpy(frames, before, n_kept * sizeof *frames);
            memcpy(frames + capacity - n_new, before + old - n_new, n_new * sizeof *frames);
        }
        /* in this order: a signal handler may leave us for good at any point */
        __atomic_store_n(&walk->frames, frames, __ATOMIC_RELEASE);
        __atomic_store_n(&walk->capacity, capacity, __ATOMIC_RELEASE);
        if (old)
            munmap(before, old * sizeof *frames);
    }
    errno = saved_errno;
    return frames != MAP_FAILED;
}

/* Room for one more new frame; without memory at the cost of the last walk's. */
static bool make_room(struct progress *progress)
{
    struct stack_walk *walk = progress->walk;
    if (__builtin_expect(progress->cursor + progress->n_new < walk->capacity, 1))
        return true;
    if (grow(walk, progress->cursor, progress->n_new))
        return true;
    progress->cursor = 0;
    return progress->n_new < walk->capacity;
}

/* ---- Whether the last walk still holds ---- */

static bool has_word(struct stack_walk *walk, uintptr_t address, uintptr_t value)
{
    uintptr_t word;
    return stack_memory_read(&walk->memory, address, &word) && word == value;
}

/* Likewise, where a return address is. */
static __attribute__((noinline)) bool returns_to(struct stack_walk *walk, uintptr_t slot,
                                                 uintptr_t value)
{
    uintptr_t word;
    return stack_memory_read(&walk->memory, slot, &word) &&
           patch_returns_original(slot, word) == value;
}

/* Where the frame's rbp was read; 0: it was not. */
static uintptr_t bp_slot(const struct walk_frame *frame)
{
    if (frame->flags & BY_SIGNAL)
        return frame->slot + UNWIND_CONTEXT_RBP;
    if (frame->flags & BY_DEREF)
        return frame->flags & HAS_BP ? frame->slot + 8 * (uintptr_t)(intptr_t)frame->bp_distance
                                     : 0;
    return frame->slot;
}

static __attribute__((noinline)) bool holds_unusual(struct stack_walk *walk,
                                                    const struct walk_frame *frame)
{
    uintptr_t slot = bp_slot(frame);
    if (frame->flags & NEEDS_BP && slot && !has_word(walk, slot, frame->bp))
        return false;
    if (frame->flags & BY_SIGNAL)
        return has_word(walk, frame->slot + UNWIND_CONTEXT_RIP, frame->pc - 1) &&
               has_word(walk, frame->slot + UNWIND_CONTEXT_RSP, frame->sp);
    if (frame->flags & BY_DEREF && !has_word(walk, frame->slot, frame->sp))
        return false;
    return returns_to(walk, frame->sp - 8, frame->pc);
}

/* Whether a walk that has come to the frame further in would find this one as it was. */
static inline bool holds(struct stack_walk *walk, const struct walk_frame *frame)
{
    if (__builtin_expect(frame->flags & (BY_DEREF | BY_SIGNAL | ELSEWHERE), 0))
        return holds_unusual(walk, frame);
    if (*(const volatile uintptr_t *)(frame->sp - 8) != frame->pc &&
        !returns_to(walk, frame->sp - 8, frame->pc))
        return false;
    return !(frame->flags & NEEDS_BP) || frame->slot == 0 ||
           *(const volatile uintptr_t *)frame->slot == frame->bp;
}

/* The outermost frame that a walk which has come to frame i would find as it was. */
static uint32_t verify(struct stack_walk *walk, uint32_t i)
{
    while (i > 0 && holds(walk, &walk->frames[i - 1]))
        i--;
    return i;
}

static bool is_met(const struct walk_frame *old, const struct walk_frame *frame)
{
    return old->sp == frame->sp && old->pc == frame->pc &&
           (old->bp == frame->bp || !(old->flags & NEEDS_BP));
}

/* ---- One step ---- */

static inline bool is_own(const struct stack_walk *walk, uintptr_t address)
{
    return stack_memory_is_own(&walk->memory, address);
}

/* The frame that a signal interrupted. It may be on another stack. */
static uint32_t step_signal(struct stack_walk *walk, const struct walk_frame *frame,
                            struct walk_frame *caller)
{
    uintptr_t context = frame->sp, pc;
    *caller = (struct walk_frame){.slot = context, .flags = BY_SIGNAL | ELSEWHERE};
    if (!stack_memory_read(&walk->memory, context + UNWIND_CONTEXT_RIP, &pc) ||
        !stack_memory_read(&walk->memory, context + UNWIND_CONTEXT_RSP, &caller->sp) ||
        !stack_memory_read(&walk->memory, context + UNWIND_CONTEXT_RBP, &caller->bp) ||
        pc < PC_MIN || pc >> 47 || caller->sp % 8 != 0)
        return WIRE_ROOT_BROKEN;
    caller->pc = pc + 1; /* it was not calling: no return address, but where it was */
    return GOES_ON;
}

/* The caller's rbp. */
static inline bool step_bp(struct stack_walk *walk, const struct walk_frame *frame,
                           union unwind_rule rule, struct walk_frame *caller)
{
    uintptr_t base = rule.bp_kind == UNWIND_BP_AT_CFA ? caller->sp : frame->bp;
    caller->bp = frame->bp;
    if (rule.bp_kind == UNWIND_BP_KEPT)
        return true;
    if (rule.bp_kind == UNWIND_BP_LOST) {
        caller->bp = 0;
        caller->flags |= LOST_BP;
        return true;
    }
    uintptr_t slot = base + 8 * (uintptr_t)(intptr_t)rule.bp;
    if (!stack_memory_read(&walk->memory, slot, &caller->bp))
        return false;
    if (!is_own(walk, slot))
        caller->flags |= ELSEWHERE;
    if (caller->flags & BY_DEREF) {
        intptr_t distance = (intptr_t)(slot - caller->slot) / 8;
        caller->bp_distance = (int8_t)distance;
        caller->flags |= HAS_BP;
        return caller->bp_distance == distance;
    }
    caller->slot = slot;
    return true;
}

/* What the function's stack pointer will be when it has returned. */
static inline bool step_sp(struct stack_walk *walk, const struct walk_frame *frame,
                           union unwind_rule rule, struct walk_frame *caller)
{
    bool is_by_sp = rule.kind == UNWIND_SP || rule.kind == UNWIND_SP_DEREF;
    uintptr_t cfa = (is_by_sp ? frame->sp : frame->bp) + 8 * (uintptr_t)(intptr_t)rule.cfa;
    if (__builtin_expect(rule.kind >= UNWIND_SP_DEREF, 0)) {
        caller->flags |= BY_DEREF;
        caller->slot = cfa;
        if (!is_own(walk, cfa))
            caller->flags |= ELSEWHERE;
        if (!stack_memory_read(&walk->memory, cfa, &cfa))
            return false;
    }
    caller->sp = cfa;
    /* stacks grow, and do not end in the midst of a function */
    return cfa > frame->sp && cfa % 8 == 0 && (is_own(walk, cfa - 8) || !is_own(walk, frame->sp));
}

/* The caller of `frame`, which is entered into it as far as its rule says; or how the stack ends:
 * a root. */
static inline uint32_t step(struct progress *progress, struct walk_frame *frame,
                            union unwind_rule rule, struct walk_frame *caller)
{
    struct stack_walk *walk = progress->walk;
    frame->module = (uint16_t)rule.module;
    if (rule.kind == UNWIND_ROOT)
        return WIRE_ROOT_COMPLETE;
    if (rule.kind == UNWIND_NONE)
        return WIRE_ROOT_BROKEN;
    if (rule.kind == UNWIND_SIGNAL)
        return step_signal(walk, frame, caller);
    if (rule.kind == UNWIND_BP || rule.kind == UNWIND_BP_DEREF || rule.bp_kind == UNWIND_BP_AT_BP)
        frame->flags |= USES_BP;
    if (rule.bp_kind == UNWIND_BP_KEPT)
        frame->flags |= KEEPS_BP;
    *caller = (struct walk_frame){0};
    if (!step_sp(walk, frame, rule, caller) ||
        !stack_memory_read(&walk->memory, caller->sp - 8, &caller->pc))
        return WIRE_ROOT_BROKEN;
    if (!is_own(walk, caller->sp - 8))
        caller->flags |= ELSEWHERE;
    if (__builtin_expect(caller->pc == patch_returns_trampoline, 0) && caller->pc != 0) {
        caller->pc = patch_returns_find(caller->sp - 8);
        if (caller->pc == 0)
            return WIRE_ROOT_BROKEN;
    }
    if (caller->pc == 0) {
        progress->end_slot = caller->sp - 8;
        return WIRE_ROOT_COMPLETE;
    }
    if (caller->pc < PC_MIN || caller->pc >> 47 || !step_bp(walk, frame, rule, caller))
        return WIRE_ROOT_BROKEN;
    return GOES_ON;
}

/* ---- The whole walk ---- */

/* A frame of the last walk that the new one has come to as well, maybe in another way: from a
 * function that saves rbp elsewhere. */
static void come_by(struct walk_frame *old, const struct walk_frame *frame)
{
    enum { OF_FUNCTION = NEEDS_BP | USES_BP | KEEPS_BP };
    old->bp = frame->bp;
    old->slot = frame->slot;
    old->bp_distance = frame->bp_distance;
    old->flags = (uint8_t)((old->flags & OF_FUNCTION) | (frame->flags & ~OF_FUNCTION));
}

/* How many frames of the last walk the new one goes on with, if it has come to one of them and all
 * from there on is as it was. 0: none. */
static uint32_t reusable(struct progress *progress, uint32_t outermost)
{
    struct stack_walk *walk = progress->walk;
    uint32_t total = progress->cursor + progress->n_new;
    if (outermost > 0 || total > WIRE_HEAP_DEPTH_MAX ||
        (walk->root == WIRE_ROOT_TRUNCATED && total != WIRE_HEAP_DEPTH_MAX) ||
        (walk->end_slot && !has_word(walk, walk->end_slot, 0)))
        return 0;
    return progress->cursor;
}

/* Takes over the frames of the last walk up to `outermost`, as far as there is room, without their
 * nodes. `frame` is the innermost of them as the new walk has found it, and becomes the outermost.
 */
static void take_over(struct progress *progress, uint32_t outermost, struct walk_frame *frame)
{
    struct stack_walk *walk = progress->walk;
    uint32_t i = progress->cursor - 1;
    const struct walk_frame *old = &walk->frames[i]; /* what is known of the function stays */
    frame->module = old->module;
    frame->flags |= (uint8_t)(old->flags & (NEEDS_BP | USES_BP | KEEPS_BP));
    while (i > outermost && progress->n_new < WIRE_HEAP_DEPTH_MAX) {
        if (!make_room(progress) || progress->cursor == 0)
            return;
        walk->frames[walk->capacity - ++progress->n_new] = *frame;
        uintptr_t bp = frame->bp;
        *frame = walk->frames[--i];
        uintptr_t slot = bp_slot(frame);
        /* it may not have been kept up to date */
        if (slot == 0 || !stack_memory_read(&walk->memory, slot, &frame->bp))
            frame->bp = frame->flags & LOST_BP ? 0 : bp;
    }
    progress->cursor = i;
}

/*
 * Looks whether the walk has come to a frame of the last one. Returns how many frames of that it
 * goes on with; 0: on with `frame`, which may have moved outwards.
 */
static inline uint32_t meet(struct progress *progress, struct walk_frame *frame)
{
    struct walk_frame *frames = progress->walk->frames;
    while (progress->cursor > 0 && frames[progress->cursor - 1].sp < frame->sp)
        progress->cursor--;
    if (progress->cursor == 0 || !is_met(&frames[progress->cursor - 1], frame))
        return 0;
    uint32_t outermost = verify(progress->walk, progress->cursor - 1);
    uint32_t n = reusable(progress, outermost);
    if (n == 0)
        take_over(progress, outermost, frame);
    else if (progress->n_new > 0)
        come_by(&frames[n - 1], frame);
    return n;
}

/* Walks from `frame` on until the end, or a frame from which on all is known. Returns how many
 * frames of the last walk the new one goes on with. */
static uint32_t advance(struct progress *progress, struct walk_frame frame)
{
    struct stack_walk *walk = progress->walk;
    for (;;) {
        struct walk_frame caller;
        uint32_t n = meet(progress, &frame);
        if (n > 0)
            return n;
        if (progress->n_new == WIRE_HEAP_DEPTH_MAX || !make_room(progress)) {
            progress->root = WIRE_ROOT_TRUNCATED;
            return 0;
        }
        union unwind_rule rule = unwind_rules_get(walk->rules, frame.pc, walk->generation);
        frame.flags &= (uint8_t) ~(USES_BP | KEEPS_BP | NEEDS_BP);
        progress->root = step(progress, &frame, rule, &caller);
        walk->frames[walk->capacity - ++progress->n_new] = frame;
        if (progress->root != GOES_ON)
            return 0;
        frame = caller;
    }
}

/* Moves the new frames behind the first `n` of the last walk, and finds their nodes. */
static uint32_t finish(struct progress *progress, struct stack_tree *tree, uint32_t n)
{
    struct stack_walk *walk = progress->walk;
    uint32_t depth = n;
    struct walk_frame *frames = walk->frames, *outer = n > 0 ? &frames[n - 1] : NULL;
    uint32_t node = outer ? outer->node : walk->root;
    uint8_t needs_bp = outer ? outer->flags & NEEDS_BP : 0;
    memmove(frames + n, frames + walk->capacity - progress->n_new,
            progress->n_new * sizeof *frames);
    for (; depth < n + progress->n_new; depth++) {
        struct walk_frame *frame = &frames[depth];
        node = stack_tree_child(tree, node, frame->pc, frame->module);
        if (node == 0)
            break; /* the frames so far are good */
        if (!(frame->flags & KEEPS_BP))
            needs_bp = 0;
        if (frame->flags & USES_BP)
            needs_bp = NEEDS_BP;
        frame->flags = (uint8_t)((frame->flags & ~NEEDS_BP) | needs_bp);
        frame->node = node;
    }
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&walk->depth, depth, __ATOMIC_RELAXED);
    return node;
}

uint32_t stack_walk_node(struct stack_walk *walk, struct stack_tree *tree,
                         const struct stack_frame *from)
{
    uint32_t generation = segment_modules_generation(walk->rules->modules);
    struct walk_frame frame = {.pc = from->pc, .sp = from->sp, .bp = from->bp};
    bool may_call = __atomic_load_n(&walk->rules->may_call, __ATOMIC_RELAXED);
    bool is_new = stack_memory_begin(&walk->memory, from->sp, may_call);
    if (__builtin_expect(is_new || generation != walk->generation, 0)) {
        walk->depth = 0;
        walk->generation = generation;
    }
    struct progress progress = {.walk = walk, .cursor = walk->depth};
    /* should a signal handler leave us for good, the next walk begins anew */
    __atomic_store_n(&walk->depth, 0, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    uint32_t n = advance(&progress, frame);
    if (n > 0 && progress.n_new == 0) {
        walk->depth = n;
        return walk->frames[n - 1].node;
    }
    if (n == 0) {
        walk->root = progress.root;
        walk->end_slot = progress.end_slot;
    }
    return finish(&progress, tree, n);
}

/*
 * Walks that are compared with what libunwind finds: what test_stack_walk.c begins with.
 */
#ifndef TESTS_UNIT_STACK_WALK_FIXTURE_H
#define TESTS_UNIT_STACK_WALK_FIXTURE_H

struct heap {
    char *segment;
    struct wire_heap *wire;
    struct segment_area nodes, index;
    struct stack_tree tree;
    struct segment_modules *modules;
    struct unwind_rules rules;
};

/* What a thread does. */
struct thread {
    struct heap *heap;
    struct stack_walk walk;
    uint32_t random;
    int n_checked, n_deepest, budget;
    uint32_t node; /* of the last check */
    char wrong[512];
    jmp_buf back;
    ucontext_t coroutine, scheduler;
};

static __thread struct thread *self;

static int set_up(void **state)
{
    struct heap *heap = g_new0(struct heap, 1);
    int fd = memfd_create("segment", MFD_CLOEXEC);
    struct wire_area nodes = {NODES_OFFSET, NODES_FIRST, NODES_MAX};
    struct wire_area index = {INDEX_OFFSET, LINES_FIRST, LINES_MAX};
    if (fd < 0 || ftruncate(fd, SEGMENT_BYTES) != 0)
        return -1;
    heap->segment = mmap(NULL, SEGMENT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    heap->wire = (struct wire_heap *)heap->segment;
    if (!segment_area_map(&heap->nodes, fd, &nodes, sizeof(struct wire_heap_node), SEGMENT_BYTES) ||
        !segment_area_map(&heap->index, fd, &index, sizeof(struct stack_tree_line), SEGMENT_BYTES))
        return -1;
    close(fd);
    stack_tree_init(&heap->tree, &heap->nodes, &heap->index, &heap->wire->n_nodes);
    heap->modules = g_new0(struct segment_modules, 1);
    segment_modules_init(heap->modules, &heap->wire->n_modules,
                         (struct wire_module *)(heap->segment + MODULES_OFFSET));
    *state = heap;
    return unwind_rules_init(&heap->rules, heap->modules) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct heap *heap = *state;
    unwind_rules_clear(&heap->rules);
    segment_area_unmap(&heap->nodes);
    segment_area_unmap(&heap->index);
    munmap(heap->segment, SEGMENT_BYTES);
    g_free(heap->modules);
    g_free(heap);
    return 0;
}

static struct thread *thread_new(struct heap *heap, uint32_t seed)
{
    struct thread *thread = g_new0(struct thread, 1);
    thread->heap = heap;
    thread->random = seed * 2654435761u + 1;
    stack_walk_init(&thread->walk, &heap->rules);
    self = thread;
    return thread;
}

/* Says what was wrong with any of its stacks. */
static void thread_free(struct thread *thread, int checked_min)
{
    stack_walk_clear(&thread->walk);
    if (thread->wrong[0])
        fail_msg("%s", thread->wrong);
    assert_in_range(thread->n_checked, checked_min, G_MAXINT);
    g_free(thread);
}

static uint32_t dice(uint32_t sides)
{
    self->random = self->random * 1664525 + 1013904223;
    return (self->random >> 8) % sides;
}

/* ---- Comparing ---- */

/* mov $SYS_rt_sigreturn,%rax; syscall */
#define RETURN_FROM_SIGNAL "\x48\xc7\xc0\x0f\0\0\0\x0f\x05"

/* Return addresses by libunwind, from the caller of the caller on; at most FRAMES_MAX. */
static NOINLINE int reference(uintptr_t *addresses)
{
    unw_context_t context;
    unw_cursor_t cursor;
    unw_word_t pc;
    int n = 0;
    bool is_interrupted = false;
    unw_getcontext(&context);
    unw_init_local(&cursor, &context);
    for (int i = 0; unw_step(&cursor) > 0 && n < FRAMES_MAX; i++) {
        unw_get_reg(&cursor, UNW_REG_IP, &pc);
        if (i >= 1 && pc != 0)
            addresses[n++] = pc + is_interrupted;
        is_interrupted = pc && memcmp((void *)pc, RETURN_FROM_SIGNAL, 9) == 0;
    }
    return n;
}

static int path_of(const struct heap *heap, uint32_t number, uintptr_t *addresses,
                   uint32_t *ret_root)
{
    int n = 0;
    while (number >= WIRE_ROOTS && n <= WIRE_HEAP_DEPTH_MAX) {
        const struct wire_heap_node *node = segment_area_at(&heap->nodes, number);
        addresses[n++] = node->address;
        number = node->parent;
    }
    *ret_root = number;
    return n;
}

static void say_wrong(const char *what, int i, uintptr_t got, uintptr_t wanted)
{
    Dl_info info = {0};
    dladdr((void *)wanted, &info);
    if (!self->wrong[0])
        g_snprintf(self->wrong, sizeof self->wrong, "check %d: %s at frame %d: %#lx, not %#lx %s",
                   self->n_checked, what, i, (long)got, (long)wanted,
                   info.dli_sname ? info.dli_sname : "");
}

static void compare(uint32_t node, const uintptr_t *wanted, int n_wanted)
{
    uintptr_t got[WIRE_HEAP_DEPTH_MAX + 1];
    uint32_t root;
    int n = path_of(self->heap, node, got, &root);
    bool is_cut = n_wanted > WIRE_HEAP_DEPTH_MAX;
    for (int i = 0; i < n && i < n_wanted; i++)
        if (got[i] != wanted[i])
            say_wrong("an address", i, got[i], wanted[i]);
    if (n != (is_cut ? WIRE_HEAP_DEPTH_MAX : n_wanted))
        say_wrong("the number of frames", n, (uintptr_t)n, (uintptr_t)n_wanted);
    if (root != (is_cut ? WIRE_ROOT_TRUNCATED : WIRE_ROOT_COMPLETE))
        say_wrong("the root", n, root, WIRE_ROOT_COMPLETE);
}

/* Each address is in the module that its node names. */
static void compare_modules(uint32_t number)
{
    const struct heap *heap = self->heap;
    const struct wire_module *table = (const struct wire_module *)(heap->segment + MODULES_OFFSET);
    while (number >= WIRE_ROOTS) {
        const struct wire_heap_node *node = segment_area_at(&heap->nodes, number);
        const struct wire_module *module = &table[node->module];
        if (node->address < module->start || node->address >= module->end)
            say_wrong("the module", 0, node->module, node->address);
        number = node->parent;
    }
}

/* As a hook would do it. */
static NOINLINE void check(void)
{
    static __thread uintptr_t wanted[FRAMES_MAX];
    struct stack_frame from = STACK_FRAME_OF_CALLER();
    self->node = stack_walk_node(&self->walk, &self->heap->tree, &from);
    int n = reference(wanted);
    compare(self->node, wanted, n);
    compare_modules(self->node);
    self->n_checked++;
    self->n_deepest = MAX(self->n_deepest, n);
}

#endif

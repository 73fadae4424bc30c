/*
 * The walk: frame after frame until the root, the end of the copy, or the end of what can be known.
 */
#include "core/unwind/unwinder.h"

#include <assert.h>
#include <asm/perf_regs.h>

#include "core/base/eh_frame_table.h"
#include "core/unwind/frame_rules.h"
#include "core/unwind/guess.h"
#include "core/unwind/last_walk.h"

enum {
    THREADS_MAX = 256,
    LOOK_AHEAD = 4,    /* steps that are tried before one of several return addresses is chosen */
    CHOICES_MAX = 128, /* of a walk, as they take time; then the likeliest is taken */
    NO_CODE_END = 4096 /* no code lies below */
};

struct unwinder {
    const struct address_map *map;
    struct frame_rules *rules;
    struct last_walks *walks;
    bool reuse;

    /* the mapping that the last address was in; good as long as the map does not change */
    const struct mapping *mapping;
    uint64_t generation;

    uint64_t pc[UNWIND_FRAMES_MAX];
    struct kept_frame kept[UNWIND_FRAMES_MAX];
};

/* One walk under way. */
struct walk {
    struct unwinder *unwinder;
    struct last_walk *last;
    struct stack_view view;
    const struct unwind_hijack *hijack;
    bool was_hijacked; /* the last step did not go by the stack alone */
    struct frame frame;
    bool may_go_on;
    size_t n, n_guessed, n_choices;
    size_t n_kept;       /* frames since the last guess or signal, in unwinder.kept */
    size_t n_taken_over; /* frames taken from the last walk */
};

struct unwinder *unwinder_new(const struct address_map *map)
{
    struct unwinder *unwinder = g_new0(struct unwinder, 1);
    unwinder->map = map;
    unwinder->rules = frame_rules_new();
    unwinder->walks = last_walks_new(THREADS_MAX);
    unwinder->reuse = true;
    return unwinder;
}

void unwinder_free(struct unwinder *unwinder)
{
    if (!unwinder)
        return;
    frame_rules_free(unwinder->rules);
    last_walks_free(unwinder->walks);
    g_free(unwinder);
}

void unwinder_set_reuse(struct unwinder *unwinder, bool reuse)
{
    unwinder->reuse = reuse;
}

bool unwind_regs_from_perf(const uint64_t *values, uint64_t mask, struct unwind_regs *ret_regs)
{
    static const struct {
        uint8_t perf, dwarf;
    } pairs[] = {
        {PERF_REG_X86_AX, DWARF_RAX}, {PERF_REG_X86_BX, DWARF_RBX},  {PERF_REG_X86_CX, DWARF_RCX},
        {PERF_REG_X86_DX, DWARF_RDX}, {PERF_REG_X86_SI, DWARF_RSI},  {PERF_REG_X86_DI, DWARF_RDI},
        {PERF_REG_X86_BP, DWARF_RBP}, {PERF_REG_X86_SP, DWARF_RSP},  {PERF_REG_X86_IP, DWARF_RIP},
        {PERF_REG_X86_R8, DWARF_R8},  {PERF_REG_X86_R9, 9},          {PERF_REG_X86_R10, 10},
        {PERF_REG_X86_R11, 11},       {PERF_REG_X86_R12, DWARF_R12}, {PERF_REG_X86_R13, 13},
        {PERF_REG_X86_R14, 14},       {PERF_REG_X86_R15, DWARF_R15},
    };
    struct unwind_regs regs = {0};
    for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
        if (!(mask >> pairs[i].perf & 1))
            continue;
        uint64_t before = mask & ((1ULL << pairs[i].perf) - 1);
        regs.r[pairs[i].dwarf] = values[__builtin_popcountll(before)];
        regs.known |= 1u << pairs[i].dwarf;
    }
    if ((regs.known & FRAME_POSITION) != FRAME_POSITION)
        return false;
    *ret_regs = regs;
    return true;
}

/* ---- one step ---- */

static const struct mapping *mapping_of(struct unwinder *unwinder, uint64_t address)
{
    uint64_t generation = address_map_generation(unwinder->map);
    const struct mapping *m = unwinder->mapping;
    if (!m || unwinder->generation != generation || address < m->start || address >= m->end)
        m = address_map_find(unwinder->map, address);
    unwinder->mapping = m;
    unwinder->generation = generation;
    return m;
}

/* By the rule for `address`, which is rip or the byte before it. */
static enum frame_step step_by_rule_at(struct walk *walk, uint64_t address)
{
    const struct mapping *m = mapping_of(walk->unwinder, address);
    uint64_t vaddr;
    if (!m || !mapping_vaddr(m, address, &vaddr) || !m->elf->is_64bit)
        return FRAME_NO_RULE;
    return frame_rules_step(walk->unwinder->rules, m->elf, vaddr, &walk->view, &walk->frame);
}

static enum frame_step step_by_rule(struct walk *walk)
{
    uint64_t ip = walk->frame.r[DWARF_RIP];
    return step_by_rule_at(walk, walk->frame.is_exact ? ip : ip - 1);
}

static enum frame_step step_by_guess(struct walk *walk)
{
    switch (guess_step(walk->unwinder->map, &walk->view, &walk->frame)) {
    case GUESS_STEPPED:
        walk->n_guessed++;
        walk->n_kept = 0;
        return FRAME_STEPPED;
    case GUESS_SIGNAL:
        return FRAME_STEPPED_SIGNAL;
    case GUESS_ROOT:
        return FRAME_ROOT;
    case GUESS_BEYOND:
    case GUESS_NONE:
        break;
    }
    return FRAME_FAILED;
}

/* What all hijacked calls return to has just been reached, and has done nothing yet. */
static enum frame_step step_by_hijack(struct walk *walk)
{
    walk->frame.known &= FRAME_KEPT_BY_CALLS | FRAME_POSITION;
    walk->frame.is_exact = false;
    return FRAME_STEPPED;
}

/* Into the function that the code of a detour belongs to. */
static bool step_by_detour(struct walk *walk)
{
    struct unwind_detour detour;
    struct frame *frame = &walk->frame;
    const struct mapping *m = mapping_of(walk->unwinder, frame->r[DWARF_RIP]);
    if ((m && m->elf) || !walk->hijack->detour ||
        !walk->hijack->detour(walk->hijack->data, 0, frame->r[DWARF_RIP], &detour))
        return false;
    if (detour.address == 0 && !stack_view_read(&walk->view, frame->r[DWARF_RSP], &detour.address))
        return false;
    frame->r[DWARF_RIP] = detour.address;
    frame->r[DWARF_RSP] += detour.pushed;
    walk->was_hijacked = true;
    return true;
}

/* ---- hijacked return addresses ---- */

static size_t candidates(const struct walk *walk, uint64_t addresses[UNWIND_CANDIDATES_MAX])
{
    uint64_t slot = walk->frame.r[DWARF_RSP] - sizeof(slot);
    size_t n =
        walk->hijack->return_addresses(walk->hijack->data, slot, addresses, UNWIND_CANDIDATES_MAX);
    return MIN(n, (size_t)UNWIND_CANDIDATES_MAX);
}

/* How well the walk would go on by one of several return addresses. */
struct prospect {
    size_t n_steps; /* LOOK_AHEAD: all that can be told is good */
    bool is_called; /* its function is what the next return address has called, by name */
};

static bool is_called_by_any(struct walk *walk, uint64_t pc, const uint64_t *addresses, size_t n)
{
    uint64_t vaddr, start;
    const struct mapping *m = mapping_of(walk->unwinder, pc);
    if (!m || !mapping_vaddr(m, pc, &vaddr) || !eh_frame_table_function(m->elf, vaddr, &start))
        return false;
    start += pc - vaddr;
    for (size_t i = 0; i < n; i++)
        if (guess_is_call_of(walk->unwinder->map, addresses[i], start))
            return true;
    return false;
}

/* One step further by rule. False: it is the last, good or bad. */
static bool look_further(struct walk *walk, struct prospect *prospect)
{
    uint64_t sp = walk->frame.r[DWARF_RSP], *ip = &walk->frame.r[DWARF_RIP], pc = *ip - 1;
    uint64_t addresses[UNWIND_CANDIDATES_MAX];
    walk->view.floor = sp;
    enum frame_step step = step_by_rule(walk);
    bool is_cut = step == FRAME_FAILED && walk->view.asked_beyond && walk->may_go_on;
    if (is_cut || (step != FRAME_FAILED && (step != FRAME_STEPPED || *ip == 0)))
        prospect->n_steps = LOOK_AHEAD;
    if (step != FRAME_STEPPED || *ip == 0 || walk->frame.r[DWARF_RSP] <= sp)
        return false;
    addresses[0] = *ip;
    size_t n = stack_view_is_hijacked(&walk->view, *ip) ? candidates(walk, addresses) : 1;
    if (n == 0 || (n == 1 && !guess_is_return(walk->unwinder->map, addresses[0])))
        return false;
    prospect->is_called |= prospect->n_steps == 1 && is_called_by_any(walk, pc, addresses, n);
    prospect->n_steps = n > 1 ? LOOK_AHEAD : prospect->n_steps + 1;
    *ip = addresses[0];
    return prospect->n_steps < LOOK_AHEAD;
}

static struct prospect look_ahead(const struct walk *walk, uint64_t address)
{
    struct prospect prospect = {0};
    struct walk ahead = *walk;
    ahead.frame.r[DWARF_RIP] = address;
    if (!guess_is_return(walk->unwinder->map, address))
        return prospect;
    for (prospect.n_steps = 1; look_further(&ahead, &prospect);)
        continue;
    return prospect;
}

/* The one that leads furthest, of equal ones the likeliest; 0: none leads anywhere. */
static uint64_t choose(const struct walk *walk, const uint64_t *addresses, size_t n)
{
    uint64_t chosen = 0;
    struct prospect best = {0};
    for (size_t i = 0; i < n && !(best.n_steps == LOOK_AHEAD && best.is_called); i++) {
        struct prospect prospect = look_ahead(walk, addresses[i]);
        if (prospect.n_steps > best.n_steps ||
            (prospect.n_steps == best.n_steps && prospect.is_called > best.is_called)) {
            best = prospect;
            chosen = addresses[i];
        }
    }
    return chosen;
}

/* What was read as the caller's position may stand for another one, which the stack does not tell:
 * frames further in are not to be taken over by it. False: it is not known. */
static bool find_original(struct walk *walk, uint64_t from)
{
    uint64_t *ip = &walk->frame.r[DWARF_RIP], addresses[UNWIND_CANDIDATES_MAX];
    struct unwind_detour detour;
    if (*ip < NO_CODE_END && walk->hijack->detour &&
        walk->hijack->detour(walk->hijack->data, from, *ip, &detour))
        *ip = detour.address;
    if (!stack_view_is_hijacked(&walk->view, *ip))
        return true;
    walk->was_hijacked = true;
    walk->n_kept = 0;
    size_t n = candidates(walk, addresses);
    bool is_doubtful = n > 1 && walk->n_choices++ < CHOICES_MAX;
    *ip = is_doubtful ? choose(walk, addresses, n) : n > 0 ? addresses[0] : 0;
    return *ip != 0;
}

/* ---- steps ---- */

static enum frame_step step_within(struct walk *walk)
{
    uint64_t ip = walk->frame.r[DWARF_RIP];
    if (walk->frame.is_exact && walk->hijack->address != 0) {
        if (ip == walk->hijack->address)
            return step_by_hijack(walk);
        if (step_by_detour(walk))
            return FRAME_STEPPED;
    }
    enum frame_step step = step_by_rule(walk);
    return step == FRAME_NO_RULE ? step_by_guess(walk) : step;
}

/* Moves walk->frame to its caller. The address of the frame left is corrected when it is a
 * trampoline. */
static enum frame_step step(struct walk *walk)
{
    uint64_t ip = walk->frame.r[DWARF_RIP];
    walk->view.floor = walk->frame.r[DWARF_RSP];
    walk->was_hijacked = false;
    enum frame_step step = step_within(walk);
    if (step == FRAME_STEPPED && !find_original(walk, ip))
        return FRAME_FAILED;
    if (step == FRAME_STEPPED_SIGNAL) {
        walk->unwinder->pc[walk->n - 1] = ip;
        walk->n_kept = 0;
    }
    return step;
}

/* ---- the walk ---- */

static uint64_t frame_pc(const struct frame *frame)
{
    return frame->r[DWARF_RIP] - !frame->is_exact;
}

/* Notes the frame as the next one of the result. */
static void add_frame(struct walk *walk)
{
    struct unwinder *unwinder = walk->unwinder;
    uint64_t pc = frame_pc(&walk->frame);
    unwinder->pc[walk->n++] = pc;
    if (kept_frame_fill(&walk->frame, pc, &unwinder->kept[walk->n_kept]))
        walk->n_kept++;
    else
        walk->n_kept = 0;
}

/* Takes the rest from the thread's last walk if this frame, just added, is one of its. */
static bool take_over(struct walk *walk)
{
    struct unwinder *unwinder = walk->unwinder;
    if (!unwinder->reuse || walk->n_kept == 0)
        return false;
    size_t n = last_walk_match(walk->last, &unwinder->kept[walk->n_kept - 1], &walk->view);
    if (n == 0 || n - 1 > UNWIND_FRAMES_MAX - walk->n)
        return false;
    for (size_t i = n - 1; i-- > 0;)
        unwinder->pc[walk->n++] = last_walk_pc(walk->last, i);
    walk->n_kept--; /* it is among those that stay */
    walk->n_taken_over = n;
    walk->view.read_end = MAX(walk->view.read_end, last_walk_read_end(walk->last));
    return true;
}

static enum unwind_end end_of_failed(const struct walk *walk)
{
    bool left_stack =
        walk->frame.is_exact && walk->n > 1 &&
        (walk->frame.r[DWARF_RSP] < walk->view.start || walk->frame.r[DWARF_RSP] >= walk->view.end);
    if (left_stack || (walk->view.asked_beyond && walk->may_go_on))
        return UNWIND_TRUNCATED;
    return UNWIND_BROKEN;
}

/* The stack must grow towards its root, and code must be mapped. */
static bool is_plausible(struct walk *walk, enum frame_step step, uint64_t sp_before)
{
    if (step == FRAME_STEPPED_SIGNAL)
        return true;
    uint64_t sp = walk->frame.r[DWARF_RSP];
    return (sp > sp_before || (sp == sp_before && walk->was_hijacked)) &&
           mapping_of(walk->unwinder, walk->frame.r[DWARF_RIP] - 1) != NULL;
}

static enum unwind_end walk_to_end(struct walk *walk)
{
    for (;;) {
        add_frame(walk);
        if (take_over(walk))
            return UNWIND_ROOT;
        if (walk->n == UNWIND_FRAMES_MAX)
            return UNWIND_DEPTH;
        uint64_t sp = walk->frame.r[DWARF_RSP];
        enum frame_step stepped = step(walk);
        if (stepped == FRAME_ROOT)
            return UNWIND_ROOT;
        if (stepped != FRAME_STEPPED && stepped != FRAME_STEPPED_SIGNAL)
            return end_of_failed(walk);
        if (walk->frame.r[DWARF_RIP] == 0)
            return UNWIND_ROOT;
        if (!is_plausible(walk, stepped, sp))
            return UNWIND_BROKEN;
    }
}

static void finish(struct walk *walk, enum unwind_end end)
{
    if (end == UNWIND_ROOT && walk->unwinder->reuse)
        last_walk_keep(walk->last, walk->n_taken_over, walk->unwinder->kept, walk->n_kept,
                       &walk->view);
    else
        last_walk_drop(walk->last);
}

/* The interrupted instruction, or the return address at which the walk had to stop. */
static uint64_t unmapped_code(const struct walk *walk, enum unwind_end end, uint64_t leaf)
{
    uint64_t last = frame_pc(&walk->frame);
    if (!mapping_of(walk->unwinder, leaf))
        return leaf;
    return end == UNWIND_BROKEN && !mapping_of(walk->unwinder, last) ? last : 0;
}

void unwinder_walk(struct unwinder *unwinder, uint32_t thread_key, const struct unwind_input *input,
                   struct unwind_result *ret)
{
    assert((input->regs.known & FRAME_POSITION) == FRAME_POSITION);
    struct walk walk = {
        .unwinder = unwinder,
        .last = last_walks_get(unwinder->walks, thread_key),
        .view = {.bytes = input->stack,
                 .start = input->stack_address,
                 .hijack = input->hijack.address},
        .hijack = &input->hijack,
        .frame = {.known = input->regs.known & FRAME_ALL, .is_exact = true},
        .may_go_on = input->may_go_on,
    };
    uint64_t room = UINT64_MAX - input->stack_address;
    walk.view.end = input->stack_address + MIN((uint64_t)input->stack_size, room);
    memcpy(walk.frame.r, input->regs.r, sizeof(walk.frame.r));
    last_walk_begin(walk.last, address_map_generation(unwinder->map));
    frame_rules_begin(unwinder->rules);

    enum unwind_end end = walk_to_end(&walk);
    finish(&walk, end);
    *ret = (struct unwind_result){.pc = unwinder->pc,
                                  .n = walk.n,
                                  .end = end,
                                  .n_guessed = walk.n_guessed,
                                  .unmapped = unmapped_code(&walk, end, input->regs.r[DWARF_RIP])};
}

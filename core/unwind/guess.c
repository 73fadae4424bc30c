/*
 * Guessing a caller: PLT stubs and function entries by the word at rsp, JIT and assembly by the
 * frame pointer.
 *
 * A word counts as a return address only when the bytes before the place it points to are a call.
 * In code that cannot be read (JIT) a frame pointer chain must do; the word at rsp alone would be
 * too weak.
 */
#include "core/unwind/guess.h"

#include "core/base/eh_frame_table.h"

enum {
    START_BYTES = 96,    /* how far behind its entry point a program still counts as starting */
    NEAR_BYTES = 1 << 20 /* how far above the copy a frame pointer is believed */
};

static const void *code_at(const struct address_map *map, uint64_t address, size_t size)
{
    const struct mapping *m = address_map_find(map, address);
    uint64_t vaddr;
    if (!m || !mapping_vaddr(m, address, &vaddr))
        return NULL;
    return elf_file_bytes(m->elf, vaddr, size);
}

enum call_check { CALL_NO, CALL_YES, CALL_UNREADABLE };

/* Do the `size` bytes before a return address make up `call *...` of that very length? */
static bool is_indirect_call(const uint8_t *return_address, int size)
{
    const uint8_t *b = return_address - size;
    return b[0] == 0xff && (b[1] & 0x38) == 0x10;
}

static enum call_check check_call(const struct address_map *map, uint64_t return_address)
{
    enum { LONGEST = 7 };
    const struct mapping *m = address_map_find(map, return_address - 1);
    if (!m || return_address - m->start < LONGEST)
        return CALL_NO;
    const uint8_t *code = code_at(map, return_address - LONGEST, LONGEST);
    if (!code)
        return m->elf ? CALL_NO : CALL_UNREADABLE;
    const uint8_t *end = code + LONGEST;
    bool is_call = end[-5] == 0xe8;
    for (int size = 2; size <= LONGEST; size++)
        is_call |= size != 5 && is_indirect_call(end, size);
    return is_call ? CALL_YES : CALL_NO;
}

bool guess_is_return(const struct address_map *map, uint64_t address)
{
    return check_call(map, address) != CALL_NO;
}

bool guess_is_call_of(const struct address_map *map, uint64_t return_address, uint64_t function)
{
    enum { CALL = 0xe8, CALL_BYTES = 5 };
    int32_t distance;
    const uint8_t *code = code_at(map, return_address - CALL_BYTES, CALL_BYTES);
    if (!code || code[0] != CALL)
        return false;
    memcpy(&distance, code + 1, sizeof(distance));
    return return_address + (uint64_t)(int64_t)distance == function;
}

/* Of what was read on the stack; a hijacked one follows a call in its time. */
static enum call_check check_read(const struct address_map *map, const struct stack_view *view,
                                  uint64_t address)
{
    return stack_view_is_hijacked(view, address) ? CALL_YES : check_call(map, address);
}

/* ---- signal trampolines and starts ---- */

/* mov $15, %rax (or %eax); syscall */
static bool is_sigreturn(const struct address_map *map, uint64_t ip)
{
    static const uint8_t wide[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
    static const uint8_t narrow[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
    const uint8_t *code = code_at(map, ip, sizeof(narrow));
    if (code && memcmp(code, narrow, sizeof(narrow)) == 0)
        return true;
    code = code_at(map, ip, sizeof(wide));
    return code && memcmp(code, wide, sizeof(wide)) == 0;
}

/* Takes the registers that the kernel saved: at the trampoline, rsp points to the ucontext. */
static bool step_signal(struct stack_view *view, struct frame *frame)
{
    enum { MCONTEXT = 40 };
    static const uint8_t order[FRAME_REGISTERS] = {8, 9, 10, 11, 12, 13, 14, 15, 5,
                                                   4, 6, 3,  2,  0,  1,  7,  16};
    struct frame caller = {.known = FRAME_ALL, .is_exact = true};
    uint64_t at = frame->r[DWARF_RSP] + MCONTEXT;
    for (size_t i = 0; i < FRAME_REGISTERS; i++)
        if (!stack_view_read(view, at + i * sizeof(uint64_t), &caller.r[order[i]]))
            return false;
    *frame = caller;
    return true;
}

/* Is it the code at the entry point, with no other function known to begin between? */
static bool is_entry(const struct elf_file *elf, uint64_t vaddr)
{
    uint64_t start;
    return elf->entry && vaddr >= elf->entry && vaddr - elf->entry < START_BYTES &&
           !(eh_frame_table_function(elf, vaddr, &start) && start > elf->entry);
}

/* The program's entry point, or the stub that enters a thread: rbp 0, and an exit call behind the
 * call. */
static bool is_start(const struct address_map *map, const struct frame *frame)
{
    enum { EXIT_BYTES = 16 };
    static const uint8_t syscall_code[] = {0x0f, 0x05};
    uint64_t ip = frame->r[DWARF_RIP], vaddr;
    const struct mapping *m = address_map_find(map, ip);
    if (!m || !mapping_vaddr(m, ip, &vaddr))
        return false;
    if (is_entry(m->elf, vaddr))
        return true;
    const uint8_t *code = elf_file_bytes(m->elf, vaddr, EXIT_BYTES);
    return code && !frame->is_exact && frame->known >> DWARF_RBP & 1 && frame->r[DWARF_RBP] == 0 &&
           memmem(code, EXIT_BYTES, syscall_code, sizeof(syscall_code)) != NULL;
}

/* ---- steps ---- */

/* One instruction of an epilogue at `code`, applied to `frame`. Returns its length; 0: it is none,
 * or not readable. */
static size_t run_epilogue(const uint8_t *code, struct stack_view *view, struct frame *frame)
{
    static const uint8_t by_code[] = {DWARF_RAX, DWARF_RCX, DWARF_RDX, DWARF_RBX,
                                      DWARF_RSP, DWARF_RBP, DWARF_RSI, DWARF_RDI};
    static const uint8_t add_to_rsp[] = {0x48, 0x83, 0xc4};
    if (memcmp(code, add_to_rsp, sizeof(add_to_rsp)) == 0 && code[3] < 0x80) {
        frame->r[DWARF_RSP] += code[3];
        return sizeof(add_to_rsp) + 1;
    }
    bool is_high = code[0] == 0x41; /* r8..r15 */
    uint8_t pop = code[is_high];
    if ((pop & 0xf8) != 0x58 || (pop == 0x5c && !is_high)) /* not rsp */
        return 0;
    int reg = is_high ? DWARF_R8 + (pop & 7) : by_code[pop & 7];
    if (!stack_view_read(view, frame->r[DWARF_RSP], &frame->r[reg]))
        return 0;
    frame->known |= 1u << reg;
    frame->r[DWARF_RSP] += sizeof(frame->r[reg]);
    return (size_t)is_high + 1;
}

/*
 * Where is the return address? On top of the stack at a function's first instruction and in stubs;
 * and where only an epilogue is left (as in _init), behind what it adds and pops. Moves rsp to it.
 */
static bool find_top(const struct address_map *map, struct stack_view *view, struct frame *frame)
{
    enum { EPILOGUE_BYTES = 16, LONGEST = 4, RET = 0xc3 };
    struct frame before_return = *frame;
    const uint8_t *code = code_at(map, frame->r[DWARF_RIP], EPILOGUE_BYTES);
    size_t at = 0, length = 1;
    while (code && at + LONGEST <= EPILOGUE_BYTES && code[at] != RET && length > 0)
        at += length = run_epilogue(code + at, view, &before_return);
    bool is_epilogue = code && at < EPILOGUE_BYTES && code[at] == RET;
    if (is_epilogue)
        *frame = before_return;
    return is_epilogue || frame->is_exact;
}

static bool step_top(const struct address_map *map, struct stack_view *view, struct frame *frame)
{
    uint64_t address;
    struct frame caller = *frame;
    if (!find_top(map, view, &caller) || !stack_view_read(view, caller.r[DWARF_RSP], &address))
        return false;
    if (check_read(map, view, address) != CALL_YES)
        return false;
    caller.r[DWARF_RIP] = address;
    caller.r[DWARF_RSP] += sizeof(address);
    caller.known &= FRAME_KEPT_BY_CALLS | FRAME_POSITION;
    caller.is_exact = false;
    *frame = caller;
    return true;
}

static enum guess step_frame_pointer(const struct address_map *map, struct stack_view *view,
                                     struct frame *frame)
{
    uint64_t bp = frame->r[DWARF_RBP], caller_bp, address;
    if (!(frame->known >> DWARF_RBP & 1) || bp < frame->r[DWARF_RSP] || bp % sizeof(bp) != 0)
        return GUESS_NONE;
    if (bp >= view->end && bp - view->end < NEAR_BYTES)
        return GUESS_BEYOND;
    if (!stack_view_read(view, bp, &caller_bp) || !stack_view_read(view, bp + sizeof(bp), &address))
        return view->asked_beyond ? GUESS_BEYOND : GUESS_NONE;
    if (address == 0 && caller_bp == 0)
        return GUESS_ROOT;
    if (check_read(map, view, address) == CALL_NO)
        return GUESS_NONE;
    *frame = (struct frame){.known = FRAME_POSITION | 1 << DWARF_RBP};
    frame->r[DWARF_RIP] = address;
    frame->r[DWARF_RSP] = bp + 2 * sizeof(bp);
    frame->r[DWARF_RBP] = caller_bp;
    return GUESS_STEPPED;
}

enum guess guess_step(const struct address_map *map, struct stack_view *view, struct frame *frame)
{
    view->asked_beyond = false;
    if (is_sigreturn(map, frame->r[DWARF_RIP]))
        return step_signal(view, frame) ? GUESS_SIGNAL
               : view->asked_beyond     ? GUESS_BEYOND
                                        : GUESS_NONE;
    if (is_start(map, frame))
        return GUESS_ROOT;
    if (step_top(map, view, frame))
        return GUESS_STEPPED;
    return step_frame_pointer(map, view, frame);
}

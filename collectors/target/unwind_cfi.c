/*
 * See unwind_cfi.h. .eh_frame_hdr is a sorted table of functions, each with its FDE; an FDE refers
 * to a CIE; both hold programs (DW_CFA_...) that say how registers are restored, line by line.
 */
#include "collectors/target/unwind_cfi.h"

#include <string.h>

enum {
    REG_RBP = 6,
    REG_RSP = 7,
    REG_RA = 16,
    REMEMBER_MAX = 3, /* compilers need 1; each takes stack of the program's */
    INSTRUCTIONS_MAX = 20000,
    /* pointer encodings */
    PE_UDATA4 = 0x03,
    PE_UDATA8 = 0x04,
    PE_SDATA4 = 0x0b,
    PE_SDATA8 = 0x0c,
    PE_PCREL = 0x10,
    PE_TABLE = 0x3b, /* signed, 4 bytes, relative to the table */
    PE_OMIT = 0xff,
    /* fields of a rule's word */
    BP_SHIFT = 64 - UNWIND_BP_BITS,
    CFA_SHIFT = BP_SHIFT - UNWIND_CFA_BITS,
    CFA_MASK = (1 << UNWIND_CFA_BITS) - 1,
};

enum how {
    SAME = 0,
    AT_CFA,    /* saved at CFA + offset */
    AT_REG,    /* saved at a register's value + offset */
    UNDEFINED, /* there is none */
    OTHER,     /* in a way that we cannot follow */
};

struct saved {
    enum how how;
    uint64_t reg;
    int64_t offset;
};

/* A line of the table that the programs describe. */
struct line {
    uint64_t cfa_reg;
    int64_t cfa_offset;
    bool cfa_is_deref; /* what is there, instead of the sum */
    bool cfa_is_other;
    struct saved bp, ra;
};

/* Reads from `at` up to `end`. Beyond, or at nonsense, it reads zeros and is broken. */
struct cursor {
    uintptr_t at, end;
    bool is_broken;
};

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint8_t pointers; /* encoding */
    bool has_data, is_signal;
    struct cursor program;
};

struct program {
    const struct cie *cie;
    uintptr_t location, pc;
    struct line line, initial;
    struct line remembered[REMEMBER_MAX];
    uint32_t n_remembered;
};

static uint64_t get(struct cursor *cursor, size_t n)
{
    uint64_t value = 0;
    if (cursor->is_broken || cursor->end - cursor->at < n) {
        cursor->is_broken = true;
        return 0;
    }
    memcpy(&value, (const void *)cursor->at, n);
    cursor->at += n;
    return value;
}

static void skip(struct cursor *cursor, uint64_t n)
{
    if (cursor->is_broken || cursor->end - cursor->at < n)
        cursor->is_broken = true;
    else
        cursor->at += n;
}

static uint64_t get_leb(struct cursor *cursor, bool is_signed)
{
    uint64_t value = 0, byte;
    uint32_t shift = 0;
    do {
        byte = get(cursor, 1);
        if (shift < 64)
            value |= (byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (is_signed && byte & 0x40 && shift < 64)
        value |= ~UINT64_C(0) << shift;
    return value;
}

static uint64_t get_uleb(struct cursor *cursor)
{
    return get_leb(cursor, false);
}

static int64_t get_sleb(struct cursor *cursor)
{
    return (int64_t)get_leb(cursor, true);
}

/* An encoded pointer, or only its size and sign (a length) when `encoding` has no more. */
static uint64_t get_pointer(struct cursor *cursor, uint8_t encoding)
{
    uint64_t at = cursor->at, value = 0;
    switch (encoding & 0x0f) {
    case 0:
    case PE_UDATA8:
    case PE_SDATA8:
        value = get(cursor, 8);
        break;
    case PE_UDATA4:
        value = get(cursor, 4);
        break;
    case PE_SDATA4:
        value = (uint64_t)(int32_t)get(cursor, 4);
        break;
    default:
        cursor->is_broken = true;
    }
    if ((encoding & 0xf0) == PE_PCREL)
        value += at;
    else if (encoding & 0xf0)
        cursor->is_broken = true;
    return value;
}

/* What a length of 4 bytes at `at` says. */
static struct cursor entry_at(const struct mapped_range *range, uintptr_t at)
{
    struct cursor cursor = {at, range->to, !mapped_range_has(range, at, 4)};
    uint64_t bytes = get(&cursor, 4);
    if (bytes == 0 || bytes >= 0xfffffff0 || !mapped_range_has(range, cursor.at, bytes))
        cursor.is_broken = true;
    else
        cursor.end = cursor.at + bytes;
    return cursor;
}

/* The letters of a CIE's augmentation, with what they announce. */
static void read_letters(struct cie *cie, struct cursor *cursor, const char *letters)
{
    uint64_t bytes = get_uleb(cursor);
    struct cursor data = *cursor;
    skip(cursor, bytes);
    for (; *letters && !cursor->is_broken; letters++) {
        if (*letters == 'R')
            cie->pointers = (uint8_t)get(&data, 1);
        else if (*letters == 'S')
            cie->is_signal = true;
        else if (*letters == 'L')
            get(&data, 1);
        else if (*letters == 'P')
            get_pointer(&data, (uint8_t)get(&data, 1) & 0x0f);
        else
            return; /* what follows is not needed to find the program */
    }
}

static bool read_cie(struct cie *cie, const struct mapped_range *range, uintptr_t at)
{
    struct cursor cursor = entry_at(range, at);
    *cie = (struct cie){0};
    uint64_t id = get(&cursor, 4), version = get(&cursor, 1);
    const char *letters = (const char *)cursor.at;
    while (get(&cursor, 1) != 0)
        ;
    if (cursor.is_broken || id != 0 || (version != 1 && version != 3))
        return false;
    cie->code_align = get_uleb(&cursor);
    cie->data_align = get_sleb(&cursor);
    uint64_t return_register = version == 1 ? get(&cursor, 1) : get_uleb(&cursor);
    cie->has_data = letters[0] == 'z';
    if (return_register != REG_RA || (letters[0] && !cie->has_data))
        return false;
    if (cie->has_data)
        read_letters(cie, &cursor, letters + 1);
    cie->program = cursor;
    return !cursor.is_broken;
}

/* The entry of the table for the last function that begins at or before `pc`: where that is, and
 * its FDE, relative to the table. NULL: none. */
static const int32_t *find_entry(const struct mapped_range *range, uintptr_t eh_hdr, uintptr_t pc)
{
    struct cursor cursor = {eh_hdr, range->to, !mapped_range_has(range, eh_hdr, 4)};
    uint64_t version = get(&cursor, 1);
    uint8_t frame = (uint8_t)get(&cursor, 1), count = (uint8_t)get(&cursor, 1);
    uint8_t table = (uint8_t)get(&cursor, 1);
    if (version != 1 || table != PE_TABLE || frame == PE_OMIT || count == PE_OMIT)
        return NULL;
    get_pointer(&cursor, frame & 0x0f);
    uint64_t n = get_pointer(&cursor, count), low = 0;
    if (cursor.is_broken || n > (range->to - cursor.at) / 8)
        return NULL;
    const int32_t *entries = (const int32_t *)cursor.at;
    int64_t wanted = (int64_t)(pc - eh_hdr);
    if (n == 0 || entries[0] > wanted)
        return NULL;
    while (n - low > 1) {
        uint64_t middle = low + (n - low) / 2;
        if (entries[2 * middle] <= wanted)
            low = middle;
        else
            n = middle;
    }
    return &entries[2 * low];
}

/* An expression of the forms: register + offset; what is there. */
static bool read_expression(struct cursor *cursor, uint64_t *ret_reg, int64_t *ret_offset,
                            bool *ret_deref)
{
    enum { BREG0 = 0x70, BREG31 = 0x8f, DEREF = 0x06 };
    struct cursor expression = *cursor;
    uint64_t bytes = get_uleb(&expression);
    *cursor = expression;
    skip(cursor, bytes);
    if (cursor->is_broken)
        return false;
    expression.end = cursor->at;
    uint64_t first = get(&expression, 1);
    int64_t offset = get_sleb(&expression);
    bool is_deref = expression.at < expression.end;
    if ((is_deref && get(&expression, 1) != DEREF) || expression.is_broken ||
        expression.at != expression.end || first < BREG0 || first > BREG31)
        return false;
    *ret_reg = first - BREG0;
    *ret_offset = offset;
    *ret_deref = is_deref;
    return true;
}

static void set_cfa(struct line *line, uint64_t reg, int64_t offset)
{
    line->cfa_reg = reg;
    line->cfa_offset = offset;
    line->cfa_is_deref = line->cfa_is_other = false;
}

static void set_cfa_expression(struct line *line, struct cursor *cursor)
{
    line->cfa_is_other =
        !read_expression(cursor, &line->cfa_reg, &line->cfa_offset, &line->cfa_is_deref);
}

static void set_saved(struct line *line, uint64_t reg, struct saved saved)
{
    if (reg == REG_RBP)
        line->bp = saved;
    else if (reg == REG_RA)
        line->ra = saved;
}

static void set_saved_expression(struct line *line, uint64_t reg, struct cursor *cursor)
{
    struct saved saved = {.how = AT_REG};
    bool is_deref;
    if (!read_expression(cursor, &saved.reg, &saved.offset, &is_deref) || is_deref)
        saved.how = OTHER;
    set_saved(line, reg, saved);
}

static void restore(struct program *program, uint64_t reg)
{
    set_saved(&program->line, reg, reg == REG_RBP ? program->initial.bp : program->initial.ra);
}

static int64_t scaled(const struct program *program, uint64_t factor)
{
    return (int64_t)(factor * (uint64_t)program->cie->data_align);
}

static void offset_rule(struct program *program, uint64_t reg, uint64_t factor)
{
    set_saved(&program->line, reg, (struct saved){AT_CFA, 0, scaled(program, factor)});
}

static void remember(struct program *program, struct cursor *cursor)
{
    if (program->n_remembered == REMEMBER_MAX)
        cursor->is_broken = true;
    else
        program->remembered[program->n_remembered++] = program->line;
}

static void recall(struct program *program, struct cursor *cursor)
{
    if (program->n_remembered == 0)
        cursor->is_broken = true;
    else
        program->line = program->remembered[--program->n_remembered];
}

/* Instructions that say how one register is saved. False: it is none of them. */
static bool run_saved(struct program *program, struct cursor *cursor, uint8_t code)
{
    enum { OFFSET = 0x05, RESTORE, UNDEFINE, SAME_VALUE, REGISTER, EXPRESSION = 0x10 };
    enum { OFFSET_SF = 0x11, VAL_OFFSET = 0x14, VAL_OFFSET_SF, VAL_EXPRESSION, NEGATIVE = 0x2f };
    if ((code < OFFSET || code > REGISTER) && code != EXPRESSION && code != OFFSET_SF &&
        (code < VAL_OFFSET || code > VAL_EXPRESSION) && code != NEGATIVE)
        return false;
    uint64_t reg = get_uleb(cursor);
    if (code == OFFSET)
        offset_rule(program, reg, get_uleb(cursor));
    else if (code == OFFSET_SF)
        offset_rule(program, reg, (uint64_t)get_sleb(cursor));
    else if (code == NEGATIVE)
        offset_rule(program, reg, -get_uleb(cursor));
    else if (code == RESTORE)
        restore(program, reg);
    else if (code == UNDEFINE || code == SAME_VALUE)
        set_saved(&program->line, reg, (struct saved){code == UNDEFINE ? UNDEFINED : SAME, 0, 0});
    else if (code == EXPRESSION)
        set_saved_expression(&program->line, reg, cursor);
    else {
        set_saved(&program->line, reg, (struct saved){OTHER, 0, 0});
        uint64_t operand = get_uleb(cursor);
        if (code == VAL_EXPRESSION)
            skip(cursor, operand);
    }
    return true;
}

/* Instructions that say how the CFA is had, and the rest. */
static void run_other(struct program *program, struct cursor *cursor, uint8_t code)
{
    enum { REMEMBER = 0x0a, RECALL, CFA, CFA_REGISTER, CFA_OFFSET, CFA_EXPRESSION };
    enum { NOP = 0, CFA_SF = 0x12, CFA_OFFSET_SF = 0x13, ARGS_SIZE = 0x2e };
    struct line *line = &program->line;
    uint64_t reg =
        code == CFA || code == CFA_SF || code == CFA_REGISTER ? get_uleb(cursor) : line->cfa_reg;
    if (code == REMEMBER)
        remember(program, cursor);
    else if (code == RECALL)
        recall(program, cursor);
    else if (code == CFA || code == CFA_OFFSET)
        set_cfa(line, reg, (int64_t)get_uleb(cursor));
    else if (code == CFA_SF || code == CFA_OFFSET_SF)
        set_cfa(line, reg, scaled(program, (uint64_t)get_sleb(cursor)));
    else if (code == CFA_REGISTER)
        line->cfa_reg = reg;
    else if (code == CFA_EXPRESSION)
        set_cfa_expression(line, cursor);
    else if (code == ARGS_SIZE)
        get_uleb(cursor);
    else if (code != NOP)
        cursor->is_broken = true;
}

/* How far an instruction moves the location; false: it does not. */
static bool run_advance(struct program *program, struct cursor *cursor, uint8_t code)
{
    enum { SET = 0x01, ADVANCE1, ADVANCE2, ADVANCE4, ADVANCE = 0x40 };
    if (code == SET)
        program->location = get_pointer(cursor, program->cie->pointers);
    else if (code >= ADVANCE1 && code <= ADVANCE4)
        program->location += get(cursor, (size_t)1 << (code - ADVANCE1)) * program->cie->code_align;
    else if ((code & 0xc0) == ADVANCE)
        program->location += (code & 0x3f) * program->cie->code_align;
    else
        return false;
    return true;
}

/* Runs instructions until the location has passed pc. False: there is nonsense among them. */
static bool run(struct program *program, struct cursor cursor)
{
    for (int n = 0; cursor.at < cursor.end && !cursor.is_broken; n++) {
        uint8_t code = (uint8_t)get(&cursor, 1);
        if (n == INSTRUCTIONS_MAX)
            return false;
        if (run_advance(program, &cursor, code)) {
            if (program->location > program->pc)
                return !cursor.is_broken;
        } else if ((code & 0xc0) == 0x80) {
            offset_rule(program, code & 0x3f, get_uleb(&cursor));
        } else if ((code & 0xc0) == 0xc0) {
            restore(program, code & 0x3f);
        } else if (!run_saved(program, &cursor, code)) {
            run_other(program, &cursor, code);
        }
    }
    return !cursor.is_broken;
}

static bool is_at_sp(const struct saved *saved, int64_t offset)
{
    return saved->how == AT_REG && saved->reg == REG_RSP && saved->offset == offset;
}

/* What rt_sigreturn() goes by. */
static bool is_signal_frame(const struct cie *cie, const struct line *line)
{
    return cie->is_signal && !line->cfa_is_other && line->cfa_is_deref &&
           line->cfa_reg == REG_RSP && line->cfa_offset == UNWIND_CONTEXT_RSP &&
           is_at_sp(&line->ra, UNWIND_CONTEXT_RIP) && is_at_sp(&line->bp, UNWIND_CONTEXT_RBP);
}

static bool set_bp(union unwind_rule *rule, const struct saved *bp)
{
    bool is_kept = bp->how == SAME;
    bool is_at = bp->how == AT_CFA || (bp->how == AT_REG && bp->reg == REG_RBP);
    rule->bp_kind = UNWIND_BP_LOST;
    if (is_kept)
        rule->bp_kind = UNWIND_BP_KEPT;
    if (!is_at || bp->offset % 8 != 0)
        return true;
    rule->bp_kind = bp->how == AT_CFA ? UNWIND_BP_AT_CFA : UNWIND_BP_AT_BP;
    rule->word |= (uint64_t)(bp->offset / 8) << BP_SHIFT;
    return rule->bp == bp->offset / 8;
}

static union unwind_rule rule_of(const struct cie *cie, const struct line *line)
{
    union unwind_rule rule = {.word = 0}, none = {.word = 0};
    if (is_signal_frame(cie, line)) {
        rule.kind = UNWIND_SIGNAL;
        return rule;
    }
    if (line->ra.how == UNDEFINED) {
        rule.kind = UNWIND_ROOT;
        return rule;
    }
    if (line->cfa_is_other || cie->is_signal || line->ra.how != AT_CFA || line->ra.offset != -8 ||
        line->cfa_offset % 8 != 0 || (line->cfa_reg != REG_RSP && line->cfa_reg != REG_RBP))
        return none;
    if (line->cfa_reg == REG_RSP)
        rule.kind = line->cfa_is_deref ? UNWIND_SP_DEREF : UNWIND_SP;
    else
        rule.kind = line->cfa_is_deref ? UNWIND_BP_DEREF : UNWIND_BP;
    rule.word |= ((uint64_t)(line->cfa_offset / 8) & CFA_MASK) << CFA_SHIFT;
    if (rule.cfa != line->cfa_offset / 8 || !set_bp(&rule, &line->bp))
        return none;
    return rule;
}

union unwind_rule unwind_cfi_rule(const struct mapped_range *range, uintptr_t eh_hdr, uintptr_t pc)
{
    union unwind_rule none = {.word = 0};
    const int32_t *entry = find_entry(range, eh_hdr, pc);
    uintptr_t at = entry ? eh_hdr + (uintptr_t)(intptr_t)entry[1] : 0;
    struct cursor fde = entry_at(range, at);
    uintptr_t back = fde.at;
    struct cie cie;
    uint64_t distance = get(&fde, 4);
    if (!entry || fde.is_broken || distance == 0 || !read_cie(&cie, range, back - distance))
        return none;
    struct program program = {.cie = &cie, .pc = pc};
    program.location = get_pointer(&fde, cie.pointers);
    uint64_t bytes = get_pointer(&fde, cie.pointers & 0x0f);
    if (cie.has_data)
        skip(&fde, get_uleb(&fde));
    if (fde.is_broken || pc < program.location || pc - program.location >= bytes)
        return none;
    uintptr_t start = program.location;
    program.pc = UINTPTR_MAX; /* the CIE's part holds everywhere */
    if (!run(&program, cie.program))
        return none;
    program.initial = program.line;
    program.location = start;
    program.pc = pc;
    return run(&program, fde) ? rule_of(&cie, &program.line) : none;
}

bool unwind_cfi_is_start(const struct mapped_range *range, uintptr_t eh_hdr, uintptr_t pc)
{
    const int32_t *entry = find_entry(range, eh_hdr, pc);
    return entry && eh_hdr + (uintptr_t)(intptr_t)entry[0] == pc;
}

/*
 * Reading and checking call frame information; see DWARF 5 §6.4 and the LSB's .eh_frame.
 *
 * A reader over [at, end) turns `failed` at the first read outside and then only gives zeros, so
 * that parsing needs one check at its end.
 */
#include "core/unwind/cfi.h"

#include <dwarf.h>
#include <string.h>

enum {
    RECORD_BYTES_MAX = CFI_CODE_BYTES_MAX + 4096,
    REMEMBERED_MAX = 64,
    EXPRESSION_BYTES_MAX = 256,
    AUGMENTATION_MAX = 8,
    RETURN_ADDRESS_COLUMN = 16,
};

/* ---- reader ---- */

struct reader {
    const uint8_t *at, *end;
    bool failed;
};

static const uint8_t *take(struct reader *r, uint64_t size)
{
    if (r->failed || size > (uint64_t)(r->end - r->at)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += size;
    return bytes;
}

/* A little-endian number of 1, 2, 4 or 8 bytes. */
static uint64_t fixed(struct reader *r, size_t size)
{
    uint64_t value = 0;
    const uint8_t *bytes = take(r, size);
    if (bytes)
        memcpy(&value, bytes, size);
    return value;
}

static uint64_t leb(struct reader *r, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;
    do {
        byte = (uint8_t)fixed(r, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80 && !r->failed);
    if (is_signed && byte & 0x40 && shift < 64)
        value |= ~0ULL << shift;
    return value;
}

static uint64_t sign_extend(uint64_t value, size_t size)
{
    unsigned shift = 64 - 8 * (unsigned)size;
    return (uint64_t)((int64_t)(value << shift) >> shift);
}

/* A pointer in a DW_EH_PE encoding; `address` is where the reader stands, for pc-relative ones. */
static uint64_t encoded(struct reader *r, uint8_t encoding, uint64_t address)
{
    uint64_t value;
    switch (encoding & 0x0f) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        value = fixed(r, 8);
        break;
    case DW_EH_PE_udata4:
        value = fixed(r, 4);
        break;
    case DW_EH_PE_sdata4:
        value = sign_extend(fixed(r, 4), 4);
        break;
    case DW_EH_PE_udata2:
        value = fixed(r, 2);
        break;
    case DW_EH_PE_sdata2:
        value = sign_extend(fixed(r, 2), 2);
        break;
    default:
        r->failed = true;
        return 0;
    }
    if ((encoding & 0xf0) == DW_EH_PE_pcrel)
        return value + address;
    if ((encoding & 0xf0) != 0)
        r->failed = true; /* indirect, or relative to what the file does not say */
    return value;
}

/* ---- records ---- */

struct record {
    uint64_t id_address; /* of the CIE id or pointer */
    uint64_t next;
    uint32_t id;
    struct reader body; /* behind the id */
};

static const uint8_t *source_bytes(const struct cfi_source *source, uint64_t address, size_t size)
{
    if (source->file)
        return elf_file_bytes(source->file, address, size);
    if (address > source->size || size > source->size - address)
        return NULL;
    return source->bytes + address;
}

/* False at the end. Records in the 64-bit format (sections over 4 GiB) end the section too. */
static bool read_record(const struct cfi_source *source, uint64_t address, struct record *ret)
{
    uint32_t length;
    const uint8_t *head = source_bytes(source, address, sizeof(length));
    if (!head)
        return false;
    memcpy(&length, head, sizeof(length));
    if (length < sizeof(ret->id) || length > RECORD_BYTES_MAX)
        return false;
    const uint8_t *bytes = source_bytes(source, address + sizeof(length), length);
    if (!bytes)
        return false;
    memcpy(&ret->id, bytes, sizeof(ret->id));
    ret->id_address = address + sizeof(length);
    ret->next = ret->id_address + length;
    ret->body = (struct reader){.at = bytes + sizeof(ret->id), .end = bytes + length};
    return true;
}

static bool is_cie(const struct cfi_source *source, const struct record *record)
{
    return record->id == (source->is_debug_frame ? UINT32_MAX : 0);
}

/* ---- CIE ---- */

struct cie {
    bool has_sized_augmentation;
    uint8_t pointer_encoding;
};

static void read_augmentation_datum(struct reader *r, char what, struct cie *cie,
                                    struct cfi_entry *entry)
{
    switch (what) {
    case 'L':
        fixed(r, 1);
        break;
    case 'R':
        cie->pointer_encoding = (uint8_t)fixed(r, 1);
        break;
    case 'P': /* a personality routine: of no interest, whatever it is relative to */
        encoded(r, (uint8_t)fixed(r, 1) & 0x0f, 0);
        break;
    case 'S':
        entry->is_signal_frame = true;
        break;
    case 'B': /* aarch64 return address signing */
        break;
    default:
        r->failed = true;
    }
}

static void read_augmentation(struct reader *r, const char *text, struct cie *cie,
                              struct cfi_entry *entry)
{
    if (text[0] != 'z') {
        r->failed |= text[0] != '\0';
        return;
    }
    cie->has_sized_augmentation = true;
    uint64_t size = leb(r, false);
    struct reader data = {.failed = r->failed};
    data.at = take(r, size);
    data.end = r->at;
    data.failed = r->failed;
    for (const char *c = text + 1; *c && !data.failed; c++)
        read_augmentation_datum(&data, *c, cie, entry);
    r->failed |= data.failed;
}

static bool read_cie(const struct cfi_source *source, uint64_t address, struct cie *cie,
                     struct cfi_entry *entry)
{
    struct record record;
    if (!read_record(source, address, &record) || !is_cie(source, &record))
        return false;
    struct reader *r = &record.body;
    char augmentation[AUGMENTATION_MAX + 1] = "";
    uint64_t version = fixed(r, 1);
    for (size_t i = 0; (augmentation[i] = (char)fixed(r, 1)) != '\0'; i++)
        if (i + 1 == AUGMENTATION_MAX)
            return false;
    if (version == 4 && (fixed(r, 1) != sizeof(uint64_t) || fixed(r, 1) != 0))
        return false;
    entry->code_align = leb(r, false);
    entry->data_align = (int64_t)leb(r, true);
    uint64_t column = version == 1 ? fixed(r, 1) : leb(r, false);
    read_augmentation(r, augmentation, cie, entry);
    entry->cie_code = r->at;
    entry->cie_code_size = (size_t)(r->end - r->at);
    return !r->failed && (version == 1 || version == 3 || version == 4) &&
           column == RETURN_ADDRESS_COLUMN;
}

/* ---- FDE ---- */

static bool read_fde(const struct cfi_source *source, struct record *record,
                     struct cfi_entry *entry)
{
    struct cie cie = {.pointer_encoding = DW_EH_PE_absptr};
    uint64_t cie_address = source->is_debug_frame ? record->id : record->id_address - record->id;
    if (!read_cie(source, cie_address, &cie, entry))
        return false;
    struct reader *r = &record->body;
    entry->start = encoded(r, cie.pointer_encoding, record->id_address + sizeof(record->id));
    entry->size = encoded(r, cie.pointer_encoding & 0x0f, 0);
    if (cie.has_sized_augmentation)
        take(r, leb(r, false));
    entry->fde_code = r->at;
    entry->fde_code_size = (size_t)(r->end - r->at);
    return !r->failed && entry->size > 0 && entry->start + entry->size > entry->start;
}

enum cfi_record cfi_read(const struct cfi_source *source, uint64_t address,
                         struct cfi_entry *ret_entry, uint64_t *ret_next)
{
    struct record record;
    if (!read_record(source, address, &record))
        return CFI_END;
    if (ret_next)
        *ret_next = record.next;
    struct cfi_entry entry = {0};
    if (is_cie(source, &record) || !read_fde(source, &record, &entry))
        return CFI_OTHER;
    *ret_entry = entry;
    return CFI_FDE;
}

/* ---- instructions ---- */

/* Can it be evaluated without trap and without jumping? */
static bool expression_op(struct reader *r, uint8_t op)
{
    if (op >= DW_OP_lit0 && op <= DW_OP_lit31)
        return true;
    if (op >= DW_OP_breg0 && op <= DW_OP_breg16) {
        leb(r, true);
        return true;
    }
    switch (op) {
    case DW_OP_const1u:
    case DW_OP_const1s:
    case DW_OP_pick:
    case DW_OP_deref_size:
        fixed(r, 1);
        return true;
    case DW_OP_const2u:
    case DW_OP_const2s:
        fixed(r, 2);
        return true;
    case DW_OP_const4u:
    case DW_OP_const4s:
        fixed(r, 4);
        return true;
    case DW_OP_const8u:
    case DW_OP_const8s:
        fixed(r, 8);
        return true;
    case DW_OP_constu:
    case DW_OP_consts:
    case DW_OP_plus_uconst:
        leb(r, false);
        return true;
    case DW_OP_deref:
    case DW_OP_dup:
    case DW_OP_drop:
    case DW_OP_over:
    case DW_OP_swap:
    case DW_OP_rot:
    case DW_OP_abs:
    case DW_OP_and:
    case DW_OP_minus:
    case DW_OP_mul:
    case DW_OP_neg:
    case DW_OP_not:
    case DW_OP_or:
    case DW_OP_plus:
    case DW_OP_shl:
    case DW_OP_shr:
    case DW_OP_shra:
    case DW_OP_xor:
    case DW_OP_le:
    case DW_OP_ge:
    case DW_OP_eq:
    case DW_OP_lt:
    case DW_OP_gt:
    case DW_OP_ne:
    case DW_OP_nop:
        return true;
    default:
        return false;
    }
}

static void skip_expression(struct reader *r)
{
    uint64_t size = leb(r, false);
    const uint8_t *bytes = take(r, size);
    if (!bytes || size == 0 || size > EXPRESSION_BYTES_MAX) {
        r->failed = true;
        return;
    }
    struct reader e = {.at = bytes, .end = bytes + size};
    while (!e.failed && e.at < e.end)
        e.failed |= !expression_op(&e, (uint8_t)fixed(&e, 1));
    r->failed |= e.failed;
}

/* What follows an opcode. */
enum operands {
    REFUSE, /* unknown, or not understood by libunwind */
    NONE,
    BYTE1,
    BYTE2,
    BYTE4,
    NUMBER,     /* LEB128 */
    REG,        /* a register */
    REG_NUMBER, /* a register and a number */
    REG_REG,    /* two registers */
    CFA_REG,    /* the register that the CFA is counted from: none can be left out */
    CFA_NUMBER, /* the same, and a number */
    BLOCK,      /* an expression */
    REG_BLOCK,  /* a register and an expression */
    REG_IN_OPCODE,
    REG_IN_OPCODE_NUMBER,
};

static const uint8_t OPERANDS[64] = {
    [DW_CFA_nop] = NONE,
    [DW_CFA_advance_loc1] = BYTE1,
    [DW_CFA_advance_loc2] = BYTE2,
    [DW_CFA_advance_loc4] = BYTE4,
    [DW_CFA_offset_extended] = REG_NUMBER,
    [DW_CFA_restore_extended] = REG,
    [DW_CFA_undefined] = REG,
    [DW_CFA_same_value] = REG,
    [DW_CFA_register] = REG_REG,
    [DW_CFA_remember_state] = NONE,
    [DW_CFA_restore_state] = NONE,
    [DW_CFA_def_cfa] = CFA_NUMBER,
    [DW_CFA_def_cfa_register] = CFA_REG,
    [DW_CFA_def_cfa_offset] = NUMBER,
    [DW_CFA_def_cfa_expression] = BLOCK,
    [DW_CFA_expression] = REG_BLOCK,
    [DW_CFA_offset_extended_sf] = REG_NUMBER,
    [DW_CFA_def_cfa_sf] = CFA_NUMBER,
    [DW_CFA_def_cfa_offset_sf] = NUMBER,
    [DW_CFA_val_expression] = REG_BLOCK,
    [DW_CFA_GNU_args_size] = NUMBER,
    [DW_CFA_GNU_negative_offset_extended] = REG_NUMBER,
};

static enum operands operands_of(uint8_t op)
{
    switch (op & 0xc0) {
    case DW_CFA_advance_loc:
        return NONE;
    case DW_CFA_offset:
        return REG_IN_OPCODE_NUMBER;
    case DW_CFA_restore:
        return REG_IN_OPCODE;
    default:
        return OPERANDS[op];
    }
}

/* Reads what follows `op`; returns the register that it is about, 0 when about none. */
static uint64_t skip_operands(struct reader *r, uint8_t op, enum operands operands)
{
    uint64_t subject = 0;
    if (operands == REG_IN_OPCODE || operands == REG_IN_OPCODE_NUMBER)
        subject = op & 0x3f;
    if (operands == REG || operands == REG_NUMBER || operands == REG_REG || operands == REG_BLOCK)
        subject = leb(r, false);
    if (operands == CFA_REG || operands == CFA_NUMBER || operands == REG_REG)
        r->failed |= leb(r, false) >= CFI_REGISTERS;
    if (operands == NUMBER || operands == REG_NUMBER || operands == CFA_NUMBER ||
        operands == REG_IN_OPCODE_NUMBER)
        leb(r, false);
    if (operands == BLOCK || operands == REG_BLOCK)
        skip_expression(r);
    if (operands == BYTE1 || operands == BYTE2 || operands == BYTE4)
        fixed(r, operands == BYTE1 ? 1 : operands == BYTE2 ? 2 : 4);
    r->failed |= operands == REFUSE;
    return subject;
}

bool cfi_filter(const uint8_t *code, size_t size, GByteArray *out)
{
    struct reader r = {.at = code, .end = code + size};
    int remembered = 0;
    if (size > CFI_CODE_BYTES_MAX)
        return false;
    while (r.at < r.end && !r.failed) {
        const uint8_t *begin = r.at;
        uint8_t op = (uint8_t)fixed(&r, 1);
        uint64_t subject = skip_operands(&r, op, operands_of(op));
        remembered += (op == DW_CFA_remember_state) - (op == DW_CFA_restore_state);
        r.failed |= remembered < 0 || remembered > REMEMBERED_MAX;
        if (!r.failed && subject < CFI_REGISTERS)
            g_byte_array_append(out, begin, (guint)(r.at - begin));
    }
    return !r.failed;
}

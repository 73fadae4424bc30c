/*
 * libunwind behind frame_rules.h.
 *
 * For an address not seen before, the FDE and its CIE are checked (cfi.h) and written anew, in one
 * plain form, into the arena: bytes that libunwind reads as target memory at an address no program
 * has. It runs them at a made-up address of the function, there, and the row that covers our
 * address is kept. Rows that hold expressions point into the arena. libunwind thus never parses a
 * byte that was not checked, whichever section it came from.
 */
#include "core/unwind/frame_rules.h"

#include <libunwind.h>
#include <stdlib.h>

#include "core/unwind/cfi_index.h"

/* Exported by libunwind-x86_64 for remote unwinders, but in none of its headers. */
int UNW_ARCH_OBJ(dwarf_search_unwind_table)(unw_addr_space_t space, unw_word_t ip,
                                            unw_dyn_info_t *table, unw_proc_info_t *ret_info,
                                            int need_unwind_info, void *arg);

enum {
    SLOTS_MIN = 1 << 10,
    SLOTS_MAX = 1 << 17,
    FILES_MAX = 1024,
    ROW_BYTES_MAX = 1024,
    ARENA_BYTES_MAX = 64 << 20,
    ACCESSES_PER_WALK = 1 << 18,
    TABLE_BYTES = 8,
};

static const uint64_t ARENA = 1ULL << 63;
static const uint64_t FUNCTION =
    (1ULL << 63) + (1ULL << 30); /* where functions are made up to be */
static const uint64_t FUNCTION_BYTES_MAX = 1ULL << 29;

enum rule_kind { RULE_ROW, RULE_SIGNAL_ROW, RULE_NONE, RULE_BAD };

/* What to do at an address; equal ones are shared. */
struct rule {
    enum rule_kind kind;
    uint32_t size;
    _Alignas(16) uint8_t row[]; /* libunwind's own */
};

struct slot {
    const struct elf_file *elf; /* NULL: empty */
    uint64_t vaddr;
    const struct rule *rule;
};

struct frame_rules {
    unw_addr_space_t space;
    GByteArray *arena;   /* starts with the one-entry search table */
    GHashTable *indexes; /* elf_file -> cfi_index */
    GHashTable *rules;   /* set of struct rule */
    struct slot *slots;  /* open addressing; at most half used */
    size_t n_slots;      /* a power of two */
    size_t n_slots_used;
    uint32_t accesses_left;

    /* while parsing */
    uint64_t wanted; /* the made-up address that a row is wanted for */
    uint8_t row[ROW_BYTES_MAX];
    size_t row_size;

    /* while stepping; NULL else */
    struct stack_view *view;
    const struct frame *frame;
};

/* ---- accessors ---- */

static int access_mem(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write,
                      void *arg)
{
    struct frame_rules *rules = arg;
    (void)space;
    if (write || rules->accesses_left == 0)
        return -UNW_EUNSPEC;
    rules->accesses_left--;
    if (address >= ARENA) {
        uint64_t offset = address - ARENA;
        if (offset + sizeof(*value) > rules->arena->len)
            return -UNW_EUNSPEC;
        memcpy(value, rules->arena->data + offset, sizeof(*value));
        return 0;
    }
    return rules->view && stack_view_read(rules->view, address, value) ? 0 : -UNW_EUNSPEC;
}

static int access_reg(unw_addr_space_t space, unw_regnum_t reg, unw_word_t *value, int write,
                      void *arg)
{
    struct frame_rules *rules = arg;
    (void)space;
    if (write || reg < 0 || reg >= FRAME_REGISTERS)
        return -UNW_EBADREG;
    if (!rules->frame) {
        *value = reg == DWARF_RIP ? rules->wanted : 0;
        return 0;
    }
    if (!(rules->frame->known >> reg & 1))
        return -UNW_EBADREG;
    *value = rules->frame->r[reg];
    return 0;
}

static int find_proc_info(unw_addr_space_t space, unw_word_t ip, unw_proc_info_t *ret_info,
                          int need_unwind_info, void *arg)
{
    unw_dyn_info_t table = {
        .start_ip = FUNCTION,
        .end_ip = FUNCTION + FUNCTION_BYTES_MAX,
        .format = UNW_INFO_FORMAT_REMOTE_TABLE,
        .u.rti = {.segbase = ARENA,
                  .table_len = TABLE_BYTES / sizeof(unw_word_t),
                  .table_data = ARENA},
    };
    return UNW_ARCH_OBJ(dwarf_search_unwind_table)(space, ip, &table, ret_info, need_unwind_info,
                                                   arg);
}

static void put_unwind_info(unw_addr_space_t space, unw_proc_info_t *info, void *arg)
{
    (void)space, (void)info, (void)arg; /* libunwind frees its own */
}

static int no_dynamic_info(unw_addr_space_t space, unw_word_t *ret_address, void *arg)
{
    (void)space, (void)ret_address, (void)arg;
    return -UNW_ENOINFO;
}

static int no_fpreg(unw_addr_space_t space, unw_regnum_t reg, unw_fpreg_t *value, int write,
                    void *arg)
{
    (void)space, (void)reg, (void)value, (void)write, (void)arg;
    return -UNW_EBADREG;
}

static int no_resume(unw_addr_space_t space, unw_cursor_t *cursor, void *arg)
{
    (void)space, (void)cursor, (void)arg;
    return -UNW_EINVAL;
}

/* args: libunwind's accessor */
static int no_name(unw_addr_space_t space, unw_word_t address, char *buffer, size_t size,
                   unw_word_t *ret_offset, void *arg)
{
    (void)space, (void)address, (void)buffer, (void)size, (void)ret_offset, (void)arg;
    return -UNW_ENOINFO;
}

/* ---- life ---- */

static guint rule_hash(gconstpointer key)
{
    const struct rule *rule = key;
    guint hash = 2166136261u + (guint)rule->kind;
    for (uint32_t i = 0; i < rule->size; i++)
        hash = (hash ^ rule->row[i]) * 16777619u;
    return hash;
}

static gboolean rule_equal(gconstpointer a, gconstpointer b)
{
    const struct rule *x = a, *y = b;
    return x->kind == y->kind && x->size == y->size && memcmp(x->row, y->row, x->size) == 0;
}

/* Forgets all rows, which empties the arena. */
static void forget(struct frame_rules *rules)
{
    static const uint8_t no_table[TABLE_BYTES];
    g_hash_table_remove_all(rules->rules);
    memset(rules->slots, 0, rules->n_slots * sizeof(*rules->slots));
    rules->n_slots_used = 0;
    g_byte_array_set_size(rules->arena, 0);
    g_byte_array_append(rules->arena, no_table, sizeof(no_table));
}

static void free_index(gpointer index)
{
    cfi_index_free(index);
}

struct frame_rules *frame_rules_new(void)
{
    unw_accessors_t accessors = {
        .find_proc_info = find_proc_info,
        .put_unwind_info = put_unwind_info,
        .get_dyn_info_list_addr = no_dynamic_info,
        .access_mem = access_mem,
        .access_reg = access_reg,
        .access_fpreg = no_fpreg,
        .resume = no_resume,
        .get_proc_name = no_name,
    };
    struct frame_rules *rules = g_new0(struct frame_rules, 1);
    rules->space = unw_create_addr_space(&accessors, 0);
    if (!rules->space)
        abort(); /* out of memory: there is no other reason */
    unw_set_caching_policy(rules->space, UNW_CACHE_NONE); /* we have our own */
    rules->arena = g_byte_array_new();
    rules->indexes = g_hash_table_new_full(NULL, NULL, NULL, free_index);
    rules->rules = g_hash_table_new_full(rule_hash, rule_equal, g_free, NULL);
    rules->n_slots = SLOTS_MIN;
    rules->slots = g_new0(struct slot, rules->n_slots);
    forget(rules);
    return rules;
}

void frame_rules_free(struct frame_rules *rules)
{
    if (!rules)
        return;
    unw_destroy_addr_space(rules->space);
    g_byte_array_free(rules->arena, TRUE);
    g_hash_table_destroy(rules->indexes);
    g_hash_table_destroy(rules->rules);
    g_free(rules->slots);
    g_free(rules);
}

void frame_rules_begin(struct frame_rules *rules)
{
    rules->accesses_left = ACCESSES_PER_WALK;
}

/* ---- writing CFI anew ---- */

static void put(GByteArray *out, uint64_t value, guint size)
{
    g_byte_array_append(out, (const guint8 *)&value, size);
}

/* LEB128 of ten bytes: as long as any 64-bit number needs, signed or not. */
static void put_leb(GByteArray *out, uint64_t value, bool is_signed)
{
    bool negative = is_signed && (int64_t)value < 0;
    for (int i = 0; i < 10; i++) {
        uint64_t low = value & 0x7f;
        value = value >> 7 | (negative ? 0x7fULL << 57 : 0);
        put(out, low | (i < 9 ? 0x80 : 0), 1);
    }
}

/* Fills in the length of the record that begins at `begin`, made even with DW_CFA_nop. */
static void end_record(GByteArray *out, guint begin)
{
    while (out->len % sizeof(uint64_t) != 0)
        put(out, 0, 1);
    uint32_t length = out->len - begin - (guint)sizeof(length);
    memcpy(out->data + begin, &length, sizeof(length));
}

static bool put_cie(GByteArray *out, const struct cfi_entry *entry)
{
    guint begin = out->len;
    put(out, 0, 4); /* length */
    put(out, 0, 4); /* CIE id */
    put(out, 1, 1); /* version */
    put(out, 0, 1); /* augmentation "" */
    put_leb(out, entry->code_align, false);
    put_leb(out, (uint64_t)entry->data_align, true);
    put(out, DWARF_RIP, 1);
    bool ok = cfi_filter(entry->cie_code, entry->cie_code_size, out);
    end_record(out, begin);
    return ok;
}

static bool put_fde(GByteArray *out, guint cie, const struct cfi_entry *entry)
{
    guint begin = out->len;
    put(out, 0, 4);              /* length */
    put(out, out->len - cie, 4); /* from here back to the CIE */
    put(out, FUNCTION, 8);
    put(out, entry->size, 8);
    bool ok = cfi_filter(entry->fde_code, entry->fde_code_size, out);
    end_record(out, begin);
    return ok;
}

static bool put_entry(GByteArray *arena, const struct cfi_entry *entry)
{
    guint cie = arena->len;
    if (entry->size > FUNCTION_BYTES_MAX || !put_cie(arena, entry))
        return false;
    uint32_t table[2] = {(uint32_t)(FUNCTION - ARENA), arena->len};
    if (!put_fde(arena, cie, entry))
        return false;
    memcpy(arena->data, table, sizeof(table));
    put(arena, 0, 8); /* whole words can be read to the very end */
    return true;
}

/* ---- rows ---- */

static int take_row(void *arg, void *row, size_t size, unw_word_t start, unw_word_t end)
{
    struct frame_rules *rules = arg;
    if (rules->wanted < start || rules->wanted >= end)
        return 0;
    if (size <= sizeof(rules->row)) {
        memcpy(rules->row, row, size);
        rules->row_size = size;
    }
    return -UNW_ESTOPUNWIND; /* seen enough */
}

static const struct rule *intern(struct frame_rules *rules, enum rule_kind kind, const void *row,
                                 size_t size)
{
    struct rule *rule = g_malloc0(sizeof(*rule) + size);
    rule->kind = kind;
    rule->size = (uint32_t)size;
    if (size)
        memcpy(rule->row, row, size);
    const struct rule *known = g_hash_table_lookup(rules->rules, rule);
    if (known) {
        g_free(rule);
        return known;
    }
    g_hash_table_add(rules->rules, rule);
    return rule;
}

static struct cfi_index *index_of(struct frame_rules *rules, struct elf_file *elf)
{
    struct cfi_index *index = g_hash_table_lookup(rules->indexes, elf);
    if (!index) {
        index = cfi_index_new(elf);
        g_hash_table_insert(rules->indexes, elf, index);
    }
    return index;
}

static const struct rule *make_rule(struct frame_rules *rules, struct elf_file *elf, uint64_t vaddr)
{
    struct cfi_entry entry;
    unw_cursor_t cursor;
    if (!cfi_index_find(index_of(rules, elf), vaddr, &entry))
        return intern(rules, RULE_NONE, NULL, 0);
    guint before = rules->arena->len;
    rules->row_size = 0;
    rules->wanted = FUNCTION + (vaddr - entry.start);
    if (put_entry(rules->arena, &entry) && unw_init_remote(&cursor, rules->space, rules) == 0)
        unw_reg_states_iterate(&cursor, take_row, rules);
    if (rules->row_size == 0) {
        g_byte_array_set_size(rules->arena, before);
        return intern(rules, RULE_BAD, NULL, 0);
    }
    return intern(rules, entry.is_signal_frame ? RULE_SIGNAL_ROW : RULE_ROW, rules->row,
                  rules->row_size);
}

/* The slot of an address, or the empty one where it belongs. */
static struct slot *slot_of(struct frame_rules *rules, const struct elf_file *elf, uint64_t vaddr)
{
    uint64_t hash = (vaddr ^ (uintptr_t)elf >> 4) * 0x9e3779b97f4a7c15ULL;
    size_t mask = rules->n_slots - 1, i = (hash >> 32) & mask;
    while (rules->slots[i].elf && (rules->slots[i].elf != elf || rules->slots[i].vaddr != vaddr))
        i = (i + 1) & mask;
    return &rules->slots[i];
}

static void double_slots(struct frame_rules *rules)
{
    struct slot *old = rules->slots;
    size_t n_old = rules->n_slots;
    rules->n_slots *= 2;
    rules->slots = g_new0(struct slot, rules->n_slots);
    for (size_t i = 0; i < n_old; i++)
        if (old[i].elf)
            *slot_of(rules, old[i].elf, old[i].vaddr) = old[i];
    g_free(old);
}

/* Makes room for one more: by growing, at the limits by forgetting everything. */
static void make_room(struct frame_rules *rules)
{
    bool is_half_full = rules->n_slots_used >= rules->n_slots / 2;
    if (g_hash_table_size(rules->indexes) >= FILES_MAX) {
        forget(rules);
        g_hash_table_remove_all(rules->indexes);
    } else if (rules->arena->len > ARENA_BYTES_MAX ||
               (is_half_full && rules->n_slots == SLOTS_MAX)) {
        forget(rules);
    } else if (is_half_full) {
        double_slots(rules);
    }
}

static const struct rule *rule_at(struct frame_rules *rules, struct elf_file *elf, uint64_t vaddr)
{
    struct slot *slot = slot_of(rules, elf, vaddr);
    if (slot->elf)
        return slot->rule;
    make_room(rules);
    const struct rule *rule = make_rule(rules, elf, vaddr);
    *slot_of(rules, elf, vaddr) = (struct slot){.elf = elf, .vaddr = vaddr, .rule = rule};
    rules->n_slots_used++;
    return rule;
}

/* ---- stepping ---- */

/*
 * The caller's value of a register. A saved one may already have been popped: its slot is then
 * below rsp, and the register itself holds the value again.
 */
static void take_register(struct frame_rules *rules, unw_cursor_t *cursor, int reg,
                          struct frame *caller)
{
    unw_word_t value;
    rules->view->asked_below = false;
    if (unw_get_reg(cursor, reg, &value) != 0) {
        if (!rules->view->asked_below || !(rules->frame->known & FRAME_KEPT_BY_CALLS & 1u << reg))
            return;
        value = rules->frame->r[reg];
    }
    caller->r[reg] = value;
    caller->known |= 1u << reg;
}

static enum frame_step apply(struct frame_rules *rules, const struct rule *rule,
                             struct frame *ret_caller)
{
    unw_cursor_t cursor;
    struct frame caller = {.is_exact = rule->kind == RULE_SIGNAL_ROW};
    if (unw_init_remote(&cursor, rules->space, rules) != 0)
        return FRAME_FAILED;
    int got = unw_apply_reg_state(&cursor, (void *)(uintptr_t)rule->row);
    if (got == 0)
        return FRAME_ROOT;
    uint32_t wanted = caller.is_exact ? FRAME_ALL : FRAME_KEPT_BY_CALLS | FRAME_POSITION;
    for (int reg = 0; got > 0 && reg < FRAME_REGISTERS; reg++)
        if (wanted >> reg & 1)
            take_register(rules, &cursor, reg, &caller);
    if ((caller.known & FRAME_POSITION) != FRAME_POSITION)
        return FRAME_FAILED;
    *ret_caller = caller;
    return caller.is_exact ? FRAME_STEPPED_SIGNAL : FRAME_STEPPED;
}

enum frame_step frame_rules_step(struct frame_rules *rules, struct elf_file *elf, uint64_t vaddr,
                                 struct stack_view *view, struct frame *frame)
{
    const struct rule *rule = rule_at(rules, elf, vaddr);
    if (rule->kind == RULE_NONE)
        return FRAME_NO_RULE;
    if (rule->kind == RULE_BAD)
        return FRAME_FAILED;
    struct frame caller;
    view->asked_beyond = false;
    rules->view = view;
    rules->frame = frame;
    enum frame_step step = apply(rules, rule, &caller);
    rules->view = NULL;
    rules->frame = NULL;
    if (step == FRAME_STEPPED || step == FRAME_STEPPED_SIGNAL)
        *frame = caller;
    return step;
}

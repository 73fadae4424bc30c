/*
 * Samples of the test itself, and the unwinder that walks them: what test_unwinder.c begins with.
 */
#ifndef TESTS_UNIT_UNWINDER_FIXTURE_H
#define TESTS_UNIT_UNWINDER_FIXTURE_H

/* ---- the fixture ---- */

static struct {
    struct address_map *map;
    struct unwinder *unwinder;
    uint64_t stack_end;
    struct unwind_input sample;
    uint8_t *copy;
} t;

static void map_line(const char *line, struct elf_file *vdso)
{
    struct mapping m = {0};
    char permissions[5], path[4096] = "";
    unsigned long start, end, offset;
    if (sscanf(line, "%lx-%lx %4s %lx %*s %*s %4095[^\n]", &start, &end, permissions, &offset,
               path) < 4)
        return;
    if (strcmp(path, "[stack]") == 0)
        t.stack_end = end;
    if (permissions[2] != 'x')
        return;
    m.start = start, m.end = end, m.file_offset = offset;
    if (strcmp(path, "[vdso]") == 0)
        m.elf = elf_file_ref(vdso);
    else if (path[0] == '/')
        m.elf = elf_file_open(getpid(), path, 0, 0, NULL);
    address_map_insert(t.map, &m);
    elf_file_unref(m.elf);
}

static int setup(void **state)
{
    (void)state;
    const void *image = (const void *)getauxval(AT_SYSINFO_EHDR);
    struct elf_file *vdso = elf_file_from_memory(image, 4096, "[vdso]");
    t.map = address_map_new();
    char *text = NULL;
    if (!g_file_get_contents("/proc/self/maps", &text, NULL, NULL))
        return -1;
    char **lines = g_strsplit(text, "\n", 0);
    for (char **line = lines; *line; line++)
        map_line(*line, vdso);
    g_strfreev(lines);
    g_free(text);
    elf_file_unref(vdso);
    t.unwinder = unwinder_new(t.map);
    t.copy = g_malloc(COPY_BYTES_MAX);
    return t.stack_end ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    unwinder_free(t.unwinder);
    address_map_free(t.map);
    g_free(t.copy);
    return 0;
}

/* The register that ucontext calls `from`, into DWARF's number `to`. */
static void set_reg(const ucontext_t *uc, int from, int to)
{
    t.sample.regs.r[to] = (uint64_t)uc->uc_mcontext.gregs[from];
}

NOINLINE static void copy_stack(uint64_t from, uint64_t end)
{
    size_t size = end - from;
    assert_true(size <= COPY_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        t.copy[i] = ((const volatile uint8_t *)from)[i];
    t.sample.stack = t.copy;
    t.sample.stack_size = size;
    t.sample.stack_address = from;
    t.sample.may_go_on = false;
}

NOINLINE static void take_sample(const ucontext_t *uc, uint64_t end)
{
    static const int order[17] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                  REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    for (int i = 0; i < 17; i++)
        set_reg(uc, order[i], i);
    t.sample.regs.known = (1 << 17) - 1;
    copy_stack(t.sample.regs.r[7], end);
}

/* Samples its own frame, with the caller's rbp. */
NO_FRAME_POINTER NOINLINE static void capture(void)
{
    ucontext_t uc;
    getcontext(&uc);
    take_sample(&uc, t.stack_end);
}

static struct unwind_result walk(void)
{
    struct unwind_result result;
    unwinder_walk(t.unwinder, 1, &t.sample, &result);
    return result;
}

/* Does the function that begins at `function` hold pc? */
static bool is_in(uint64_t pc, const void *function)
{
    const struct mapping *m = address_map_find(t.map, pc);
    uint64_t vaddr, start;
    return m && m->elf && elf_file_address(m->elf, m->file_offset + (pc - m->start), &vaddr) &&
           eh_frame_table_function(m->elf, vaddr, &start) &&
           pc - vaddr + start == (uintptr_t)function;
}

int main(void);

static void assert_reaches_main_and_start(const struct unwind_result *r)
{
    bool reaches_main = false;
    for (size_t i = 0; i < r->n; i++)
        reaches_main |= is_in(r->pc[i], (void *)main);
    assert_int_equal(r->end, UNWIND_ROOT);
    assert_true(reaches_main);
    assert_true(is_in(r->pc[r->n - 1], _start));
}

#endif

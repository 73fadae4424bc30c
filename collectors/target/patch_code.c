/*
 * See patch_code.h. Orders are carried out with what is mapped already: an old size of 0 has
 * mremap() map the same place of the file once more. System calls are made directly: the thread
 * that runs it was interrupted anywhere, even within libc.
 */
#include "collectors/target/patch_code.h"

#include <link.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "collectors/target/collector.h"
#include "collectors/target/patch_entry.h"
#include "collectors/target/patch_returns.h"
#include "collectors/target/patch_vectors.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

enum { PAGE = 4096, AREAS_MAX = 8, TRIES = 64 };

#define REACH       (UINT64_C(1) << 31)   /* of a jump */
#define MARGIN      (UINT64_C(128) << 20) /* more than proftop keeps from the end of that */
#define STEP        (UINT64_C(16) << 20)
#define LOWEST      (UINT64_C(1) << 16) /* where something can be mapped at all */
#define SITES_BYTES (WIRE_CALLS_SITES * sizeof(struct wire_calls_site))

struct range {
    uintptr_t start, end; /* start 0: nothing */
};

/* This process's, or one's that it was forked from: its patches are still there. */
struct code_area {
    uintptr_t near[2]; /* where it is mapped */
    const struct wire_calls_site *sites;
};

static struct code_area areas[AREAS_MAX];
static uint32_t n_areas;

/* Where to map; found out by the first process, as a forked child may not ask the loader. */
static struct range program, libraries;

static struct {
    struct wire_calls *wire; /* NULL: no orders */
    struct wire_calls_mapping *mappings;
    uintptr_t code;
} orders;

/* ---- where ---- */

static struct range range_of(const struct dl_phdr_info *info)
{
    struct range range = {0};
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr, end = start + segment->p_memsz;
        if (segment->p_type != PT_LOAD || segment->p_memsz == 0)
            continue;
        if (range.start == 0 || start < range.start)
            range.start = start;
        if (end > range.end)
            range.end = end;
    }
    return range;
}

/* The first is the program. */
static int note_range(struct dl_phdr_info *info, size_t size, void *data)
{
    struct range range = range_of(info);
    (void)size, (void)data;
    if (program.start == 0) {
        program = range;
    } else if (range.start != 0) {
        if (libraries.start == 0 || range.start < libraries.start)
            libraries.start = range.start;
        if (range.end > libraries.end)
            libraries.end = range.end;
    }
    return 0;
}

/* Whether all of the code, mapped there, is within reach of all of `range`. */
static bool is_near(const struct range *range, uintptr_t at)
{
    return at >= LOWEST && at + REACH >= range->end + PAGE &&
           at + WIRE_CALLS_CODE_BYTES <= range->start + REACH - PAGE;
}

/* @at: 0: wherever there is room. Returns 0 when it cannot be there. */
static uintptr_t map_at(uintptr_t at, int fd, uint64_t offset)
{
    int flags = MAP_SHARED | (at ? MAP_FIXED_NOREPLACE : 0);
    void *area =
        mmap((void *)at, WIRE_CALLS_CODE_BYTES, PROT_READ | PROT_EXEC, flags, fd, (off_t)offset);
    if (area == MAP_FAILED)
        return 0;
    if (at && (uintptr_t)area != at) { /* a kernel that does not know the flag */
        munmap(area, WIRE_CALLS_CODE_BYTES);
        return 0;
    }
    madvise(area, WIRE_CALLS_CODE_BYTES, MADV_DONTDUMP);
    return (uintptr_t)area;
}

/* Tries places from `at` on downwards. */
static uintptr_t map_down(const struct range *range, uintptr_t at, int fd, uint64_t offset)
{
    at &= -(uintptr_t)PAGE;
    for (int i = 0; i < TRIES && is_near(range, at) && at > STEP; i++, at -= STEP) {
        uintptr_t area = map_at(at, fd, offset);
        if (area)
            return area;
    }
    return 0;
}

/* Below it; else as far above as can be reached: what the program allocates by brk() grows from its
 * end on. */
static uintptr_t map_near(const struct range *range, int fd, uint64_t offset)
{
    uintptr_t area = 0;
    if (range->start == 0)
        return 0;
    if (range->start > WIRE_CALLS_CODE_BYTES + STEP)
        area = map_down(range, range->start - WIRE_CALLS_CODE_BYTES - STEP / 16, fd, offset);
    uintptr_t highest = range->start + REACH - MARGIN;
    return area ? area : map_down(range, highest, fd, offset);
}

/* The kernel maps libraries one below the other, and so this: more of them will lie below. */
static uintptr_t map_near_libraries(int fd, uint64_t offset)
{
    uintptr_t area = map_at(0, fd, offset);
    if (area && (libraries.start == 0 || is_near(&libraries, area)))
        return area;
    if (area)
        munmap((void *)area, WIRE_CALLS_CODE_BYTES);
    return map_near(&libraries, fd, offset);
}

/* ---- the start ---- */

/* What proftop has set, read once. */
struct geometry {
    uint64_t code, sites, mappings;
};

static bool is_inside(uint64_t offset, uint64_t bytes, uint64_t segment_bytes)
{
    return offset != 0 && offset % PAGE == 0 && bytes <= segment_bytes &&
           offset <= segment_bytes - bytes;
}

static bool read_geometry(const struct wire_calls *wire, uint64_t segment_bytes,
                          struct geometry *ret_geometry)
{
    const volatile struct wire_calls *there = wire;
    struct geometry geometry = {
        .code = there->code_offset,
        .sites = there->sites_offset,
        .mappings = there->mappings_offset,
    };
    *ret_geometry = geometry;
    return is_inside(geometry.code, WIRE_CALLS_CODE_BYTES, segment_bytes) &&
           is_inside(geometry.sites, SITES_BYTES, segment_bytes) &&
           is_inside(geometry.mappings, WIRE_CALLS_MAPPINGS * sizeof(struct wire_calls_mapping),
                     segment_bytes);
}

/* Maps orders and sites; a child needs the latter. */
static bool map_tables(int fd, const struct geometry *geometry, struct code_area *area)
{
    size_t bytes = WIRE_CALLS_MAPPINGS * sizeof *orders.mappings;
    void *mappings =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)geometry->mappings);
    if (mappings == MAP_FAILED)
        return false;
    madvise(mappings, bytes, MADV_DONTDUMP);
    orders.mappings = mappings;
    void *sites = mmap(NULL, SITES_BYTES, PROT_READ, MAP_SHARED, fd, (off_t)geometry->sites);
    if (madvise(mappings, bytes, MADV_DONTFORK) == 0 && sites != MAP_FAILED) {
        madvise(sites, SITES_BYTES, MADV_DONTDUMP);
        area->sites = sites;
        return true;
    }
    munmap(mappings, bytes);
    if (sites != MAP_FAILED)
        munmap(sites, SITES_BYTES);
    return false;
}

static void unmap_area(const struct code_area *area)
{
    for (int i = 0; i < 2; i++)
        if (area->near[i])
            munmap((void *)area->near[i], WIRE_CALLS_CODE_BYTES);
}

static bool map_all(int fd, const struct geometry *geometry, struct code_area *area)
{
    if (program.start == 0)
        dl_iterate_phdr(note_range, NULL);
    area->near[0] = map_near(&program, fd, geometry->code);
    area->near[1] = map_near_libraries(fd, geometry->code);
    if ((area->near[0] || area->near[1]) && map_tables(fd, geometry, area))
        return true;
    unmap_area(area);
    return false;
}

static void describe(struct wire_calls *wire, const struct code_area *area)
{
    wire->code_near_program = area->near[0];
    wire->code_near_libraries = area->near[1];
    wire->carry_out = (uintptr_t)patch_code_carry_out;
    patch_entry_describe(wire);
}

bool patch_code_start(struct wire_calls *wire, int fd, uint64_t segment_bytes)
{
    struct code_area area = {0};
    struct geometry geometry;
    orders.wire = NULL; /* the parent's is not mapped here */
    if (n_areas == AREAS_MAX || !read_geometry(wire, segment_bytes, &geometry) ||
        !patch_returns_start(patch_entry_trampoline()) || !map_all(fd, &geometry, &area)) {
        __atomic_fetch_or(&wire->trouble, WIRE_CALLS_NO_CODE, __ATOMIC_RELAXED);
        return false;
    }
    vector_state_init();
    areas[n_areas] = area;
    __atomic_store_n(&n_areas, n_areas + 1, __ATOMIC_RELEASE);
    orders.code = area.near[0] ? area.near[0] : area.near[1];
    orders.wire = wire;
    describe(wire, &area);
    return true;
}

const struct wire_calls_site *patch_code_sites(uintptr_t address)
{
    for (uint32_t i = __atomic_load_n(&n_areas, __ATOMIC_ACQUIRE); i-- > 0;)
        for (int k = 0; k < 2; k++)
            if (areas[i].near[k] && address - areas[i].near[k] < WIRE_CALLS_CODE_BYTES)
                return areas[i].sites;
    return NULL;
}

/* ---- orders ---- */

/* A system call, and nothing of libc: its result or -errno. */
static long call_kernel(long number, const uintptr_t arguments[6])
{
    register uintptr_t r10 __asm__("r10") = arguments[3];
    register uintptr_t r8 __asm__("r8") = arguments[4];
    register uintptr_t r9 __asm__("r9") = arguments[5];
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(arguments[0]), "S"(arguments[1]), "d"(arguments[2]),
                       "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Reserves the place, so that nothing that is there is replaced, and maps over that. Returns 1 or
 * -errno. */
static int32_t carry_out(const struct wire_calls_mapping *order)
{
    enum { INVALID = -22 };
    uintptr_t address = order->address, bytes = order->bytes;
    if (address % PAGE || address < LOWEST || address >> 47 || bytes % PAGE || bytes == 0 ||
        !is_inside(order->offset + PAGE, bytes, WIRE_CALLS_CODE_BYTES + PAGE))
        return INVALID;
    long result = call_kernel(
        SYS_mmap, (uintptr_t[]){address, bytes, PROT_NONE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1UL, 0});
    if (result < 0)
        return (int32_t)result;
    if ((uintptr_t)result == address)
        result = call_kernel(SYS_mremap, (uintptr_t[]){orders.code + order->offset, 0, bytes,
                                                       MREMAP_MAYMOVE | MREMAP_FIXED, address, 0});
    else
        result = INVALID;
    if (result < 0)
        call_kernel(SYS_munmap, (uintptr_t[]){address, bytes, 0, 0, 0, 0});
    return result < 0 ? (int32_t)result : 1;
}

void patch_code_carry_out(void)
{
    if (!orders.wire || !collector_segment())
        return;
    uint32_t n = __atomic_load_n(&orders.wire->n_mappings, __ATOMIC_ACQUIRE);
    for (uint32_t i = 0; i < n && i < WIRE_CALLS_MAPPINGS; i++) {
        struct wire_calls_mapping *order = &orders.mappings[i];
        int32_t none = 0;
        if (__atomic_load_n(&order->result, __ATOMIC_ACQUIRE) != 0)
            continue;
        struct wire_calls_mapping copy = *(const volatile struct wire_calls_mapping *)order;
        int32_t result = carry_out(&copy);
        if (result == 1) /* another thread that was slower found the place taken */
            __atomic_store_n(&order->result, result, __ATOMIC_RELEASE);
        else
            __atomic_compare_exchange_n(&order->result, &none, result, false, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED);
    }
}

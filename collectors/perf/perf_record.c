/*
 * The kernel's records, as perf_event_open(2) lays them out.
 *
 * The kernel wrote them and the target could not, but lengths are checked all the same: a newer
 * kernel may differ.
 */
#include "collectors/perf/perf_record.h"

#include <asm/perf_regs.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "collectors/perf/perf_ring.h"

/* x86-64: the last page of the lower half is never mapped. */
static const uint64_t user_space_end = 0x7ffffffff000;
enum { PAGE_BYTES = 4096 };
static const uint64_t kernel_space = UINT64_C(1) << 63;

const uint64_t perf_user_registers = 1ull << PERF_REG_X86_AX | 1ull << PERF_REG_X86_BX |
                                     1ull << PERF_REG_X86_CX | 1ull << PERF_REG_X86_DX |
                                     1ull << PERF_REG_X86_SI | 1ull << PERF_REG_X86_DI |
                                     1ull << PERF_REG_X86_BP | 1ull << PERF_REG_X86_SP |
                                     1ull << PERF_REG_X86_IP | 0xFFull << PERF_REG_X86_R8;

/* What the kernel puts behind every record that is no sample (attr.sample_id_all). */
struct record_id {
    uint32_t pid, tid;
    uint64_t time;
    uint64_t id;
    uint32_t cpu, reserved;
};

/* Reads a record field by field; after an overrun everything is zero and `ok` is false. */
struct reader {
    const uint8_t *at, *end;
    bool ok;
};

static struct reader reader_of(const struct perf_event_header *record)
{
    const uint8_t *begin = (const uint8_t *)record;
    return (struct reader){.at = begin + sizeof *record, .end = begin + record->size, .ok = true};
}

/* `size` bytes in place, or NULL. */
static const void *read_bytes(struct reader *r, uint64_t size)
{
    if (!r->ok || size > (uint64_t)(r->end - r->at)) {
        r->ok = false;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += size;
    return bytes;
}

static uint64_t read_u64(struct reader *r)
{
    const uint64_t *value = read_bytes(r, sizeof *value);
    return value ? *value : 0;
}

static void read_u32_pair(struct reader *r, uint32_t *first, uint32_t *second)
{
    uint64_t both = read_u64(r);
    *first = (uint32_t)both;
    *second = (uint32_t)(both >> 32);
}

int64_t perf_record_time(const struct perf_event_header *record)
{
    const uint8_t *begin = (const uint8_t *)record;
    if (record->type == PERF_RECORD_SAMPLE) {
        uint64_t ip_pid_time[3];
        memcpy(ip_pid_time, begin + sizeof *record, sizeof ip_pid_time);
        return (int64_t)ip_pid_time[2];
    }
    struct record_id id;
    memcpy(&id, begin + record->size - sizeof id, sizeof id);
    return (int64_t)id.time;
}

struct perf_origin perf_record_origin(const struct perf_event_header *record)
{
    struct record_id id;
    memcpy(&id, (const uint8_t *)record + record->size - sizeof id, sizeof id);
    return (struct perf_origin){.tid = (int)id.tid, .event_id = id.id};
}

/* The chain without its context marks; only kernel addresses are in it (exclude_callchain_user). */
static void read_callchain(struct reader *r, struct ingest_sample *s)
{
    uint64_t n = read_u64(r);
    const uint64_t *chain =
        read_bytes(r, n > PERF_RECORD_BYTES_MAX ? PERF_RECORD_BYTES_MAX : n * 8);
    if (!chain)
        return;
    while (n > 0 && *chain >= PERF_CONTEXT_MAX)
        chain++, n--;
    s->kernel_chain = chain;
    s->n_kernel = n;
}

/* false: none, or those of a 32-bit program, which cannot be unwound. */
static bool read_registers(struct reader *r, struct unwind_regs *regs)
{
    uint64_t abi = read_u64(r);
    if (abi == PERF_SAMPLE_REGS_ABI_NONE)
        return false;
    uint64_t n = (uint64_t)__builtin_popcountll(perf_user_registers);
    const uint64_t *values = read_bytes(r, n * sizeof *values);
    return values && abi == PERF_SAMPLE_REGS_ABI_64 &&
           unwind_regs_from_perf(values, perf_user_registers, regs);
}

/*
 * Whether there may be stack above a copy that ends at `end`: all that was asked for came, or the
 * kernel met a page that was never touched, as inside a large local array. Near the end of the
 * address space it asks for less than we did, and that was all.
 */
static bool ends_early(uint64_t end, bool full)
{
    return (full || end % PAGE_BYTES == 0) && end < user_space_end;
}

static bool read_stack(struct reader *r, struct unwind_input *input)
{
    uint64_t size = read_u64(r);
    if (size == 0)
        return false;
    const uint8_t *bytes = read_bytes(r, size);
    uint64_t copied = read_u64(r);
    if (!bytes || copied > size)
        return false;
    input->stack = bytes;
    input->stack_size = copied;
    input->stack_address = input->regs.r[UNWIND_RSP];
    input->may_go_on = ends_early(input->stack_address + copied, copied == size);
    return true;
}

/*
 * The interrupted address is always there, when nothing else is: early in exec, in a 32-bit
 * program, with a stack pointer that no user memory can have.
 */
static void take_address(struct ingest_sample *s, const uint64_t *ip)
{
    if (*ip >= kernel_space) {
        s->kernel_chain = ip;
        s->n_kernel = 1;
        return;
    }
    s->user = (struct unwind_input){
        .regs = {.r = {[UNWIND_RIP] = *ip}, .known = 1u << UNWIND_RIP | 1u << UNWIND_RSP}};
    s->has_user = true;
}

bool perf_record_sample(const struct perf_event_header *record, bool with_count,
                        struct perf_sample *ret)
{
    struct reader r = reader_of(record);
    uint32_t pid, tid, cpu, reserved;
    struct perf_sample p = {0};
    const uint64_t *ip = read_bytes(&r, sizeof *ip);
    read_u32_pair(&r, &pid, &tid);
    p.sample.pid = (int)pid;
    p.sample.tid = (int)tid;
    p.sample.time_ns = (int64_t)read_u64(&r);
    p.event_id = read_u64(&r);
    read_u32_pair(&r, &cpu, &reserved);
    p.count_ns = with_count ? read_u64(&r) : 0;
    read_callchain(&r, &p.sample);
    bool has_registers = read_registers(&r, &p.sample.user.regs);
    p.sample.has_user = read_stack(&r, &p.sample.user) && has_registers;
    /* No stack in the kernel: inside exec, where the old one is gone and the registers are stale.
     */
    if (p.sample.user.stack_size == 0 && p.sample.n_kernel > 0)
        p.sample.has_user = false;
    if (!p.sample.has_user && p.sample.n_kernel == 0 && ip)
        take_address(&p.sample, ip);
    if (!r.ok && !p.sample.n_kernel && !has_registers)
        return false;
    *ret = p;
    return true;
}

static void ingest_mmap2(struct reader *r, struct ingest *ingest)
{
    uint32_t pid, tid, device_major, device_minor, protection, flags;
    struct ingest_mmap map = {0};
    read_u32_pair(r, &pid, &tid);
    map.pid = (int)pid;
    map.start = read_u64(r);
    map.size = read_u64(r);
    map.file_offset = read_u64(r);
    read_u32_pair(r, &device_major, &device_minor);
    map.device = makedev(device_major, device_minor);
    map.inode = read_u64(r);
    read_u64(r); /* inode generation */
    read_u32_pair(r, &protection, &flags);
    if (!r->ok || !memchr(r->at, 0, (size_t)(r->end - r->at)))
        return;
    map.path = (const char *)r->at;
    ingest_map(ingest, &map);
}

static void ingest_comm(struct reader *r, struct ingest *ingest, bool exec)
{
    uint32_t pid, tid;
    read_u32_pair(r, &pid, &tid);
    if (r->ok && memchr(r->at, 0, (size_t)(r->end - r->at)))
        ingest_name(ingest, (int)pid, (int)tid, (const char *)r->at, exec);
}

bool perf_record_task(const struct perf_event_header *record, struct perf_task_record *ret)
{
    struct reader r = reader_of(record);
    uint32_t pid, parent, tid, parent_tid;
    read_u32_pair(&r, &pid, &parent);
    read_u32_pair(&r, &tid, &parent_tid);
    if (!r.ok)
        return false;
    *ret = (struct perf_task_record){(int)pid, (int)parent, (int)tid, (int)parent_tid};
    return true;
}

void perf_record_ingest(const struct perf_event_header *record, struct ingest *ingest)
{
    struct reader r = reader_of(record);
    struct perf_task_record task;
    switch (record->type) {
    case PERF_RECORD_MMAP2:
        ingest_mmap2(&r, ingest);
        break;
    case PERF_RECORD_COMM:
        ingest_comm(&r, ingest, record->misc & PERF_RECORD_MISC_COMM_EXEC);
        break;
    case PERF_RECORD_FORK:
        if (perf_record_task(record, &task))
            ingest_fork(ingest, task.pid, task.parent_pid, task.tid);
        break;
    case PERF_RECORD_EXIT:
        if (perf_record_task(record, &task))
            ingest_exit(ingest, task.pid, task.tid);
        break;
    case PERF_RECORD_LOST:
        read_u64(&r); /* event id */
        ingest_lost(ingest, (int64_t)read_u64(&r));
        break;
    default: /* throttling and what later kernels add: nothing to learn */
        break;
    }
}

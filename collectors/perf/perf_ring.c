/*
 * The kernel writes at data_head, we read from data_tail; records may wrap around the end of the
 * ring.
 */
#include "collectors/perf/perf_ring.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int perf_ring_init(struct perf_ring *ring, int fd, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *base = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (base == MAP_FAILED)
        return -errno;
    *ring =
        (struct perf_ring){.fd = fd, .page = base, .data = (uint8_t *)base + page, .size = size};
    ring->straight = g_malloc(PERF_RECORD_BYTES_MAX);
    return 0;
}

void perf_ring_clear(struct perf_ring *ring)
{
    if (ring->page)
        munmap(ring->page, (size_t)sysconf(_SC_PAGESIZE) + ring->size);
    g_free(ring->straight);
    *ring = (struct perf_ring){.fd = -1};
}

void perf_ring_refresh(struct perf_ring *ring)
{
    ring->head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
}

const struct perf_event_header *perf_ring_look(const struct perf_ring *ring, uint64_t *at)
{
    if (*at >= ring->head)
        return NULL;
    size_t offset = *at & (ring->size - 1);
    const struct perf_event_header *header = (const void *)(ring->data + offset);
    size_t to_end = ring->size - offset;
    *at += header->size;
    if (header->size <= to_end) /* the header itself never wraps: records are 8-byte aligned */
        return header;
    memcpy(ring->straight, ring->data + offset, to_end);
    memcpy(ring->straight + to_end, ring->data, header->size - to_end);
    return (const void *)ring->straight;
}

const struct perf_event_header *perf_ring_peek(struct perf_ring *ring)
{
    uint64_t at = ring->tail;
    return perf_ring_look(ring, &at);
}

void perf_ring_next(struct perf_ring *ring)
{
    size_t at = ring->tail & (ring->size - 1);
    const struct perf_event_header *header = (const void *)(ring->data + at);
    ring->tail += header->size;
    __atomic_store_n(&ring->page->data_tail, ring->tail, __ATOMIC_RELEASE);
}

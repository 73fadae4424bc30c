/* See segment_part.h. What is asked for comes from the segment, which others can write: every bound
 * is checked against what the kernel says of the file. */
#include "collectors/target/segment_part.h"

#include <stddef.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "core/wire/wire.h"

enum { PAGE = 4096 };

bool segment_file_init(struct segment_file *file, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || status.st_size <= 0)
        return false;
    *file = (struct segment_file){.fd = fd, .bytes = (uint64_t)status.st_size};
    return true;
}

uint64_t segment_part_bytes(uint64_t bytes)
{
    return (bytes + PAGE - 1) & -(uint64_t)PAGE;
}

void *segment_part_map(const struct segment_file *file, uint64_t offset, uint64_t bytes)
{
    size_t size = (size_t)segment_part_bytes(bytes);
    if (offset < WIRE_SEGMENT_HEAD_BYTES || offset % PAGE || offset > file->bytes ||
        size > file->bytes - offset)
        return NULL;
    void *part = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, (off_t)offset);
    if (part == MAP_FAILED)
        return NULL;
    if (madvise(part, size, MADV_DONTFORK) != 0) {
        munmap(part, size);
        return NULL;
    }
    madvise(part, size, MADV_DONTDUMP);
    return part;
}

void segment_part_unmap(void *part, uint64_t bytes)
{
    if (part)
        munmap(part, (size_t)segment_part_bytes(bytes));
}

void *segment_private_map(uint64_t bytes)
{
    size_t size = (size_t)segment_part_bytes(bytes);
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED)
        return NULL;
    if (madvise(pages, size, MADV_WIPEONFORK) != 0) {
        munmap(pages, size);
        return NULL;
    }
    madvise(pages, size, MADV_DONTDUMP);
    return pages;
}

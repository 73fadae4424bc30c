/*
 * ELF files: opening with care, headers (libelf), and reading in blocks.
 *
 * The bytes live in an anonymous reservation as large as the file; a block is filled by pread when
 * it is first asked for. Pointers are therefore contiguous and stable, a file of hundreds of MB
 * costs only what is looked at, and a file that shrinks gives a failed read instead of SIGBUS.
 */
#include "core/base/elf_file.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/base/error.h"

enum {
    BLOCK_BYTES = 16 << 10,
    SEGMENTS_MAX = 1024,
    NOTES_BYTES_MAX = 1 << 20,
};

static const uint64_t FILE_BYTES_MAX = 4ULL << 30;

/* ---- blocks ---- */

enum block_state { BLOCK_UNREAD, BLOCK_READ, BLOCK_FAILED };

struct elf_blocks {
    pthread_mutex_t lock; /* taken to read a block, not to look at a read one */
    uint8_t *bytes;
    size_t size;
    _Atomic uint8_t state[]; /* enum block_state */
};

static struct elf_blocks *blocks_new(size_t size)
{
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (bytes == MAP_FAILED)
        return NULL;
    madvise(bytes, size, MADV_NOHUGEPAGE);
    size_t n = (size + BLOCK_BYTES - 1) / BLOCK_BYTES;
    struct elf_blocks *blocks = g_malloc0(sizeof(*blocks) + n);
    pthread_mutex_init(&blocks->lock, NULL);
    blocks->bytes = bytes;
    blocks->size = size;
    return blocks;
}

static void blocks_free(struct elf_blocks *blocks)
{
    if (!blocks)
        return;
    munmap(blocks->bytes, blocks->size);
    pthread_mutex_destroy(&blocks->lock);
    g_free(blocks);
}

static bool read_fully(int fd, uint8_t *to, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t got = pread(fd, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}

static uint8_t block_read(struct elf_blocks *blocks, int fd, size_t index)
{
    pthread_mutex_lock(&blocks->lock);
    uint8_t state = atomic_load_explicit(&blocks->state[index], memory_order_relaxed);
    if (state == BLOCK_UNREAD) {
        size_t offset = index * BLOCK_BYTES;
        size_t size = MIN((size_t)BLOCK_BYTES, blocks->size - offset);
        bool ok = read_fully(fd, blocks->bytes + offset, size, offset);
        state = ok ? BLOCK_READ : BLOCK_FAILED;
        atomic_store_explicit(&blocks->state[index], state, memory_order_release);
    }
    pthread_mutex_unlock(&blocks->lock);
    return state;
}

const void *elf_file_at(const struct elf_file *file, uint64_t offset, size_t size)
{
    if (offset > file->size || size > file->size - offset)
        return NULL;
    if (file->image)
        return file->image + offset;
    if (size == 0)
        return file->blocks->bytes + offset;
    for (size_t i = offset / BLOCK_BYTES; i <= (offset + size - 1) / BLOCK_BYTES; i++) {
        uint8_t state = atomic_load_explicit(&file->blocks->state[i], memory_order_acquire);
        if (state == BLOCK_UNREAD)
            state = block_read(file->blocks, file->fd, i);
        if (state != BLOCK_READ)
            return NULL;
    }
    return file->blocks->bytes + offset;
}

/* ---- headers ---- */

static void read_build_id(struct elf_file *file, Elf *elf, const GElf_Phdr *ph)
{
    if (file->build_id_size || ph->p_filesz > NOTES_BYTES_MAX || ph->p_offset > file->size)
        return;
    Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph->p_offset, ph->p_filesz,
                                          ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
    GElf_Nhdr note;
    size_t name, desc, at = 0;
    while (data && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0) {
        const char *bytes = data->d_buf;
        if (note.n_type != NT_GNU_BUILD_ID || note.n_namesz != sizeof(ELF_NOTE_GNU) ||
            memcmp(bytes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) != 0)
            continue;
        if (note.n_descsz == 0 || note.n_descsz > ELF_BUILD_ID_MAX)
            return;
        memcpy(file->build_id, bytes + desc, note.n_descsz);
        file->build_id_size = note.n_descsz;
        return;
    }
}

static void take_segment(struct elf_file *file, Elf *elf, const GElf_Phdr *ph)
{
    if (ph->p_type == PT_LOAD && ph->p_filesz > 0) {
        file->segments[file->n_segments++] = (struct elf_segment){
            .vaddr = ph->p_vaddr, .offset = ph->p_offset, .file_size = ph->p_filesz};
    } else if (ph->p_type == PT_GNU_EH_FRAME) {
        file->eh_frame_hdr = ph->p_vaddr;
        file->eh_frame_hdr_size = ph->p_filesz;
    } else if (ph->p_type == PT_NOTE) {
        read_build_id(file, elf, ph);
    }
}

static bool read_headers(struct elf_file *file, Elf *elf)
{
    GElf_Ehdr header;
    size_t n;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header) || elf_getphdrnum(elf, &n) != 0)
        return false;
    file->is_64bit = gelf_getclass(elf) == ELFCLASS64 && header.e_machine == EM_X86_64;
    file->type = header.e_type;
    file->entry = header.e_entry;
    n = MIN(n, (size_t)SEGMENTS_MAX);
    file->segments = g_new0(struct elf_segment, n ? n : 1);
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr ph;
        if (gelf_getphdr(elf, (int)i, &ph))
            take_segment(file, elf, &ph);
    }
    return true;
}

/* Reads the headers through `elf`, which it ends. */
static bool take_headers(struct elf_file *file, Elf *elf)
{
    bool ok = elf && read_headers(file, elf);
    elf_end(elf);
    return ok;
}

/* ---- opening ---- */

/* By path only: what it is, is looked at before it is opened, since opening alone does things to
 * pipes and devices, and is seen by others. */
static int open_below(int root, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* Finds `path` as seen below the directory `root`: a descriptor of O_PATH. -1 with errno. */
static int open_in_root(const char *root, const char *path)
{
    int directory = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -1;
    int fd = open_below(directory, path);
    if (fd < 0 && errno == ENOSYS) /* before Linux 5.6 */
        fd = openat(directory, path + strspn(path, "/"), O_PATH | O_CLOEXEC);
    int saved = errno;
    close(directory);
    errno = saved;
    return fd;
}

/* Is it our own root directory? Then its files stay reachable when the process is gone. */
static bool is_own_root(const char *root)
{
    struct stat ours, theirs;
    return stat("/", &ours) == 0 && stat(root, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

/* Finds what `pid` calls `path`, as above; *ret_root becomes the prefix it was found under. */
static int open_path(pid_t pid, const char *path, bool checked, char **ret_root)
{
    if (pid > 0) {
        char *root = g_strdup_printf("/proc/%d/root", (int)pid);
        int fd = open_in_root(root, path);
        int saved = errno;
        bool gone = fd < 0 && access(root, F_OK) != 0;
        if (fd >= 0 || !gone || !checked) {
            *ret_root = is_own_root(root) ? g_strdup("") : g_strdup(root);
            g_free(root);
            errno = saved;
            return fd;
        }
        g_free(root);
    }
    *ret_root = g_strdup("");
    return open_in_root("/", path);
}

/* Do stat(2) and /proc/PID/maps show different device numbers here? */
static bool device_is_unreliable(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 &&
           (fs.f_type == OVERLAYFS_SUPER_MAGIC || fs.f_type == (long)BTRFS_SUPER_MAGIC);
}

static bool check_file(struct elf_file *file, uint64_t device, uint64_t inode, GError **error)
{
    struct stat st;
    const char *why = NULL;
    if (fstat(file->fd, &st) != 0)
        why = g_strerror(errno);
    else if (!S_ISREG(st.st_mode))
        why = "not a regular file";
    else if (st.st_size <= 0)
        why = "empty";
    else if ((uint64_t)st.st_size > FILE_BYTES_MAX)
        why = "larger than 4 GiB";
    else if ((device || inode) && st.st_ino != inode)
        why = "replaced since it was mapped (restart the program to see its symbols)";
    else if (device && st.st_dev != device && !device_is_unreliable(file->fd))
        why = "another file system's file than the one that was mapped";
    if (why) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: %s", file->path, why);
        return false;
    }
    file->size = (size_t)st.st_size;
    file->device = st.st_dev;
    file->inode = st.st_ino;
    return true;
}

static struct elf_file *file_alloc(const char *path)
{
    struct elf_file *file = g_new0(struct elf_file, 1);
    file->ref_count = 1;
    file->fd = -1;
    file->path = g_strdup(path);
    elf_version(EV_CURRENT);
    return file;
}

/* Opens what was found, for reading. */
static bool open_found(struct elf_file *file, GError **error)
{
    char *self = g_strdup_printf("/proc/self/fd/%d", file->fd);
    int fd = open(self, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    int saved = errno;
    g_free(self);
    if (fd < 0) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: %s", file->path,
                    g_strerror(saved));
        return false;
    }
    close(file->fd);
    file->fd = fd;
    return true;
}

static bool open_checked(struct elf_file *file, uint64_t device, uint64_t inode, GError **error)
{
    if (!check_file(file, device, inode, error) || !open_found(file, error))
        return false;
    file->blocks = blocks_new(file->size);
    if (!file->blocks) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED,
                    "%s: no address space for %zu bytes (raise the limit: ulimit -v)", file->path,
                    file->size);
        return false;
    }
    if (!take_headers(file, elf_begin(file->fd, ELF_C_READ, NULL))) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT, "%s: not an ELF file", file->path);
        return false;
    }
    return true;
}

struct elf_file *elf_file_open(pid_t pid, const char *path, uint64_t device, uint64_t inode,
                               GError **error)
{
    struct elf_file *file = file_alloc(path);
    bool ok = false;
    if (path[0] != '/') {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: not a file", path);
    } else if ((file->fd = open_path(pid, path, inode != 0, &file->root)) < 0) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_FAILED, "%s: %s", path,
                    g_str_has_suffix(path, " (deleted)") ? "deleted" : g_strerror(errno));
    } else {
        ok = open_checked(file, device, inode, error);
    }
    if (ok)
        return file;
    elf_file_unref(file);
    return NULL;
}

struct elf_file *elf_file_open_link(const char *link, const char *path, uint64_t device,
                                    uint64_t inode, GError **error)
{
    struct elf_file *file = file_alloc(path);
    file->root = g_strdup("");
    file->fd = open(link, O_PATH | O_CLOEXEC);
    if (file->fd < 0)
        proftop_error_set_errno(error, link);
    else if (open_checked(file, device, inode, error))
        return file;
    elf_file_unref(file);
    return NULL;
}

struct elf_file *elf_file_open_below(const char *root, const char *path, GError **error)
{
    struct elf_file *file = file_alloc(path);
    file->root = g_strdup(root);
    file->fd = open_in_root(*root ? root : "/", path);
    if (file->fd < 0)
        proftop_error_set_errno(error, path);
    else if (open_checked(file, 0, 0, error))
        return file;
    elf_file_unref(file);
    return NULL;
}

struct elf_file *elf_file_from_memory(const void *image, size_t size, const char *name)
{
    struct elf_file *file = file_alloc(name);
    file->image = image;
    file->size = size;
    file->root = g_strdup("");
    /* elf_memory() takes char * but only reads; libelf never writes to an image opened so. */
    if (take_headers(file, elf_memory((char *)(uintptr_t)image, size)))
        return file;
    elf_file_unref(file);
    return NULL;
}

struct elf_file *elf_file_ref(struct elf_file *file)
{
    __atomic_add_fetch(&file->ref_count, 1, __ATOMIC_RELAXED);
    return file;
}

void elf_file_unref(struct elf_file *file)
{
    if (!file || __atomic_sub_fetch(&file->ref_count, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (file->fd >= 0)
        close(file->fd);
    blocks_free(file->blocks);
    g_free(file->path);
    g_free(file->root);
    g_free(file->segments);
    g_free(file);
}

/* ---- addresses ---- */

bool elf_file_address(const struct elf_file *file, uint64_t offset, uint64_t *ret_vaddr)
{
    for (size_t i = 0; i < file->n_segments; i++) {
        const struct elf_segment *s = &file->segments[i];
        if (offset >= s->offset && offset - s->offset < s->file_size) {
            *ret_vaddr = s->vaddr + (offset - s->offset);
            return true;
        }
    }
    return false;
}

const void *elf_file_bytes(const struct elf_file *file, uint64_t vaddr, size_t size)
{
    for (size_t i = 0; i < file->n_segments; i++) {
        const struct elf_segment *s = &file->segments[i];
        uint64_t into = vaddr - s->vaddr;
        if (vaddr < s->vaddr || into >= s->file_size || size > s->file_size - into)
            continue;
        uint64_t offset;
        if (__builtin_add_overflow(s->offset, into, &offset))
            return NULL;
        return elf_file_at(file, offset, size);
    }
    return NULL;
}

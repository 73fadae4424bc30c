/*
 * See program.h. Everything is read with raw pread: no cancellation point, no heap, 1 KiB of buffer
 * (this runs on the stack of vfork children and small threads). The file may be
 * hostile or change while it is read; the worst that can come of it is a wrong verdict.
 */
#include "core/wire/program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#define OUR_LOADER  "ld-linux-x86-64.so.2"
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#define OUR_LOADER  "ld-linux-aarch64.so.1"
#else
#error "proftop does not know the dynamic loader of this machine"
#endif

enum {
    WINDOW_BYTES = 1024,
    SCRIPT_DEPTH_MAX = 5, /* the kernel's own limit */
    LOADS_MAX = 16,
    HEADERS_MAX = 128,
    NEEDED_MAX = 256,
    DYNAMIC_MAX = 1024,
};

/* A file, read through a small window: most questions are about bytes next to those of the last
 * one. */
struct reader {
    int fd;
    uint64_t start;
    size_t length;
    char window[WINDOW_BYTES];
};

/* What of a file's dynamic section and segments is needed to read DT_NEEDED names. */
struct image {
    struct reader *reader;
    Elf64_Phdr loads[LOADS_MAX];
    unsigned n_loads;
    Elf64_Phdr interpreter;
    Elf64_Phdr dynamic;
};

static bool fill_window(struct reader *reader, uint64_t offset)
{
    if (offset > INT64_MAX)
        return false;
    long n =
        syscall(SYS_pread64, reader->fd, reader->window, sizeof reader->window, (int64_t)offset);
    reader->start = offset;
    reader->length = n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Reads `size` bytes, at most WINDOW_BYTES, at `offset`; false when the file does not hold them
 * all. */
static bool read_at(struct reader *reader, void *buffer, size_t size, uint64_t offset)
{
    bool is_inside = offset >= reader->start && offset - reader->start <= reader->length &&
                     size <= reader->length - (offset - reader->start);
    if (!is_inside && (!fill_window(reader, offset) || reader->length < size))
        return false;
    memcpy(buffer, reader->window + (offset - reader->start), size);
    return true;
}

static bool gains_privileges(int fd, const struct stat *status)
{
    if ((status->st_mode & S_ISUID) && status->st_uid != geteuid())
        return true;
    if ((status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
        status->st_gid != getegid())
        return true;
    return geteuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static bool read_headers(struct image *image, const Elf64_Ehdr *header)
{
    if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > HEADERS_MAX)
        return false;
    for (unsigned i = 0; i < header->e_phnum; i++) {
        Elf64_Phdr part;
        if (!read_at(image->reader, &part, sizeof part, header->e_phoff + i * sizeof part))
            return false;
        if (part.p_type == PT_LOAD && image->n_loads < LOADS_MAX)
            image->loads[image->n_loads++] = part;
        else if (part.p_type == PT_INTERP)
            image->interpreter = part;
        else if (part.p_type == PT_DYNAMIC)
            image->dynamic = part;
    }
    return true;
}

static bool file_offset(const struct image *image, uint64_t address, uint64_t *ret_offset)
{
    for (unsigned i = 0; i < image->n_loads; i++) {
        const Elf64_Phdr *load = &image->loads[i];
        if (address >= load->p_vaddr && address - load->p_vaddr < load->p_filesz) {
            *ret_offset = load->p_offset + (address - load->p_vaddr);
            return true;
        }
    }
    return false;
}

/* One entry of the dynamic section; false at its end. */
static bool dynamic_entry(const struct image *image, unsigned index, Elf64_Dyn *ret_entry)
{
    return index < DYNAMIC_MAX && (index + 1) * sizeof *ret_entry <= image->dynamic.p_filesz &&
           read_at(image->reader, ret_entry, sizeof *ret_entry,
                   image->dynamic.p_offset + index * sizeof *ret_entry) &&
           ret_entry->d_tag != DT_NULL;
}

static bool name_table(const struct image *image, uint64_t *ret_offset)
{
    Elf64_Dyn entry;
    for (unsigned i = 0; dynamic_entry(image, i, &entry); i++)
        if (entry.d_tag == DT_STRTAB)
            return file_offset(image, entry.d_un.d_ptr, ret_offset);
    return false;
}

static bool needs_sanitizer(const struct image *image)
{
    static const char name[] = "libasan.so";
    uint64_t names;
    if (!name_table(image, &names))
        return false;
    Elf64_Dyn entry;
    unsigned n_needed = 0;
    for (unsigned i = 0; n_needed < NEEDED_MAX && dynamic_entry(image, i, &entry); i++) {
        char text[sizeof name - 1];
        if (entry.d_tag != DT_NEEDED)
            continue;
        n_needed++;
        if (read_at(image->reader, text, sizeof text, names + entry.d_un.d_val) &&
            memcmp(text, name, sizeof text) == 0)
            return true;
    }
    return false;
}

static bool is_our_loader(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash ? slash + 1 : path, OUR_LOADER) == 0;
}

static enum program_verdict judge_loader(const struct image *image, struct program *program)
{
    struct stat status;
    uint64_t size = image->interpreter.p_filesz;
    if (image->interpreter.p_type != PT_INTERP)
        return PROGRAM_STATIC;
    if (size < 2 || size > sizeof program->interpreter ||
        !read_at(image->reader, program->interpreter, size, image->interpreter.p_offset))
        return PROGRAM_OTHER_LIBC;
    program->interpreter[size - 1] = '\0';
    if (stat(program->interpreter, &status) != 0)
        return PROGRAM_NO_INTERPRETER;
    if (!is_our_loader(program->interpreter))
        return PROGRAM_OTHER_LIBC;
    return needs_sanitizer(image) ? PROGRAM_SANITIZER_IS_FIRST : PROGRAM_FITS;
}

static enum program_verdict judge_elf(struct reader *reader, struct program *program)
{
    Elf64_Ehdr header;
    struct image image = {.reader = reader};
    if (!read_at(reader, &header, sizeof header, 0))
        return PROGRAM_BROKEN_ELF;
    if (header.e_ident[EI_CLASS] != ELFCLASS64)
        return PROGRAM_OTHER_CLASS;
    if (header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != OUR_MACHINE)
        return PROGRAM_OTHER_MACHINE;
    if (!read_headers(&image, &header))
        return PROGRAM_BROKEN_ELF;
    return judge_loader(&image, program);
}

/* The interpreter of a #! line as the kernel cuts it out: after blanks, up to a blank or the end of
 * the line. */
static bool read_interpreter(struct reader *reader, struct program *program)
{
    char line[PROGRAM_PATH_MAX] = "";
    size_t length = reader->length < sizeof line - 1 ? reader->length : sizeof line - 1;
    if (!read_at(reader, line, length, 0) || line[0] != '#' || line[1] != '!')
        return false;
    const char *start = line + 2 + strspn(line + 2, " \t");
    size_t n = strcspn(start, " \t\n");
    memcpy(program->interpreter, start, n);
    program->interpreter[n] = '\0';
    return n > 0;
}

/* Judges one file. True: it is a script, `program->interpreter` is to be looked at next. */
static bool inspect_one(int fd, struct program *program)
{
    struct stat status;
    struct reader reader;
    reader.fd = fd;
    program->verdict = PROGRAM_UNREADABLE;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        return false;
    program->verdict = PROGRAM_NOT_A_PROGRAM;
    if (!fill_window(&reader, 0))
        return false;
    if (reader.length < SELFMAG || memcmp(reader.window, ELFMAG, SELFMAG) != 0)
        return read_interpreter(&reader, program);
    program->verdict =
        gains_privileges(fd, &status) ? PROGRAM_PRIVILEGED : judge_elf(&reader, program);
    return false;
}

static int open_regular(int dirfd, const char *path)
{
    struct stat status;
    if (fstatat(dirfd, path, &status, 0) != 0 || !S_ISREG(status.st_mode))
        return -1;
    return (int)syscall(SYS_openat, dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

/* Follows the interpreters of scripts, starting with the one that `program` names. */
static void follow_scripts(struct program *program)
{
    for (int depth = 1; depth < SCRIPT_DEPTH_MAX; depth++) {
        int fd = open_regular(AT_FDCWD, program->interpreter);
        if (fd < 0) {
            program->verdict = errno == EACCES ? PROGRAM_UNREADABLE : PROGRAM_NO_INTERPRETER;
            return;
        }
        bool is_script = inspect_one(fd, program);
        syscall(SYS_close, fd);
        if (!is_script)
            return;
    }
    program->verdict = PROGRAM_NOT_A_PROGRAM;
}

void program_inspect_fd(int fd, struct program *ret_program)
{
    ret_program->interpreter[0] = '\0';
    if (inspect_one(fd, ret_program))
        follow_scripts(ret_program);
}

void program_inspect(int dirfd, const char *path, struct program *ret_program)
{
    int fd = open_regular(dirfd, path);
    ret_program->verdict = PROGRAM_UNREADABLE;
    ret_program->interpreter[0] = '\0';
    if (fd < 0)
        return;
    program_inspect_fd(fd, ret_program);
    syscall(SYS_close, fd);
}

const char *program_verdict_text(enum program_verdict verdict)
{
    switch (verdict) {
    case PROGRAM_FITS:
        return NULL;
    case PROGRAM_UNREADABLE:
        return "its file cannot be read";
    case PROGRAM_NOT_A_PROGRAM:
        return "it is neither an ELF program nor a script";
    case PROGRAM_BROKEN_ELF:
        return "its ELF headers are broken";
    case PROGRAM_NO_INTERPRETER:
        return "its interpreter does not exist";
    case PROGRAM_PRIVILEGED:
        return "it runs with other privileges (set-user-ID, set-group-ID or capabilities)";
    case PROGRAM_STATIC:
        return "it is statically linked";
    case PROGRAM_OTHER_CLASS:
        return "it is a 32-bit program";
    case PROGRAM_OTHER_MACHINE:
        return "it is built for another architecture";
    case PROGRAM_OTHER_LIBC:
        return "it does not use glibc";
    case PROGRAM_SANITIZER_IS_FIRST:
        return "it is built with AddressSanitizer, which must be the first library";
    }
    return "it is of an unknown kind";
}

bool program_has_sanitizer(const char *libraries)
{
    static const char *const names[] = {"libasan", "libhwasan", "liblsan",
                                        "libtsan", "libubsan",  "libclang_rt."};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strstr(libraries, names[i]))
            return true;
    return false;
}

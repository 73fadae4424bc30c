/*
 * Whether libproftop.so can be preloaded into a program without the program noticing: asked by the
 * launcher about the command, and by the collector about everything that a target is about to exec.
 * libc only, no heap, no lock.
 *
 * "Yes" must be certain: the dynamic loader prints on the program's stderr when a preloaded library
 * does not fit it, and AddressSanitizer refuses to start behind one.
 */
#ifndef PROFTOP_CORE_WIRE_PROGRAM_H
#define PROFTOP_CORE_WIRE_PROGRAM_H

#include <stdbool.h>

enum { PROGRAM_PATH_MAX = 256 };

enum program_verdict {
    PROGRAM_FITS = 0,
    PROGRAM_UNREADABLE,     /* cannot be opened or read */
    PROGRAM_NOT_A_PROGRAM,  /* neither ELF nor a #! script: execvp gives it to the shell */
    PROGRAM_BROKEN_ELF,     /* begins like ELF, but its headers make no sense: exec will fail */
    PROGRAM_NO_INTERPRETER, /* its #! interpreter or ELF loader does not exist: exec will fail */
    PROGRAM_PRIVILEGED, /* set-user-ID, set-group-ID or file capabilities: the loader drops preloads
                         */
    PROGRAM_STATIC,     /* no dynamic loader */
    PROGRAM_OTHER_CLASS,       /* 32-bit */
    PROGRAM_OTHER_MACHINE,     /* another architecture */
    PROGRAM_OTHER_LIBC,        /* a loader that is not glibc's */
    PROGRAM_SANITIZER_IS_FIRST /* links libasan dynamically, which must come first */
};

struct program {
    enum program_verdict verdict;
    char interpreter[PROGRAM_PATH_MAX]; /* NO_INTERPRETER: the missing file; else the last one
                                           followed, or "" */
};

/*
 * Looks at the file `path` (relative to directory descriptor `dirfd`), following #! interpreters as
 * the kernel does. Opens nothing but regular files, never blocks on a FIFO, leaves no descriptor,
 * may change errno. Context: any thread, also between fork or vfork and exec; async-signal-safe.
 */
void program_inspect(int dirfd, const char *path, struct program *ret_program);

/* The same of an open descriptor, which is read without moving its offset. Context: as
 * program_inspect(). */
void program_inspect_fd(int fd, struct program *ret_program);

/* The verdict in words for a person, such as "it is statically linked"; NULL for PROGRAM_FITS.
 * Context: any. */
const char *program_verdict_text(enum program_verdict verdict);

/* Whether `libraries`, a value of LD_PRELOAD, names a sanitizer's runtime, which must stay in front
 * of all others. Context: any, async-signal-safe. */
bool program_has_sanitizer(const char *libraries);

#endif

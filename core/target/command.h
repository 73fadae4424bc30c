/*
 * Finding the command to launch, as execvp would, before anything is forked: so that a wrong name
 * is one clear line.
 */
#ifndef PROFTOP_CORE_TARGET_COMMAND_H
#define PROFTOP_CORE_TARGET_COMMAND_H

#include <glib.h>
#include <stdbool.h>

#include "core/wire/program.h"

struct command {
    char *path;         /* the file to execute: as given when it holds a '/', else found in PATH */
    bool is_shell_text; /* neither ELF nor #!: the kernel refuses it, execvp and we let /bin/sh run
                           it */
    struct program program; /* what executing it runs; for shell text, /bin/sh */
};

/*
 * Looks `name` up in PATH and checks that it can be executed.
 *
 * @ret_command  filled on success; release with command_clear()
 * Errors: PROFTOP_ERROR_NOT_FOUND (also when its interpreter or loader is missing),
 * PROFTOP_ERROR_NOT_EXECUTABLE (a directory, no permission). Context: any thread.
 */
bool command_find(const char *name, struct command *ret_command, GError **error);

/* Releases what command_find() filled in; NULL and an all-zero command are allowed. Context: any
 * thread. */
void command_clear(struct command *command);

#endif

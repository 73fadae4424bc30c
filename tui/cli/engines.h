/*
 * The CPU engines that --engine chooses from.
 */
#ifndef PROFTOP_TUI_CLI_ENGINES_H
#define PROFTOP_TUI_CLI_ENGINES_H

#include "core/session/source.h"

/*
 * Those that NAME stands for, in order of preference and with NULL at the end: "auto" (or NULL) for
 * all of them. NULL with PROFTOP_ERROR_USAGE when there is none of that name. Context: any thread.
 */
const struct source_ops *const *engines_find(const char *name, GError **error);

#endif

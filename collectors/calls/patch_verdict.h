/*
 * What speaks against a function's being changed, as its file has it: where it stands there, what
 * its code does, and what it jumps to.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_VERDICT_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_VERDICT_H

#include "collectors/calls/patch_body.h"
#include "collectors/calls/patch_modules.h"

/*
 * Of a function of `module` whose code is that. Returns NULL, or what speaks against it, in words.
 * Context: one thread at a time.
 */
const char *patch_verdict(const struct patch_module *module, const struct patch_code *code,
                          struct patch_body *ret_body);

/* Likewise of one with a sled, whose code is read from the file: no place is looked for in it, so
 * it need not be known to its end. Context: as above. */
const char *patch_verdict_of_sled(const struct patch_module *module,
                                  const struct patch_function *function);

/* Why nothing that is in a file must be patched; NULL: nothing is known against it. Context: any
 * thread. */
const char *patch_verdict_of_file(const struct elf_file *elf);

#endif

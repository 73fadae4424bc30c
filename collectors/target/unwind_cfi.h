/*
 * Reads the unwind information of one function (an FDE of .eh_frame) into a rule. Knows the x86-64
 * registers that matter: rsp, rbp and the return address.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_UNWIND_CFI_H
#define PROFTOP_COLLECTORS_TARGET_UNWIND_CFI_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/target/mapped_file.h"
#include "collectors/target/unwind_rules.h"

/*
 * The rule at `pc`, which is in the function; its module is 0. UNWIND_NONE when there is no such
 * function, or what is there makes no sense or cannot be said by a rule.
 *
 * @range    memory that holds the table and all that it refers to
 * @eh_hdr   the table (.eh_frame_hdr)
 * Context: any, async-signal-safe.
 */
union unwind_rule unwind_cfi_rule(const struct mapped_range *range, uintptr_t eh_hdr, uintptr_t pc);

/* Whether a function begins at `pc`. Context: any, async-signal-safe. */
bool unwind_cfi_is_start(const struct mapped_range *range, uintptr_t eh_hdr, uintptr_t pc);

#endif

/*
 * Where in a function's code a call of the collector can be put in, and the code that is run
 * instead of the instruction there. Pure: bytes in, a plan out.
 *
 * The place is an instruction near the entry, behind instructions that neither branch nor set flags
 * that matter: its first byte, or the one behind its REX prefix, becomes that of jmp rel32, and the
 * four bytes behind that, which stay, say where it leads.
 */
#ifndef PROFTOP_COLLECTORS_CALLS_PATCH_SITE_H
#define PROFTOP_COLLECTORS_CALLS_PATCH_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PATCH_JUMP_BYTES = 5,
    PATCH_INSTRUCTION_MAX = 15,
    PATCH_FUNCTION_MAX = 1 << 20, /* longer ones are not read */
    PATCH_BLOCK_BYTES = 96,
};

/* A function's code as it is in memory, unchanged. */
struct patch_code {
    const uint8_t *bytes;
    uint64_t address;
    size_t size; /* of the function */
    size_t room; /* bytes there are up to the next function: at least `size` */
};

/* A place in it. */
struct patch_site {
    uint64_t address;
    uint64_t target;      /* where the jump will lead: what lies there must be free */
    uint64_t slot_offset; /* of the return address, from the stack pointer at the place */
    size_t length;        /* of the instruction there */
    size_t jump_offset;   /* of the byte that is changed, from there: 1 behind a REX prefix, which
                             means nothing to a jump */
    size_t n_bytes;       /* the longer of it and the jump */
    uint8_t bytes[PATCH_INSTRUCTION_MAX];
};

/* Whether code can be mapped at a jump's target. */
typedef bool patch_target_fits(uint64_t target, void *data);

/* Why there is no place when nothing can be mapped where the jumps would lead. */
extern const char patch_site_no_room[];

struct patch_body;

/*
 * Finds the first place whose target fits. Returns NULL, or why there is none, in words. Context:
 * any thread.
 *
 * @body  what patch_body_read has said of the code, when it said nothing against it
 */
const char *patch_site_find(const struct patch_code *code, const struct patch_body *body,
                            patch_target_fits *fits, void *data, struct patch_site *ret_site);

/* What a block of code is made of beside its site. */
struct patch_block {
    uint64_t address; /* where it will be executed */
    uint64_t enter;   /* called with the number pushed */
    uint32_t number;
};

/*
 * Writes the code that the jump leads to in the end: it calls the collector, does what the
 * instruction did and goes on behind it. False: the instruction cannot do its work from there.
 * Context: any thread.
 */
bool patch_site_write(const struct patch_site *site, const struct patch_block *block,
                      uint8_t ret_code[PATCH_BLOCK_BYTES]);

#endif

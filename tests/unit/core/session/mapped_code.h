/*
 * For tests: whether an ingest knows what is mapped at an address, by a sample that is there.
 */
#ifndef PROFTOP_TESTS_MAPPED_CODE_H
#define PROFTOP_TESTS_MAPPED_CODE_H

#include <stdint.h>
#include <unistd.h>

#include "core/session/ingest.h"

/* Of this process. Where something is mapped, the sample counts. */
static inline bool mapped_code_is_known(struct ingest *ingest, const void *code)
{
    enum { RSP = 7, RIP = 16 };
    static const uint8_t stack[64];
    uint64_t unmapped = 0;
    struct ingest_sample sample = {.pid = getpid(),
                                   .tid = getpid(),
                                   .has_user = true,
                                   .user = {.regs.known = 1u << RSP | 1u << RIP,
                                            .stack = stack,
                                            .stack_size = sizeof stack,
                                            .stack_address = 0x7000},
                                   .ret_unmapped = &unmapped};
    sample.user.regs.r[RSP] = 0x7000;
    sample.user.regs.r[RIP] = (uint64_t)(uintptr_t)code;
    ingest_sample(ingest, &sample);
    return unmapped != sample.user.regs.r[RIP];
}

#endif

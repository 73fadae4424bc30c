/*
 * What a seccomp filter would say, found by running it.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SECCOMP_FILTER_H
#define PROFTOP_COLLECTORS_TARGET_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <stdbool.h>

/* Whether `program` lets the system call `number` pass, with arguments and an address of 0. False
 * when it cannot be told. Context: any, async-signal-safe. */
bool seccomp_filter_allows(const struct sock_fprog *program, int number);

#endif

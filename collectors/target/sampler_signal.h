/*
 * The signal that the timers send: SIGSETXID (33), one of the two that libc keeps for itself.
 *
 * A program cannot handle, block, wait for or send it through libc, whose functions refuse it and
 * leave it out of every mask and set; so nothing that a program does with its signals can reach
 * ours, and nothing of ours shows in what it reads back. Any other real-time signal would have to
 * be hidden from it, which cannot be done well: siglongjmp, swapcontext and the return from a
 * handler set masks past all functions that a library can stand in front of, and some programs
 * handle signals by system call.
 *
 * Libc itself sends it, by tgkill, to the threads of a process that calls setuid() and the like,
 * and has a handler for it from the first pthread_create() on, which leaves all else alone. Ours
 * stands in front of that one and hands on what is not from a timer of ours.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_SAMPLER_SIGNAL_H
#define PROFTOP_COLLECTORS_TARGET_SAMPLER_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

enum { SAMPLER_SIGNAL = 33 };

/* Of the kernel's signal sets. */
#define SAMPLER_SIGNAL_BIT (UINT64_C(1) << (SAMPLER_SIGNAL - 1))

/*
 * Puts our handler in place, unless it is there already, and remembers the one that was. False when
 * this libc does not keep the signal for itself. It is never taken away again: a signal may be on
 * its way. Two system calls at most. Context: any thread; async-signal-safe.
 */
bool sampler_signal_take(void);

/* Before exec: gives the signal the fate that it would have in the new program when nobody had
 * taken it. Context: any, vfork children too; async-signal-safe. */
void sampler_signal_before_exec(void);

/* After an exec that failed: takes it again. Context: as sampler_signal_before_exec(). */
void sampler_signal_after_exec(void);

#endif

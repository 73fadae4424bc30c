/*
 * Ends that nobody told of: when the kernel had no room for a record, it may have been the one of a
 * thread's or process's end.
 */
#ifndef PROFTOP_CORE_SESSION_VANISHED_H
#define PROFTOP_CORE_SESSION_VANISHED_H

#include "core/model/profile.h"

/*
 * Marks as ended what the profile believes to run and the system does not know any more. Asks
 * nothing while no record has been lost. Context: holder of the profile's lock.
 */
void vanished_mark(struct profile *profile);

/* Marks a process and all its threads as ended. Context: likewise. */
void vanished_mark_process(struct profile *profile, uint32_t process);

#endif

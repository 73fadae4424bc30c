/*
 * Functions that leave others without their exit: longjmp() and its kind, and the catching of C++
 * exceptions. What is open below the place where the program goes on is closed at once, with the
 * time until then.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_JUMPS_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_JUMPS_H

/* Looks for the real functions behind ours. May be called more than once. Context: constructor. */
void calls_jumps_resolve(void);

#endif

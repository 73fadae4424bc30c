/*
 * Signal frames. In a thread that has no alternate stack of the program's, the kernel puts the
 * frame of a handler with SA_ONSTACK on ours. It belongs on the stack that was interrupted: the
 * handler may need more room, look where it is, or switch stacks. So the frame is moved there, as
 * the kernel would have put it, before the handler is called.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_HANDLER_FRAME_H
#define PROFTOP_COLLECTORS_TARGET_HANDLER_FRAME_H

#include <signal.h>
#include <stdbool.h>

/* What the kernel is given in place of the program's handlers with SA_ONSTACK: goes on to
 * proftop_call_handler() with the same arguments, on the stack where the program expects its
 * handlers. Context: called by the kernel. */
void proftop_handler_entry(int number, siginfo_t *info, void *context);

/* What handler_hooks.c calls the program's handler by. Context: signal handler. */
void proftop_call_handler(int number, siginfo_t *info, void *context);

/*
 * From now on handlers stay on the stack that the kernel gives them: the program goes by what the
 * kernel says of it, past libc. Go does, and takes our stack for its own. Context: any,
 * async-signal-safe.
 */
void handler_frame_leave(void);

#endif

/*
 * A process that already ran when proftop came: watched, never touched. Nothing is injected into
 * it, and it does not notice that it is watched or that it no longer is.
 */
#ifndef PROFTOP_CORE_TARGET_ATTACHMENT_H
#define PROFTOP_CORE_TARGET_ATTACHMENT_H

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

struct attachment;

/*
 * Takes hold of a process by its pid. NULL with an error that says what is wrong with it and what
 * would help: PROFTOP_ERROR_USAGE (proftop itself, no pid at all), PROFTOP_ERROR_NOT_PERMITTED
 * (another user's, or one that shields itself), PROFTOP_ERROR_FAILED (no such process, a zombie, a
 * kernel thread, a thread's id that is not a process's). Context: any thread.
 */
struct attachment *attachment_open(pid_t pid, GError **error);

/* Its pid. Context: any thread. */
pid_t attachment_pid(const struct attachment *attachment);

/* A pidfd, readable once it has ended; owned by the attachment. -1 on kernels before 5.3. Context:
 * any thread. */
int attachment_pidfd(const struct attachment *attachment);

/* Its command line, as one line of shell words; the name in brackets when it has none. Owned by the
 * attachment. Context: any thread. */
const char *attachment_command(const struct attachment *attachment);

/* Whether it has ended; never true for another process that got its pid. Context: any thread. */
bool attachment_has_ended(const struct attachment *attachment);

/* Sends it a signal; false when it has ended or that is not permitted (errno). Never reaches
 * another process that got its pid. Context: any thread. */
bool attachment_signal(const struct attachment *attachment, int signal_number);

/* Lets go of it: it runs on. NULL is allowed. */
void attachment_free(struct attachment *attachment);

#endif

/*
 * A terminal of its own for the target, while proftop's screen occupies the real one.
 *
 * The target writes to a pseudo-terminal. Its master side belongs to a small process, the keeper,
 * which appends all output, byte for byte, to a file that the screen shows. The keeper outlives
 * proftop: whether proftop quits and leaves the target running, is killed or loses its own
 * terminal, the target's terminal stays, so it gets neither SIGHUP nor EIO and never waits. The
 * keeper ends when the target has ended and nobody has the terminal open.
 *
 * Because the launched command leads the session of this terminal, its end sends SIGHUP to its
 * foreground process group, as the end of any terminal's session leader does.
 *
 * Context, where nothing else is said: one thread at a time.
 */
#ifndef PROFTOP_CORE_TARGET_TERMINAL_KEEPER_H
#define PROFTOP_CORE_TARGET_TERMINAL_KEEPER_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the output file stops growing; what comes later is counted and thrown away. */
#define KEEPER_FILE_MAX_BYTES (INT64_C(1) << 30)
/* How much it may still grow once proftop is gone. */
#define KEEPER_ORPHAN_MAX_BYTES (INT64_C(16) << 20)

struct keeper;

/*
 * Makes the pseudo-terminal (settings of the first of stdin, stdout and stderr that is a terminal),
 * creates the file `path` (absolute, it must not exist) with mode 0600 and forks the keeper. When
 * proftop is gone before the target and nothing was written, the keeper removes the file, and its
 * folder if that is empty then. NULL on error:
 * PROFTOP_ERROR_FAILED. Context: main thread, before there are others and before the real terminal
 * is put into raw mode.
 */
struct keeper *keeper_start(const char *path, int rows, int columns, GError **error);

/* The terminal to pass as launch_options.terminal_fd; -1 after keeper_hand_over(). Owned by the
 * keeper. */
int keeper_slave_fd(const struct keeper *keeper);

/*
 * To be called once the target runs: closes our end of its terminal and tells the keeper whom it
 * serves.
 *
 * @pidfd  of the target; borrowed. -1: unknown, then the keeper ends when nobody has the terminal
 * open and proftop is gone.
 */
void keeper_hand_over(struct keeper *keeper, int pidfd);

/*
 * Types `bytes` on the target's keyboard. False when the keeper is gone or behind (the target does
 * not read); then an unknown part was typed. Never blocks.
 */
bool keeper_type(struct keeper *keeper, const void *bytes, size_t size);

/* Changes the window size; the target's foreground processes get SIGWINCH. False when the keeper is
 * gone. */
bool keeper_resize(struct keeper *keeper, int rows, int columns);

/* Bytes in the file, and bytes thrown away (file too large, disk full). Context: any thread. */
void keeper_get_counts(const struct keeper *keeper, int64_t *ret_written, int64_t *ret_discarded);

/*
 * Waits until the keeper has ended, which means that all output is in the file; true when it has.
 *
 * @timeout_ms  -1: for ever
 */
bool keeper_wait(struct keeper *keeper, int timeout_ms);

/* Lets go of the keeper, which lives on as long as the target needs it. The file stays. NULL is
 * allowed. */
void keeper_free(struct keeper *keeper);

#endif

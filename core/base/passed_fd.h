/*
 * Messages that carry a descriptor from process to process over a Unix socket (SCM_RIGHTS).
 */
#ifndef PROFTOP_CORE_BASE_PASSED_FD_H
#define PROFTOP_CORE_BASE_PASSED_FD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Sends `size` bytes and a copy of `fd` as one message; `fd` stays the caller's. `flags` as for
 * send(2), MSG_NOSIGNAL is added. false, with errno, when not all was sent. Context: any,
 * async-signal-safe.
 */
bool passed_fd_send(int socket, const void *bytes, size_t size, int fd, int flags);

/*
 * Receives one message of at most `size` bytes. *ret_fd becomes the descriptor that came with it,
 * close-on-exec and the caller's to close, or -1; should there be several, the kernel drops all
 * but the first. Returns as recv(2), and takes its flags. Context: any, async-signal-safe.
 */
ssize_t passed_fd_receive(int socket, void *bytes, size_t size, int flags, int *ret_fd);

#endif

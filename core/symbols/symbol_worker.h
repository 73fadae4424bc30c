/*
 * Symbols in the background: requests go in, names come back on a thread of its own, so that
 * neither the screen nor the ingestion ever waits for a debug file.
 */
#ifndef PROFTOP_CORE_SYMBOLS_SYMBOL_WORKER_H
#define PROFTOP_CORE_SYMBOLS_SYMBOL_WORKER_H

#include <sys/types.h>

#include "core/symbols/symbolizer.h"

enum symbol_kind { SYMBOL_ELF, SYMBOL_KERNEL, SYMBOL_JIT };

struct symbol_request {
    uint32_t frame; /* the caller's number for it */
    enum symbol_kind kind;
    struct elf_file *elf; /* SYMBOL_ELF */
    pid_t pid;            /* SYMBOL_JIT */
    uint64_t address;     /* SYMBOL_ELF: as linked, else as it is in memory */
};

/*
 * One result. The lines are borrowed; their strings live as long as the worker. n == 0: unresolved.
 * Context: the worker's thread, without locks held; must not call symbol_worker_wait_idle or _free.
 */
typedef void symbol_done(void *arg, uint32_t frame, const struct symbol_line *lines, size_t n);

struct symbol_worker;

/* A new worker; its thread starts with the first request. Context: any thread. */
struct symbol_worker *symbol_worker_new(symbol_done *done, void *arg);

/*
 * Queues a request; takes its own reference to request->elf. First come, first served; each request
 * is answered exactly once, unless the worker is freed before. Context: any thread; never blocks on
 * symbols.
 */
void symbol_worker_submit(struct symbol_worker *worker, const struct symbol_request *request);

/* Requests not yet answered, the one in work included. Context: any thread. */
size_t symbol_worker_pending(struct symbol_worker *worker);

/*
 * Waits until all requests are answered, callbacks included, at most `timeout_ms` (negative:
 * forever).
 *
 * Returns whether all are. Context: any thread but the worker's.
 */
bool symbol_worker_wait_idle(struct symbol_worker *worker, int timeout_ms);

/*
 * Drops what is queued, waits for the request in work, and frees the worker with all its strings;
 * NULL is allowed. Context: one thread, when no other uses the worker any more.
 */
void symbol_worker_free(struct symbol_worker *worker);

#endif

/*
 * Calls C code from between a function and its caller, who may count on vector registers: what is
 * built as usual, libc above all, may use them.
 *
 * The fast paths behind patched code use general registers only. Where they must do something
 * unusual (a new record, a new thread), and the way in was patched code, they do it by
 * vector_state_run().
 */
#ifndef PROFTOP_COLLECTORS_TARGET_PATCH_VECTORS_H
#define PROFTOP_COLLECTORS_TARGET_PATCH_VECTORS_H

/*
 * Asks the processor what state there is. Before that vector_state_run() saves x87 and SSE only.
 * Context: constructor or fork handler.
 */
void vector_state_init(void);

/*
 * Runs `run` and puts x87, SSE, AVX and AVX-512 state back as it was. Takes some 3 KB of the
 * stack only when 64 others are at it.
 *
 * @data  passed on
 * Context: any thread, async-signal-safe as far as `run` is. May be called from code that is built
 * for general registers only.
 */
void vector_state_run(void (*run)(void *data), void *data);

#endif

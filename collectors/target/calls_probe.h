/*
 * What the probes themselves take, measured when the process begins, in the process itself.
 */
#ifndef PROFTOP_COLLECTORS_TARGET_CALLS_PROBE_H
#define PROFTOP_COLLECTORS_TARGET_CALLS_PROBE_H

#include <stdbool.h>

#include "core/wire/wire_calls.h"

/*
 * Measures all ways, well within a millisecond. Leaves no trace in the segment. All 0 when there is
 * no clock, or no memory.
 *
 * @ret_probes  WIRE_CALLS_WAYS
 * @has_code    code can be patched; else that way is not measured
 * Context: constructor or fork handler, before calls are counted.
 */
void calls_probe_measure(struct wire_calls_probe *ret_probes, bool has_code);

#endif

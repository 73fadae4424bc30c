/* The functions that a program with proftop.h finds: struct proftop_api. */
#ifndef PROFTOP_COLLECTORS_TARGET_SCOPE_API_H
#define PROFTOP_COLLECTORS_TARGET_SCOPE_API_H

#include "collectors/target/proftop.h"

/* The only name of the library that programs ask for. The number is that of the first version,
 * which later ones go on from. */
extern const struct proftop_api proftop_api_1;

#endif

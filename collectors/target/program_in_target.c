/* The collector's own copy of core/wire/program.c, compiled by the rules for code in the target. */
#include "core/wire/program.c"

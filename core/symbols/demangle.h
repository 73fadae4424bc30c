/*
 * Readable names: C++ (Itanium) and Rust (legacy and v0) symbols demangled, and a short form of
 * them for narrow columns.
 *
 * Input is hostile text from a target's files: length, nesting and output size are capped, so that
 * no name can cost more than a few milliseconds. The results are not cleaned for a terminal.
 */
#ifndef PROFTOP_CORE_SYMBOLS_DEMANGLE_H
#define PROFTOP_CORE_SYMBOLS_DEMANGLE_H

#include <stddef.h>

enum {
    DEMANGLE_INPUT_MAX = 4096,  /* longer linkage names stay as they are */
    DEMANGLE_OUTPUT_MAX = 4096, /* longer results are cut and end in an ellipsis */
};

/*
 * The name as it was written in the source, with parameters and template arguments, e.g.
 * "ns::f<int>(char const*)".
 *
 * Returns a new string (g_free), equal to `linkage` when that is no mangled name. Needs up to 4 MiB
 * of stack for hostile names. Context: any thread.
 */
char *demangle(const char *linkage);

/*
 * A short form of demangle's result: template arguments become <…>, parameters, return types and
 * Rust hashes go; operator names, lambdas and (anonymous namespace) stay. "void ns::f<int>(char)
 * const" becomes "ns::f<…>".
 *
 * Returns a new string (g_free), never longer than `full` plus the ellipses. Context: any thread.
 */
char *demangle_brief(const char *full);

#endif

/*
 * A small shared library, built, stripped and loaded in a directory of its own: what the symbol
 * tests look at.
 */
#ifndef PROFTOP_TESTS_UNIT_CORE_SYMBOLS_SYMBOL_FIXTURE_H
#define PROFTOP_TESTS_UNIT_CORE_SYMBOLS_SYMBOL_FIXTURE_H

#include <dlfcn.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/base/elf_file.h"

/* Line numbers in it are tested. */
static const char fixture_source[] =
    "#include <unistd.h>\n"
    "__asm__(\".text\\n.globl sizeless\\n.type sizeless,@function\\nsizeless: "
    "nop\\nnop\\nret\\n\");\n"
    "__attribute__((noinline)) static int hidden(int x)\n" /* line 3 */
    "{\n"
    "    __asm__ volatile(\"nop\");\n" /* line 5 */
    "    return x * 3;\n"
    "}\n"
    "static inline __attribute__((always_inline)) void *inlined(void)\n" /* line 8 */
    "{\n"
    "    void *pc;\n"
    "    __asm__ volatile(\"1: lea 1b(%%rip), %0\" : \"=r\"(pc));\n" /* line 11 */
    "    return pc;\n"
    "}\n"
    "static inline __attribute__((always_inline)) void *middle(void)\n" /* line 14 */
    "{\n"
    "    return inlined();\n" /* line 16 */
    "}\n"
    "__attribute__((noinline)) void *exported(void)\n" /* line 18 */
    "{\n"
    "    void *pc = middle();\n" /* line 20 */
    "    getpid();\n"
    "    return pc;\n"
    "}\n"
    "void *_exported_alias(void) __attribute__((alias(\"exported\")));\n"
    "void *exp(void) __attribute__((weak, alias(\"exported\")));\n"
    "#line 40 \"other.h\"\n"
    "int other(int x) { return x ? getppid() : x; }\n"
    "#line 26 \"fixture.c\"\n"
    "void *hidden_address(void) { return (void *)hidden; }\n" /* line 26 */
    "int mangled(int x) __asm__(\"_ZN2ns1fEi\");\n"
    "int mangled(int x) { return hidden(x) + 1; }\n" /* line 28 */
    "int sizeless(void);\n";

struct symbol_fixture {
    char *directory, *source, *library;
    void *handle;
    uint64_t exported, inlined, hidden, mangled, sizeless; /* as linked */
};

static inline void fixture_run(const char *directory, const char *const *argv)
{
    char *output = NULL, *errors = NULL;
    int status = -1;

    g_spawn_sync(directory, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &output, &errors,
                 &status, NULL);
    if (status != 0)
        print_error("%s: %s\n", argv[0], errors ? errors : "cannot be started");
    assert_int_equal(status, 0);
    g_free(output);
    g_free(errors);
}

#define FIXTURE_RUN(directory, ...) fixture_run(directory, (const char *const[]){__VA_ARGS__, NULL})

static inline uint64_t fixture_linked(const struct symbol_fixture *f, const void *address)
{
    struct link_map *map = NULL;

    assert_int_equal(dlinfo(f->handle, RTLD_DI_LINKMAP, &map), 0);
    return (uint64_t)(uintptr_t)address - map->l_addr;
}

static inline void fixture_load(struct symbol_fixture *f)
{
    void *(*exported)(void), *(*hidden_address)(void);

    f->handle = dlopen(f->library, RTLD_NOW | RTLD_LOCAL);
    if (!f->handle)
        fail_msg("%s", dlerror());
    exported = (void *(*)(void))dlsym(f->handle, "exported");
    hidden_address = (void *(*)(void))dlsym(f->handle, "hidden_address");
    f->exported = fixture_linked(f, (void *)exported);
    f->inlined = fixture_linked(f, exported());
    f->hidden = fixture_linked(f, hidden_address());
    f->mangled = fixture_linked(f, dlsym(f->handle, "_ZN2ns1fEi"));
    f->sizeless = fixture_linked(f, dlsym(f->handle, "sizeless"));
}

/* Builds the library as NAME with one or two more compiler options, and loads it. */
static inline struct symbol_fixture *fixture_new(const char *option, const char *option2)
{
    struct symbol_fixture *f = g_new0(struct symbol_fixture, 1);

    f->directory = g_dir_make_tmp("test-symbols-XXXXXX", NULL);
    f->source = g_build_filename(f->directory, "fixture.c", NULL);
    f->library = g_build_filename(f->directory, "libfixture.so", NULL);
    assert_true(g_file_set_contents(f->source, fixture_source, -1, NULL));
    FIXTURE_RUN(f->directory, "gcc", "-shared", "-fPIC", "-O1", "-fno-toplevel-reorder",
                "-fno-builtin", "-Wl,--build-id", option, option2, "-o", "libfixture.so",
                "fixture.c");
    fixture_load(f);
    return f;
}

static inline void fixture_free(struct symbol_fixture *f)
{
    dlclose(f->handle);
    FIXTURE_RUN("/", "rm", "-rf", f->directory);
    g_free(f->directory);
    g_free(f->source);
    g_free(f->library);
    g_free(f);
}

/* Opens a file of the fixture's directory. */
static inline struct elf_file *fixture_open(const struct symbol_fixture *f, const char *name)
{
    char *path = g_build_filename(f->directory, name, NULL);
    struct elf_file *elf = elf_file_open(0, path, 0, 0, NULL);

    g_free(path);
    return elf;
}

#endif

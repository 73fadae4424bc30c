/*
 * A small profile for the tests of the views:
 *
 *   main -> run -> sort     60 ms
 *   main -> run -> copy     30 ms
 *   main -> walk -> walk -> copy   10 ms
 */
#ifndef PROFTOP_TESTS_UNIT_TUI_VIEWS_SMALL_PROFILE_H
#define PROFTOP_TESTS_UNIT_TUI_VIEWS_SMALL_PROFILE_H

#include "core/model/profile.h"

enum small_function { SMALL_MAIN, SMALL_RUN, SMALL_SORT, SMALL_COPY, SMALL_WALK, SMALL_FUNCTIONS };

struct small_profile {
    struct profile *profile;
    uint32_t frames[SMALL_FUNCTIONS];
    uint32_t functions[SMALL_FUNCTIONS];
    uint32_t threads[2];
};

static inline void small_frame(struct small_profile *small, int i, uint32_t module,
                               const char *name, const char *brief)
{
    struct function_spec spec = {.module = module,
                                 .linkage = name,
                                 .name = name,
                                 .brief = brief,
                                 .file = "/src/small.c",
                                 .decl_line = (uint32_t)(10 * (i + 1))};
    small->functions[i] = profile_function(small->profile, &spec);
    small->frames[i] = profile_frame(small->profile, module, 0x1000 + 0x100 * (uint64_t)i);
    struct line line = {small->functions[i], spec.decl_line};
    profile_resolve(small->profile, small->frames[i], &line, 1, 0);
}

/* Adds `ms` samples of one millisecond each; functions leaf first. */
static inline void small_add(struct small_profile *small, int thread, int ms, const int *functions,
                             size_t n)
{
    uint32_t frames[8];
    for (size_t i = 0; i < n; i++)
        frames[i] = small->frames[functions[i]];
    int64_t values[2] = {ms, ms * INT64_C(1000000)};
    uint32_t stack = profile_stack(small->profile, frames, n);
    profile_add(small->profile, stack, small->threads[thread], 1, values);
}

static inline void small_add_all(struct small_profile *small)
{
    small_add(small, 0, 60, (const int[]){SMALL_SORT, SMALL_RUN, SMALL_MAIN}, 3);
    small_add(small, 0, 30, (const int[]){SMALL_COPY, SMALL_RUN, SMALL_MAIN}, 3);
    small_add(small, 1, 10, (const int[]){SMALL_COPY, SMALL_WALK, SMALL_WALK, SMALL_MAIN}, 4);
}

static inline void small_init(struct small_profile *small)
{
    struct profile *p = profile_new();
    small->profile = p;
    p->count_metric = profile_add_metric(p, "samples", "count");
    p->main_metric = profile_add_metric(p, "cpu", "nanoseconds");
    uint32_t program = profile_module(p, "/bin/small", "", MODULE_FILE);
    uint32_t libc = profile_module(p, "/lib/libc.so.6", "", MODULE_FILE);
    small_frame(small, SMALL_MAIN, program, "main", "main");
    small_frame(small, SMALL_RUN, program, "run(std::vector<int> const&)", "run");
    small_frame(small, SMALL_SORT, program, "sort<int>(int*, int*)", "sort");
    small_frame(small, SMALL_COPY, libc, "copy", "copy");
    small_frame(small, SMALL_WALK, program, "walk", "walk");
    uint32_t process = profile_process_new(p, 100, PROFILE_NONE);
    profile_get_process(p, process)->name = profile_text(p, "small");
    for (int i = 0; i < 2; i++)
        small->threads[i] = profile_thread(p, process, 100 + i);
    profile_get_thread(p, small->threads[1])->name = profile_text(p, "walker");
    small_add_all(small);
}

static inline void small_clear(struct small_profile *small)
{
    profile_free(small->profile);
}

#endif

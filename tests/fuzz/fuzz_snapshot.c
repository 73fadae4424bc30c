/*
 * Fuzzing of the snapshot reader: whatever the bytes are, it answers or refuses, and what it opens
 * can be drawn and reported.
 *
 * With clang -fsanitize=fuzzer this is a fuzz target. With -DFUZZ_PLAIN it is a program: it runs
 * the files it is given, or with --seeds FOLDER writes a first corpus.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "core/analysis/leaks.h"
#include "core/formats/flame_svg.h"
#include "core/formats/folded.h"
#include "core/formats/snapshot.h"
#include "core/model/call_rows.h"
#include "core/model/function_rows.h"
#include "core/model/heap_rows.h"
#include "core/model/owners.h"
#ifdef FUZZ_PLAIN
#include "tests/unit/core/formats/pprof_bytes.h"
#include "tests/unit/core/formats/sample_profile.h"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool forget(void *arg, const char *text, size_t size, GError **error)
{
    (void)arg, (void)text, (void)size, (void)error;
    return true;
}

/* What they do with a heap. */
static void draw_heap(struct profile *p)
{
    struct calltree *tree = calltree_new(p, &(struct calltree_options){.process = PROFILE_NONE,
                                                                       .thread = PROFILE_NONE,
                                                                       .of = CALLTREE_OF_HEAP,
                                                                       .column = HEAP_PEAK_BYTES});
    calltree_update(tree, 0);
    g_string_free(flame_svg(tree, &(struct flame_svg_options){.scope = ""}), TRUE);
    calltree_free(tree);
    struct heap_rows *rows = heap_rows_new(p);
    heap_rows_query(rows, &(struct heap_query){.sort = HEAP_SORT_SOURCE,
                                               .process = PROFILE_NONE,
                                               .only = HEAP_COLUMNS});
    heap_rows_free(rows);
    struct leak_rules *rules = leak_rules_new(true);
    leaks_free(leaks_find(p, &(struct leaks_query){.rules = rules}));
    leak_rules_free(rules);
}

/* What they do with calls. */
static void draw_calls(struct profile *p)
{
    struct calltree *tree =
        calltree_new(p, &(struct calltree_options){.process = PROFILE_NONE,
                                                   .thread = PROFILE_NONE,
                                                   .of = CALLTREE_OF_CALLS,
                                                   .call_weight = CALL_WEIGHT_TIME});
    calltree_update(tree, 0);
    g_string_free(flame_svg(tree, &(struct flame_svg_options){.scope = ""}), TRUE);
    calltree_free(tree);
    struct call_rows *rows = call_rows_new(p);
    const GArray *found = call_rows_query(rows, &(struct call_query){.sort = CALL_SORT_P99,
                                                                     .process = PROFILE_NONE,
                                                                     .thread = PROFILE_NONE});
    GArray *edges = g_array_new(FALSE, FALSE, sizeof(struct call_row));
    for (guint i = 0; i < MIN(found->len, 10); i++) {
        uint32_t function = g_array_index(found, struct call_row, i).function;
        call_rows_edges(rows, function, CALL_EDGES_CALLEES, edges);
        call_rows_edges(rows, function, CALL_EDGES_CALLERS, edges);
    }
    g_array_unref(edges);
    call_rows_free(rows);
}

/* What every screen, report and export does with a profile. */
static void draw(struct profile *p)
{
    owners_add(p, true);
    struct calltree *tree = calltree_new(
        p, &(struct calltree_options){.process = PROFILE_NONE, .thread = PROFILE_NONE});
    GArray *rows = g_array_new(FALSE, FALSE, sizeof(struct function_row));
    calltree_update(tree, 0);
    function_rows_query(tree, &(struct function_query){.sort = FUNCTION_SORT_SOURCE}, rows);
    g_array_unref(rows);
    folded_write(tree, &(struct text_sink){forget, NULL}, NULL);
    g_string_free(flame_svg(tree, &(struct flame_svg_options){.scope = ""}), TRUE);
    calltree_free(tree);
    draw_heap(p);
    draw_calls(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    GError *error = NULL;
    struct profile *p = snapshot_parse(data, size, "fuzz", &error);
    g_assert((p == NULL) == (error != NULL));
    if (p)
        draw(p);
    profile_free(p);
    g_clear_error(&error);
    return 0;
}

#ifdef FUZZ_PLAIN
static bool write_seeds(const char *folder)
{
    char *foreign = g_build_filename(folder, "foreign.pb", NULL);
    char *own = g_build_filename(folder, "own.pb.gz", NULL);
    char *heap = g_build_filename(folder, "heap.pb.gz", NULL);
    char *calls = g_build_filename(folder, "calls.pb.gz", NULL);
    GByteArray *bytes = small_profile();
    struct profile *p = sample_profile(), *q = sample_profile(), *r = sample_profile();
    sample_heap(q);
    sample_calls(r);
    sample_heap(r);
    bool ok = g_file_set_contents(foreign, (const char *)bytes->data, bytes->len, NULL) &&
              snapshot_save(p, own, true, NULL) && snapshot_save(q, heap, true, NULL) &&
              snapshot_save(r, calls, true, NULL);
    profile_free(r);
    profile_free(q);
    profile_free(p);
    g_byte_array_unref(bytes);
    g_free(calls);
    g_free(heap);
    g_free(own);
    g_free(foreign);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
        return write_seeds(argv[2]) ? 0 : 1;
    for (int i = 1; i < argc; i++) {
        char *data;
        gsize size;
        if (!g_file_get_contents(argv[i], &data, &size, NULL)) {
            fprintf(stderr, "fuzz_snapshot: cannot read %s\n", argv[i]);
            return 1;
        }
        LLVMFuzzerTestOneInput((const uint8_t *)data, size);
        g_free(data);
    }
    return 0;
}
#endif

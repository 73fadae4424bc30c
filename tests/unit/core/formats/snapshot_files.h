/*
 * Snapshots in files of a folder that a test has for itself.
 */
#ifndef PROFTOP_TESTS_SNAPSHOT_FILES_H
#define PROFTOP_TESTS_SNAPSHOT_FILES_H

#include <unistd.h>

#include "core/formats/snapshot.h"

struct folder {
    char *path, *first, *second;
};

static inline int make_folder(void **state)
{
    struct folder *f = g_new0(struct folder, 1);
    f->path = g_dir_make_tmp("proftop-test-XXXXXX", NULL);
    f->first = g_build_filename(f->path, "a.pb.gz", NULL);
    f->second = g_build_filename(f->path, "b.pb.gz", NULL);
    *state = f;
    return f->path ? 0 : -1;
}

static inline int remove_folder(void **state)
{
    struct folder *f = *state;
    unlink(f->first);
    unlink(f->second);
    int result = rmdir(f->path); /* fails when anything was left behind */
    g_free(f->first);
    g_free(f->second);
    g_free(f->path);
    g_free(f);
    return result;
}

static inline void save(const struct profile *p, const char *path)
{
    GError *error = NULL;
    assert_true(snapshot_save(p, path, false, &error));
    assert_null(error);
}

static inline struct profile *load(const char *path)
{
    GError *error = NULL;
    struct profile *p = snapshot_load(path, &error);
    assert_null(error);
    assert_non_null(p);
    return p;
}

static inline void assert_same_content(const char *a, const char *b)
{
    char *data_a, *data_b;
    gsize size_a, size_b;
    assert_true(g_file_get_contents(a, &data_a, &size_a, NULL));
    assert_true(g_file_get_contents(b, &data_b, &size_b, NULL));
    assert_int_equal(size_a, size_b);
    assert_memory_equal(data_a, data_b, size_a);
    g_free(data_a);
    g_free(data_b);
}

#endif

/*
 * Folded stacks, from a walk through the tree that keeps the line of the path it is on.
 */
#include "core/formats/folded.h"

#include "core/base/text.h"

struct walk {
    const struct calltree *tree;
    const struct text_sink *sink;
    GString *path;  /* names so far */
    GArray *length; /* size_t: of the path at each depth */
    GError **error;
};

/* Names are clean in a profile, so a semicolon is all that could be mistaken. */
static void append_name(GString *path, const char *name)
{
    char *clean = text_clean(name);
    g_strdelimit(clean, ";", ':');
    if (path->len > 0)
        g_string_append_c(path, ';');
    g_string_append(path, *clean ? clean : "?");
    g_free(clean);
}

/* Makes the path end in that node: its parent is the last one or stands on the way to it. */
static void step_to(struct walk *w, const struct calltree_node *node)
{
    size_t length = g_array_index(w->length, size_t, node->depth - 1);
    g_string_truncate(w->path, length);
    append_name(w->path, profile_get_function(w->tree->profile, node->function)->name);
    g_array_set_size(w->length, node->depth);
    g_array_append_val(w->length, w->path->len);
}

static bool write_line(struct walk *w, int64_t weight)
{
    size_t length = w->path->len;
    g_string_append_printf(w->path, " %" G_GINT64_FORMAT "\n", weight);
    bool ok = w->sink->write(w->sink->arg, w->path->str, w->path->len, w->error);
    g_string_truncate(w->path, length);
    return ok;
}

/* The node behind this one in a walk that visits a node before what is below it. */
static uint32_t next_node(const struct calltree *tree, uint32_t id)
{
    uint32_t next = calltree_node(tree, id)->first_child;
    while (next == PROFILE_NONE && id != CALLTREE_ROOT) {
        next = calltree_node(tree, id)->next_sibling;
        id = calltree_node(tree, id)->parent;
    }
    return next;
}

static bool write_paths(struct walk *w)
{
    for (uint32_t id = next_node(w->tree, CALLTREE_ROOT); id != PROFILE_NONE;
         id = next_node(w->tree, id)) {
        step_to(w, calltree_node(w->tree, id));
        int64_t weight = calltree_self(w->tree, id).value;
        if (weight > 0 && !write_line(w, weight))
            return false;
    }
    return true;
}

bool folded_write(const struct calltree *tree, const struct text_sink *sink, GError **error)
{
    struct walk w = {.tree = tree,
                     .sink = sink,
                     .path = g_string_new(NULL),
                     .length = g_array_new(FALSE, FALSE, sizeof(size_t)),
                     .error = error};
    size_t nothing = 0;
    g_array_append_val(w.length, nothing);
    bool ok = write_paths(&w);
    g_array_unref(w.length);
    g_string_free(w.path, TRUE);
    return ok;
}

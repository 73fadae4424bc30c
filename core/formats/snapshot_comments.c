/*
 * Comments of a snapshot, both ways.
 *
 * Keys stand in one table with their writer and reader, so that neither can be forgotten. The order
 * of the table is the order in the file; the first key marks a file as proftop's.
 */
#include "core/formats/snapshot_comments.h"

#include <string.h>
#include <sys/wait.h>

#include "core/base/error.h"
#include "core/formats/comment_words.h"
#include "core/formats/snapshot_calls.h"
#include "core/formats/snapshot_heap.h"

static const char OUR_MARK[] = "proftop=1";
static const char FOREIGN_KEY[] = "comment=";

struct reading {
    struct profile *profile;
    GHashTable *kinds;
    GArray *parents; /* int64_t by process; -1 none; linked when all are known */
};

/* A field of struct profile_info that is a text or a number. */
struct info_key {
    const char *key;
    size_t offset;
    enum { INFO_TEXT, INFO_COUNT, INFO_RATE, INFO_REAL } kind;
};

#define INFO(name, kind)                                                                           \
    {                                                                                              \
#name "=", G_STRUCT_OFFSET(struct profile_info, name), kind                                \
    }
static const struct info_key info_keys[] = {
    INFO(command, INFO_TEXT),      INFO(host, INFO_TEXT),
    INFO(engine, INFO_TEXT),       INFO(rate_asked_hz, INFO_RATE),
    INFO(rate_real_hz, INFO_REAL), INFO(samples, INFO_COUNT),
    INFO(lost, INFO_COUNT),        INFO(truncated, INFO_COUNT),
    INFO(broken, INFO_COUNT),      INFO(front_end_cpu_ns, INFO_COUNT),
};

static const char *const kind_names[] = {
    [MODULE_FILE] = "file", [MODULE_KERNEL] = "kernel",   [MODULE_VDSO] = "vdso",
    [MODULE_JIT] = "jit",   [MODULE_SPECIAL] = "special",
};

static void write_info(const struct profile_info *info, const struct info_key *key,
                       GPtrArray *comments)
{
    char digits[G_ASCII_DTOSTR_BUF_SIZE];
    const char *field = (const char *)info + key->offset;
    const char *text = digits;
    switch (key->kind) {
    case INFO_TEXT:
        text = *(const char *const *)(const void *)field;
        break;
    case INFO_COUNT:
        g_snprintf(digits, sizeof digits, "%" G_GINT64_FORMAT,
                   *(const int64_t *)(const void *)field);
        break;
    case INFO_RATE:
        g_snprintf(digits, sizeof digits, "%u", *(const uint32_t *)(const void *)field);
        break;
    case INFO_REAL:
        g_ascii_dtostr(digits, sizeof digits, *(const double *)(const void *)field);
        break;
    }
    g_ptr_array_add(comments, g_strconcat(key->key, text, NULL));
}

static void write_attached(int pid, GPtrArray *comments)
{
    if (pid)
        g_ptr_array_add(comments, g_strdup_printf("attached=%d", pid));
}

static void write_exit(int status, GPtrArray *comments)
{
    if (status == -1)
        return;
    if (WIFEXITED(status))
        g_ptr_array_add(comments, g_strdup_printf("exit_code=%d", WEXITSTATUS(status)));
    else if (WIFSIGNALED(status))
        g_ptr_array_add(comments, g_strdup_printf("exit_signal=%d%s", WTERMSIG(status),
                                                  WCOREDUMP(status) ? " core" : ""));
}

static void write_process(const struct process *process, GPtrArray *comments)
{
    char parent[16] = "-";
    if (process->parent != PROFILE_NONE)
        g_snprintf(parent, sizeof parent, "%u", process->parent);
    g_ptr_array_add(comments, g_strdup_printf("process=%d %s %s %s", process->pid, parent,
                                              process->ended ? "ended" : "running", process->name));
    if (*process->coverage)
        g_ptr_array_add(comments, g_strconcat("coverage=", process->coverage, NULL));
}

static void write_thread(const struct thread *thread, GPtrArray *comments)
{
    g_ptr_array_add(comments, g_strdup_printf("thread=%d %u %s %s", thread->tid, thread->process,
                                              thread->ended ? "ended" : "running", thread->name));
}

void snapshot_comments_write(const struct profile *p, GPtrArray *comments)
{
    g_ptr_array_add(comments, g_strdup(OUR_MARK));
    for (size_t i = 0; i < G_N_ELEMENTS(info_keys); i++)
        write_info(&p->info, &info_keys[i], comments);
    write_attached(p->info.attached_pid, comments);
    write_exit(p->info.wait_status, comments);
    for (guint i = 0; i < p->notes->len; i++)
        g_ptr_array_add(comments, g_strconcat("note=", p->notes->pdata[i], NULL));
    for (guint i = 0; i < p->processes->len; i++)
        write_process(profile_get_process(p, i), comments);
    for (guint i = 0; i < p->threads->len; i++)
        write_thread(profile_get_thread(p, i), comments);
    snapshot_heap_write(p, comments);
    snapshot_calls_write(p, comments);
    for (guint i = 0; i < p->comments->len; i++)
        g_ptr_array_add(comments, g_strconcat(FOREIGN_KEY, p->comments->pdata[i], NULL));
}

char *snapshot_comments_module(uint64_t mapping_id, enum module_kind kind)
{
    return g_strdup_printf("module_kind=%" G_GUINT64_FORMAT " %s", mapping_id, kind_names[kind]);
}

/* Whether a process or thread has ended, then a blank; moves `*text` past it. */
static bool take_ended(const char **text, bool *ret_ended)
{
    static const char *const words[] = {"running", "ended"};
    unsigned word;
    if (!comment_take_word(text, words, G_N_ELEMENTS(words), &word))
        return false;
    *ret_ended = word == 1;
    return true;
}

static bool read_info(struct profile *p, const struct info_key *key, const char *text)
{
    char *field = (char *)&p->info + key->offset;
    int64_t number;
    switch (key->kind) {
    case INFO_TEXT:
        *(const char **)(void *)field = profile_text(p, text);
        return true;
    case INFO_COUNT:
        if (!comment_take_number(&text, 0, INT64_MAX, &number))
            return false;
        *(int64_t *)(void *)field = number;
        return true;
    case INFO_RATE:
        if (!comment_take_number(&text, 0, UINT32_MAX, &number))
            return false;
        *(uint32_t *)(void *)field = (uint32_t)number;
        return true;
    case INFO_REAL:
        *(double *)(void *)field = CLAMP(g_ascii_strtod(text, NULL), 0, 1e9);
        return true;
    }
    return false;
}

static bool read_any_info(struct reading *r, const char *text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(info_keys); i++) {
        const char *value = comment_value(text, info_keys[i].key);
        if (value)
            return read_info(r->profile, &info_keys[i], value);
    }
    return false;
}

static bool read_attached(struct reading *r, const char *text)
{
    int64_t pid;
    if (!comment_take_number(&text, 1, INT32_MAX, &pid))
        return false;
    r->profile->info.attached_pid = (int)pid;
    return true;
}

static bool read_exit_code(struct reading *r, const char *text)
{
    int64_t code;
    if (!comment_take_number(&text, 0, 255, &code))
        return false;
    r->profile->info.wait_status = W_EXITCODE((int)code, 0);
    return true;
}

static bool read_exit_signal(struct reading *r, const char *text)
{
    int64_t number;
    if (!comment_take_number(&text, 1, 126, &number))
        return false;
    r->profile->info.wait_status = (int)number | (strcmp(text, "core") == 0 ? WCOREFLAG : 0);
    return true;
}

static bool read_note(struct reading *r, const char *text)
{
    profile_note(r->profile, text);
    return true;
}

static bool read_process(struct reading *r, const char *text)
{
    int64_t pid, parent = -1;
    bool ended;
    if (!comment_take_number(&text, 0, INT32_MAX, &pid))
        return false;
    if (comment_value(text, "- "))
        text += 2;
    else if (!comment_take_number(&text, 0, UINT32_MAX - 1, &parent))
        return false;
    if (!take_ended(&text, &ended))
        return false;
    uint32_t id = profile_process_new(r->profile, (int)pid, PROFILE_NONE);
    profile_get_process(r->profile, id)->name = profile_text(r->profile, text);
    profile_get_process(r->profile, id)->ended = ended;
    g_array_append_val(r->parents, parent);
    return true;
}

static bool read_coverage(struct reading *r, const char *text)
{
    if (r->profile->processes->len == 0)
        return false;
    uint32_t last = r->profile->processes->len - 1;
    profile_get_process(r->profile, last)->coverage = profile_text(r->profile, text);
    return true;
}

static bool read_thread(struct reading *r, const char *text)
{
    int64_t tid, process;
    bool ended;
    if (!comment_take_number(&text, 0, INT32_MAX, &tid) ||
        !comment_take_number(&text, 0, (int64_t)r->profile->processes->len - 1, &process) ||
        !take_ended(&text, &ended))
        return false;
    uint32_t id = profile_thread(r->profile, (uint32_t)process, (int)tid);
    profile_get_thread(r->profile, id)->name = profile_text(r->profile, text);
    profile_get_thread(r->profile, id)->ended = ended;
    return true;
}

static bool read_module_kind(struct reading *r, const char *text)
{
    int64_t id;
    if (!comment_take_number(&text, 1, INT64_MAX, &id))
        return false;
    for (unsigned kind = 0; kind < G_N_ELEMENTS(kind_names); kind++)
        if (strcmp(text, kind_names[kind]) == 0) {
            g_hash_table_insert(r->kinds, GSIZE_TO_POINTER(id), GUINT_TO_POINTER(kind + 1));
            return true;
        }
    return false;
}

static bool read_foreign(struct reading *r, const char *text)
{
    g_ptr_array_add(r->profile->comments, (gpointer)profile_text(r->profile, text));
    return true;
}

static const struct {
    const char *key;
    bool (*read)(struct reading *r, const char *text);
} readers[] = {
    {"attached=", read_attached},       {"exit_code=", read_exit_code},
    {"exit_signal=", read_exit_signal}, {"note=", read_note},
    {"process=", read_process},         {"coverage=", read_coverage},
    {"thread=", read_thread},           {FOREIGN_KEY, read_foreign},
    {"module_kind=", read_module_kind},
};

static bool read_one(struct reading *r, const char *text)
{
    for (size_t i = 0; i < G_N_ELEMENTS(readers); i++) {
        const char *value = comment_value(text, readers[i].key);
        if (value)
            return readers[i].read(r, value);
    }
    return strcmp(text, OUR_MARK) == 0 || read_any_info(r, text) ||
           snapshot_heap_read(r->profile, text) || snapshot_calls_read(r->profile, text);
}

/*
 * Refuses circles: everything else follows parents upwards without a limit. Each process is walked
 * over once; `seen` tells the walk that met it.
 */
static bool has_cycle(const GArray *parents)
{
    guint n = parents->len;
    uint32_t *seen = g_new0(uint32_t, n + 1);
    bool cycle = false;
    for (uint32_t i = 0; i < n && !cycle; i++) {
        int64_t at = i;
        while (at >= 0 && at < n && seen[at] == 0) {
            seen[at] = i + 1;
            at = g_array_index(parents, int64_t, at);
        }
        cycle = at >= 0 && at < n && seen[at] == i + 1;
    }
    g_free(seen);
    return cycle;
}

static bool link_parents(struct reading *r, GError **error)
{
    if (has_cycle(r->parents)) {
        g_set_error(error, PROFTOP_ERROR, PROFTOP_ERROR_CORRUPT,
                    "a process in its comments is its own ancestor: damaged");
        return false;
    }
    for (uint32_t i = 0; i < r->parents->len; i++) {
        int64_t parent = g_array_index(r->parents, int64_t, i);
        if (parent >= 0 && parent < r->parents->len)
            profile_get_process(r->profile, i)->parent = (uint32_t)parent;
    }
    return true;
}

bool snapshot_comments_read(struct profile *profile, const GPtrArray *comments, GHashTable *kinds,
                            GError **error)
{
    bool ours = comments->len > 0 && strcmp(comments->pdata[0], OUR_MARK) == 0;
    struct reading r = {
        .profile = profile, .kinds = kinds, .parents = g_array_new(FALSE, FALSE, sizeof(int64_t))};
    for (guint i = 0; i < comments->len; i++)
        if (!ours || !read_one(&r, comments->pdata[i]))
            read_foreign(&r, comments->pdata[i]);
    bool ok = link_parents(&r, error);
    g_array_unref(r.parents);
    return ok;
}

GArray *snapshot_process_uses(const struct profile *p)
{
    GArray *uses = g_array_new(FALSE, FALSE, sizeof(uint32_t));
    GHashTable *count = g_hash_table_new(g_direct_hash, g_direct_equal);
    for (guint i = 0; i < p->processes->len; i++) {
        gpointer pid = GINT_TO_POINTER(profile_get_process(p, i)->pid);
        uint32_t use = GPOINTER_TO_UINT(g_hash_table_lookup(count, pid)) + 1;
        g_hash_table_insert(count, pid, GUINT_TO_POINTER(use));
        g_array_append_val(uses, use);
    }
    g_hash_table_unref(count);
    return uses;
}

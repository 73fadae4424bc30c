/*
 * From events to the profile.
 *
 * Each process has its address map and an unwinder over it, from its fork (a copy of the parent's)
 * or exec (empty) to its end. The files it maps are opened at once, while the process still has
 * them, and shared by (device, inode, path).
 */
#include "core/session/ingest.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "core/base/eh_frame_table.h"
#include "core/symbols/demangle.h"
#include "core/symbols/symbol_worker.h"
#include "core/wire/wire.h"

_Static_assert((int)UNWIND_FRAMES_MAX == (int)PROFILE_USER_FRAMES_MAX, "a walk fits into a stack");

enum { VDSO_BYTES_MOST = 2 * 4096, JIT_CHECK_NS = 1000000000 };

/* A process as the kernel's events describe it. */
struct tracked {
    int pid;
    uint32_t process; /* in the profile */
    GHashTable *tids; /* of threads that were told to begin and not to end */
    struct address_map *map;
    struct unwinder *unwinder; /* made at the first sample */
    uint32_t jit_module;       /* PROFILE_NONE until code without a file was seen */
    int64_t jit_checked_ns;
};

/* A mapped file, and its module in the profile. */
struct mapped_file {
    struct elf_file *elf; /* NULL: could not be read */
    uint32_t module;
};

struct ingest {
    struct profile *profile;
    pthread_mutex_t *lock;
    GHashTable *tracked;      /* pid -> struct tracked */
    GHashTable *files;        /* "device:inode:path" -> struct mapped_file */
    GPtrArray *elf_of_module; /* by module id: struct elf_file, borrowed from files, or NULL */
    struct symbol_worker *symbols;
    GHashTable *entry_frames;      /* by "module:address": frame of a function's entry */
    GHashTable *is_entry;          /* set of those frames */
    ingest_get_hijack *get_hijack; /* NULL: return addresses are never changed */
    void *hijack_data;
    uint32_t kernel_module;
    uint32_t mark_truncated, mark_broken, mark_unknown, mark_proftop;
    int64_t cpu_ns, unsampled_ns, collector_ns;
};

static void tracked_free(gpointer data)
{
    struct tracked *t = data;
    unwinder_free(t->unwinder);
    address_map_free(t->map);
    g_hash_table_unref(t->tids);
    g_free(t);
}

static void mapped_file_free(gpointer data)
{
    struct mapped_file *file = data;
    elf_file_unref(file->elf);
    g_free(file);
}

/* ---- symbols ---- */

static uint32_t intern_symbol(struct profile *profile, uint32_t module,
                              const struct symbol_line *symbol)
{
    char *brief = demangle_brief(symbol->name);
    uint32_t function =
        profile_function(profile, &(struct function_spec){.module = module,
                                                          .linkage = symbol->linkage,
                                                          .name = symbol->name,
                                                          .brief = brief,
                                                          .file = symbol->file,
                                                          .decl_line = symbol->decl_line});
    g_free(brief);
    return function;
}

/* First address of the function that a nameless address belongs to, 0 when that is unknown too. */
static uint64_t nameless_start(const struct ingest *ingest, const struct frame *frame)
{
    uint64_t start = 0;
    const struct elf_file *elf = frame->module < ingest->elf_of_module->len
                                     ? g_ptr_array_index(ingest->elf_of_module, frame->module)
                                     : NULL;
    if (elf)
        eh_frame_table_function(elf, frame->address, &start);
    return start;
}

/* The symbol worker's result. Context: its thread. */
static void symbols_done(void *arg, uint32_t frame, const struct symbol_line *symbols, size_t n)
{
    struct ingest *ingest = arg;
    struct line lines[SYMBOL_LINES_MAX];
    n = MIN(n, (size_t)SYMBOL_LINES_MAX);
    pthread_mutex_lock(ingest->lock);
    struct frame f = *profile_get_frame(ingest->profile, frame);
    if (n > 1 && g_hash_table_contains(ingest->is_entry, GUINT_TO_POINTER(frame))) {
        symbols += n - 1; /* of what is inlined there nobody speaks: the function itself */
        n = 1;
    }
    for (size_t i = 0; i < n; i++)
        lines[i] = (struct line){.function = intern_symbol(ingest->profile, f.module, &symbols[i]),
                                 .line = symbols[i].line};
    profile_resolve(ingest->profile, frame, lines, n, n ? 0 : nameless_start(ingest, &f));
    pthread_mutex_unlock(ingest->lock);
}

static void request_symbol(struct ingest *ingest, const struct tracked *t, uint32_t frame)
{
    const struct frame *f = profile_get_frame(ingest->profile, frame);
    const struct module *module = profile_get_module(ingest->profile, f->module);
    struct symbol_request request = {
        .frame = frame, .kind = SYMBOL_ELF, .pid = t->pid, .address = f->address};
    if (module->kind == MODULE_KERNEL)
        request.kind = SYMBOL_KERNEL;
    else if (module->kind == MODULE_JIT)
        request.kind = SYMBOL_JIT;
    else
        request.elf = g_ptr_array_index(ingest->elf_of_module, f->module);
    if (request.kind != SYMBOL_ELF || request.elf)
        symbol_worker_submit(ingest->symbols, &request);
    else
        profile_resolve(ingest->profile, frame, NULL, 0, 0);
}

/* ---- frames ---- */

static uint32_t frame_of(struct ingest *ingest, const struct tracked *t, uint32_t module,
                         uint64_t address)
{
    uint32_t n_known = ingest->profile->frames->len;
    uint32_t frame = profile_frame(ingest->profile, module, address);
    if (frame == n_known)
        request_symbol(ingest, t, frame);
    return frame;
}

/*
 * The module for code without a file. A JIT compiler that names its code does so in
 * /tmp/perf-PID.map, which may appear at any time.
 */
static uint32_t jit_module(struct ingest *ingest, struct tracked *t, int64_t time_ns)
{
    if (t->jit_module != PROFILE_NONE && time_ns - t->jit_checked_ns < JIT_CHECK_NS)
        return t->jit_module;
    char *map = g_strdup_printf("/tmp/perf-%d.map", t->pid);
    char *seen_here = g_strdup_printf("/proc/%d/root%s", t->pid, map);
    bool named = access(seen_here, F_OK) == 0 || access(map, F_OK) == 0;
    t->jit_module = profile_module(ingest->profile, named ? map : "[anon]", NULL, MODULE_JIT);
    t->jit_checked_ns = time_ns;
    g_free(seen_here);
    g_free(map);
    return t->jit_module;
}

static uint32_t user_frame(struct ingest *ingest, struct tracked *t, uint64_t pc, int64_t time_ns)
{
    const struct mapping *m = address_map_find(t->map, pc);
    uint64_t address;
    if (m && mapping_vaddr(m, pc, &address))
        return frame_of(ingest, t, m->module, address);
    if (m && m->module != PROFILE_NONE)
        return frame_of(ingest, t, m->module, pc - m->start + m->file_offset);
    return frame_of(ingest, t, jit_module(ingest, t, time_ns), pc);
}

/* ---- samples ---- */

static struct tracked *track(struct ingest *ingest, int pid)
{
    struct tracked *t = g_hash_table_lookup(ingest->tracked, GINT_TO_POINTER(pid));
    if (t)
        return t;
    t = g_new0(struct tracked, 1);
    t->pid = pid;
    t->process = profile_process(ingest->profile, pid);
    t->map = address_map_new();
    t->tids = g_hash_table_new(NULL, NULL);
    g_hash_table_add(t->tids, GINT_TO_POINTER(pid));
    t->jit_module = PROFILE_NONE;
    profile_thread(ingest->profile, t->process, pid);
    g_hash_table_insert(ingest->tracked, GINT_TO_POINTER(pid), t);
    return t;
}

static size_t add_kernel_frames(struct ingest *ingest, const struct tracked *t,
                                const struct ingest_sample *s, uint32_t *frames)
{
    size_t n = MIN(s->n_kernel, (size_t)PROFILE_KERNEL_FRAMES_MAX);
    for (size_t i = 0; i < n; i++)
        frames[i] = frame_of(ingest, t, ingest->kernel_module, s->kernel_chain[i] - (i > 0));
    return n;
}

/* Why a stack does not reach its root, as its outermost frame; PROFILE_NONE when it does. */
static uint32_t end_mark(struct ingest *ingest, enum unwind_end end)
{
    struct profile_info *info = &ingest->profile->info;
    if (end == UNWIND_ROOT)
        return PROFILE_NONE;
    if (end == UNWIND_BROKEN) {
        info->broken++;
        return ingest->mark_broken;
    }
    info->truncated++;
    return ingest->mark_truncated;
}

bool ingest_is_collector(const struct profile *profile, uint32_t frame)
{
    uint32_t module = profile_get_frame(profile, frame)->module;
    const char *name = profile_get_module(profile, module)->name;
    return strcmp(name, "libproftop.so") == 0 ||
           g_str_has_prefix(name, "memfd:" WIRE_SEGMENT_NAME); /* code that it has written */
}

/* The collector's functions are no part of the program: what they do themselves is one mark, and
 * between a function and what it has called through a hook they are left out. */
static size_t add_user_frames(struct ingest *ingest, struct tracked *t,
                              const struct unwind_result *walked, int64_t time_ns, uint32_t *frames)
{
    size_t n = 0;
    for (size_t i = 0; i < walked->n; i++) {
        uint32_t frame = user_frame(ingest, t, walked->pc[i], time_ns);
        if (!ingest_is_collector(ingest->profile, frame))
            frames[n++] = frame;
        else if (n == 0)
            frames[n++] = ingest->mark_proftop;
    }
    uint32_t mark = end_mark(ingest, walked->end);
    if (mark != PROFILE_NONE)
        frames[n++] = mark;
    return n;
}

void ingest_sample(struct ingest *ingest, const struct ingest_sample *s)
{
    uint32_t frames[PROFILE_DEPTH_MAX];
    struct unwind_result walked = {0};
    pthread_mutex_lock(ingest->lock);
    struct tracked *t = track(ingest, s->pid);
    pthread_mutex_unlock(ingest->lock);
    if (s->has_user) {
        if (!t->unwinder)
            t->unwinder = unwinder_new(t->map);
        struct unwind_input user = s->user;
        if (ingest->get_hijack)
            ingest->get_hijack(ingest->hijack_data, s->pid, s->tid, &user.hijack);
        unwinder_walk(t->unwinder, (uint32_t)s->tid, &user, &walked);
    }
    if (s->ret_unmapped && walked.unmapped) {
        *s->ret_unmapped = walked.unmapped;
        return;
    }
    pthread_mutex_lock(ingest->lock);
    size_t n_kernel = add_kernel_frames(ingest, t, s, frames), n = n_kernel;
    if (s->has_user)
        n += add_user_frames(ingest, t, &walked, s->time_ns, frames + n);
    if (n == 0) { /* the kernel gave neither registers nor a chain */
        frames[n++] = ingest->mark_unknown;
        ingest->profile->info.broken++;
    }
    uint32_t stack = profile_stack(ingest->profile, frames, n);
    uint32_t thread = profile_thread(ingest->profile, t->process, s->tid);
    profile_add(ingest->profile, stack, thread, s->time_ns, (int64_t[]){1, s->weight_ns});
    ingest->profile->info.samples++;
    ingest->cpu_ns += s->weight_ns;
    if (n > n_kernel && frames[n_kernel] == ingest->mark_proftop)
        ingest->collector_ns += s->weight_ns;
    pthread_mutex_unlock(ingest->lock);
}

/* ---- maps and processes ---- */

/* A file that was deleted while it is mapped: the kernel still has it. */
static struct elf_file *open_deleted(const struct ingest_mmap *map)
{
    char *links[] = {g_strdup_printf("/proc/%d/map_files/%" G_GINT64_MODIFIER
                                     "x-%" G_GINT64_MODIFIER "x",
                                     map->pid, map->start, map->start + map->size),
                     g_strdup_printf("/proc/%d/exe", map->pid)};
    struct elf_file *elf = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
        if (!elf)
            elf = elf_file_open_link(links[i], map->path, map->device, map->inode, NULL);
        g_free(links[i]);
    }
    return elf;
}

static struct elf_file *open_elf(const struct ingest_mmap *map)
{
    if (strcmp(map->path, "[vdso]") == 0)
        return elf_file_from_memory((const void *)getauxval(AT_SYSINFO_EHDR), VDSO_BYTES_MOST,
                                    map->path);
    if (map->path[0] != '/' || map->path[1] == '/')
        return NULL;
    struct elf_file *elf = elf_file_open(map->pid, map->path, map->device, map->inode, NULL);
    /* The process may have ended meanwhile; the inode tells whether our path is the same file. */
    if (!elf)
        elf = elf_file_open(getpid(), map->path, map->device, map->inode, NULL);
    return !elf && g_str_has_suffix(map->path, " (deleted)") ? open_deleted(map) : elf;
}

static char *build_id_hex(const struct elf_file *elf)
{
    GString *hex = g_string_new(NULL);
    for (size_t i = 0; elf && i < elf->build_id_size; i++)
        g_string_append_printf(hex, "%02x", elf->build_id[i]);
    return g_string_free(hex, FALSE);
}

static struct mapped_file *open_mapped_file(struct ingest *ingest, const struct ingest_mmap *map)
{
    struct mapped_file *file = g_new0(struct mapped_file, 1);
    file->elf = open_elf(map);
    bool vdso = map->path[0] == '[';
    char *build_id = build_id_hex(file->elf);
    pthread_mutex_lock(ingest->lock);
    file->module =
        profile_module(ingest->profile, map->path, build_id, vdso ? MODULE_VDSO : MODULE_FILE);
    if (file->module >= ingest->elf_of_module->len)
        g_ptr_array_set_size(ingest->elf_of_module, (gint)file->module + 1);
    if (!g_ptr_array_index(ingest->elf_of_module, file->module))
        g_ptr_array_index(ingest->elf_of_module, file->module) = file->elf;
    pthread_mutex_unlock(ingest->lock);
    g_free(build_id);
    return file;
}

static const struct mapped_file *mapped_file(struct ingest *ingest, const struct ingest_mmap *map)
{
    char *key = g_strdup_printf("%" G_GUINT64_FORMAT ":%" G_GUINT64_FORMAT ":%s", map->device,
                                map->inode, map->path);
    struct mapped_file *file = g_hash_table_lookup(ingest->files, key);
    if (file) {
        g_free(key);
        return file;
    }
    file = open_mapped_file(ingest, map);
    g_hash_table_insert(ingest->files, key, file);
    return file;
}

uint32_t ingest_file(struct ingest *ingest, const struct ingest_mmap *map)
{
    return mapped_file(ingest, map)->module;
}

size_t ingest_build_id(const struct ingest *ingest, uint32_t module, uint8_t *ret_id, size_t size)
{
    const struct elf_file *elf = module < ingest->elf_of_module->len
                                     ? g_ptr_array_index(ingest->elf_of_module, module)
                                     : NULL;
    size_t n = elf ? MIN(size, elf->build_id_size) : 0;
    if (n)
        memcpy(ret_id, elf->build_id, n);
    return n;
}

uint32_t ingest_frame(struct ingest *ingest, int pid, uint32_t module, uint64_t address)
{
    struct tracked nobody = {.pid = pid, .jit_module = PROFILE_NONE};
    struct tracked *t = g_hash_table_lookup(ingest->tracked, GINT_TO_POINTER(pid));
    if (!t)
        t = &nobody;
    if (module == PROFILE_NONE)
        module = jit_module(ingest, t, g_get_monotonic_time() * 1000);
    return frame_of(ingest, t, module, address);
}

uint32_t ingest_entry_frame(struct ingest *ingest, int pid, uint32_t module, uint64_t address)
{
    struct tracked nobody = {.pid = pid, .jit_module = PROFILE_NONE};
    char *key;
    gpointer found;
    if (module == PROFILE_NONE)
        return ingest_frame(ingest, pid, module, address);
    key = g_strdup_printf("%u:%" G_GINT64_MODIFIER "x", module, address);
    if (g_hash_table_lookup_extended(ingest->entry_frames, key, NULL, &found)) {
        g_free(key);
        return GPOINTER_TO_UINT(found);
    }
    uint32_t frame = profile_frame_unique(ingest->profile, module, address);
    g_hash_table_insert(ingest->entry_frames, key, GUINT_TO_POINTER(frame));
    g_hash_table_add(ingest->is_entry, GUINT_TO_POINTER(frame));
    request_symbol(ingest, &nobody, frame);
    return frame;
}

struct profile *ingest_lock(struct ingest *ingest)
{
    pthread_mutex_lock(ingest->lock);
    return ingest->profile;
}

void ingest_unlock(struct ingest *ingest)
{
    pthread_mutex_unlock(ingest->lock);
}

/* Memory that has no file behind it, or none with code to read: named by perf maps, if at all. */
static bool is_anonymous(const struct ingest_mmap *map)
{
    return strcmp(map->path, "[vdso]") != 0 && (map->path[0] != '/' || map->path[1] == '/');
}

void ingest_map(struct ingest *ingest, const struct ingest_mmap *map)
{
    if (map->size == 0 || map->start + map->size <= map->start)
        return;
    pthread_mutex_lock(ingest->lock);
    struct tracked *t = track(ingest, map->pid);
    pthread_mutex_unlock(ingest->lock);
    struct mapping m = {.start = map->start,
                        .end = map->start + map->size,
                        .file_offset = map->file_offset,
                        .module = PROFILE_NONE};
    if (!is_anonymous(map)) {
        const struct mapped_file *file = mapped_file(ingest, map);
        m.elf = file->elf;
        m.module = file->module;
    }
    address_map_insert(t->map, &m);
}

void ingest_unmap_all(struct ingest *ingest, int pid)
{
    pthread_mutex_lock(ingest->lock);
    struct tracked *t = track(ingest, pid);
    pthread_mutex_unlock(ingest->lock);
    address_map_clear(t->map);
}

void ingest_fork(struct ingest *ingest, int pid, int parent_pid, int tid)
{
    pthread_mutex_lock(ingest->lock);
    struct tracked *parent = track(ingest, parent_pid);
    if (pid == parent_pid) {
        g_hash_table_add(parent->tids, GINT_TO_POINTER(tid));
        uint32_t thread = profile_thread(ingest->profile, parent->process, tid);
        profile_get_thread(ingest->profile, thread)->ended = false; /* an earlier one of that tid */
    } else {
        g_hash_table_remove(ingest->tracked, GINT_TO_POINTER(pid)); /* an earlier one of that pid */
        profile_process_new(ingest->profile, pid, parent->process);
        struct tracked *child = track(ingest, pid);
        address_map_free(child->map);
        child->map = address_map_copy(parent->map);
    }
    pthread_mutex_unlock(ingest->lock);
}

void ingest_exit(struct ingest *ingest, int pid, int tid)
{
    pthread_mutex_lock(ingest->lock);
    struct tracked *t = g_hash_table_lookup(ingest->tracked, GINT_TO_POINTER(pid));
    if (t) {
        uint32_t thread = profile_thread(ingest->profile, t->process, tid);
        profile_get_thread(ingest->profile, thread)->ended = true;
        g_hash_table_remove(t->tids, GINT_TO_POINTER(tid));
        if (g_hash_table_size(t->tids) == 0) {
            profile_get_process(ingest->profile, t->process)->ended = true;
            g_hash_table_remove(ingest->tracked, GINT_TO_POINTER(pid));
        }
    }
    pthread_mutex_unlock(ingest->lock);
}

/* exec: the other threads are gone, and so is everything that was mapped. The one that executed is
 * the first from now on, and nothing was told of the end of its old number. */
static void new_image(struct ingest *ingest, struct tracked *t)
{
    unwinder_free(t->unwinder);
    t->unwinder = NULL;
    address_map_clear(t->map);
    t->jit_module = PROFILE_NONE;
    GHashTableIter at;
    gpointer tid;
    g_hash_table_iter_init(&at, t->tids);
    while (g_hash_table_iter_next(&at, &tid, NULL)) {
        uint32_t thread = profile_thread(ingest->profile, t->process, GPOINTER_TO_INT(tid));
        profile_get_thread(ingest->profile, thread)->ended = true;
    }
    g_hash_table_remove_all(t->tids);
    g_hash_table_add(t->tids, GINT_TO_POINTER(t->pid));
    uint32_t first = profile_thread(ingest->profile, t->process, t->pid);
    profile_get_thread(ingest->profile, first)->ended = false;
}

void ingest_name(struct ingest *ingest, int pid, int tid, const char *name, bool exec)
{
    pthread_mutex_lock(ingest->lock);
    struct profile *profile = ingest->profile;
    struct tracked *t = track(ingest, pid);
    if (exec)
        new_image(ingest, t);
    const char *text = profile_text(profile, name);
    profile_get_thread(profile, profile_thread(profile, t->process, tid))->name = text;
    if (pid == tid)
        profile_get_process(profile, t->process)->name = text;
    pthread_mutex_unlock(ingest->lock);
}

/* What a process's threads used that nobody can be asked about any more. */
static uint32_t ended_threads(struct profile *profile, uint32_t process)
{
    uint32_t thread = profile_thread(profile, process, 0);
    profile_get_thread(profile, thread)->name = profile_text(profile, PROFILE_MARK_NOT_SAMPLED);
    profile_get_thread(profile, thread)->ended = true;
    return thread;
}

/* Where time goes whose owner nobody knows: with one process there is no doubt. */
static uint32_t nobodys_thread(struct profile *profile)
{
    if (profile->processes->len == 1)
        return profile_thread(profile, 0, profile_get_process(profile, 0)->pid);
    uint32_t process = profile_process(profile, 0);
    profile_get_process(profile, process)->name = profile_text(profile, PROFILE_MARK_NOT_SAMPLED);
    profile_get_process(profile, process)->ended = true;
    return ended_threads(profile, process);
}

static uint32_t thread_of_time(struct ingest *ingest, const struct ingest_time *time)
{
    if (time->pid == 0)
        return nobodys_thread(ingest->profile);
    uint32_t process = track(ingest, time->pid)->process;
    return time->tid ? profile_thread(ingest->profile, process, time->tid)
                     : ended_threads(ingest->profile, process);
}

void ingest_unsampled(struct ingest *ingest, const struct ingest_time *unsampled)
{
    pthread_mutex_lock(ingest->lock);
    struct profile *profile = ingest->profile;
    uint32_t frame = profile_mark(profile, PROFILE_MARK_NOT_SAMPLED);
    uint32_t thread = thread_of_time(ingest, unsampled);
    profile_add(profile, profile_stack(profile, &frame, 1), thread, unsampled->time_ns,
                (int64_t[]){0, unsampled->cpu_ns});
    ingest->cpu_ns += unsampled->cpu_ns;
    ingest->unsampled_ns += unsampled->cpu_ns;
    pthread_mutex_unlock(ingest->lock);
}

void ingest_note(struct ingest *ingest, const char *note)
{
    pthread_mutex_lock(ingest->lock);
    profile_note(ingest->profile, note);
    pthread_mutex_unlock(ingest->lock);
}

void ingest_lost(struct ingest *ingest, int64_t records)
{
    pthread_mutex_lock(ingest->lock);
    ingest->profile->info.lost += records;
    pthread_mutex_unlock(ingest->lock);
}

struct ingest *ingest_new(struct profile *profile, pthread_mutex_t *lock)
{
    struct ingest *ingest = g_new0(struct ingest, 1);
    ingest->profile = profile;
    ingest->lock = lock;
    ingest->tracked = g_hash_table_new_full(NULL, NULL, NULL, tracked_free);
    ingest->files = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, mapped_file_free);
    ingest->elf_of_module = g_ptr_array_new();
    ingest->entry_frames = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ingest->is_entry = g_hash_table_new(NULL, NULL);
    ingest->symbols = symbol_worker_new(symbols_done, ingest);
    ingest->kernel_module = profile_module(profile, "[kernel]", NULL, MODULE_KERNEL);
    ingest->mark_truncated = profile_mark(profile, PROFILE_MARK_TRUNCATED);
    ingest->mark_broken = profile_mark(profile, PROFILE_MARK_BROKEN);
    ingest->mark_unknown = profile_mark(profile, PROFILE_MARK_UNKNOWN);
    ingest->mark_proftop = profile_mark(profile, PROFILE_MARK_PROFTOP);
    g_ptr_array_set_size(ingest->elf_of_module, (gint)profile->modules->len);
    return ingest;
}

void ingest_free(struct ingest *ingest)
{
    if (!ingest)
        return;
    symbol_worker_free(ingest->symbols);
    g_hash_table_unref(ingest->tracked);
    g_hash_table_unref(ingest->files);
    g_ptr_array_unref(ingest->elf_of_module);
    g_hash_table_unref(ingest->entry_frames);
    g_hash_table_unref(ingest->is_entry);
    g_free(ingest);
}

void ingest_set_hijack(struct ingest *ingest, ingest_get_hijack *get, void *data)
{
    ingest->get_hijack = get;
    ingest->hijack_data = data;
}

size_t ingest_symbols_pending(const struct ingest *ingest)
{
    return symbol_worker_pending(ingest->symbols);
}

void ingest_wait_symbols(struct ingest *ingest, int timeout_ms)
{
    symbol_worker_wait_idle(ingest->symbols, timeout_ms);
}

int64_t ingest_collector_ns(const struct ingest *ingest)
{
    return ingest->collector_ns;
}

int64_t ingest_cpu_ns(const struct ingest *ingest)
{
    return ingest->cpu_ns;
}

int64_t ingest_unsampled_ns(const struct ingest *ingest)
{
    return ingest->unsampled_ns;
}

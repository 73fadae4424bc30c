/*
 * See segment_modules.h. A module is known by the address of its struct link_map, which is its own
 * for as long as it is loaded. Who finds a module first takes the next entry by an exchange of its
 * key; others that come meanwhile use the number already. Records are published in order of their
 * numbers, by whoever sees that the next one is written.
 */
#include "collectors/target/segment_modules.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "collectors/target/mapped_file.h"

void segment_modules_init(struct segment_modules *modules, uint32_t *n_written,
                          struct wire_module *table)
{
    modules->n_written = n_written;
    modules->table = table;
    modules->modules[0].is_written = 1;
    if (*n_written == 0)
        __atomic_store_n(n_written, 1, __ATOMIC_RELEASE);
}

static uint64_t hash_of(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * UINT64_C(0x100000001b3);
    return hash;
}

static const char *name_of(const struct link_map *map)
{
    return map->l_name ? map->l_name : "";
}

/* Looks for the build id among the notes at `from`. */
static bool read_notes(uintptr_t from, uintptr_t to, struct wire_module *record)
{
    while (to - from >= sizeof(ElfW(Nhdr))) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)from;
        size_t left = to - from - sizeof *note;
        size_t name = ((size_t)note->n_namesz + 3) & ~(size_t)3;
        size_t desc = ((size_t)note->n_descsz + 3) & ~(size_t)3;
        if (name > left || desc > left - name)
            return false;
        const char *text = (const char *)(note + 1);
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && !memcmp(text, "GNU", 4)) {
            size_t n = sizeof record->build_id;
            record->build_id_size = note->n_descsz < n ? note->n_descsz : n;
            memcpy(record->build_id, text + name, record->build_id_size);
            return true;
        }
        from += sizeof *note + name + desc;
    }
    return false;
}

static void read_build_id(const struct mapped_file *file, struct wire_module *record)
{
    for (uint32_t i = 0; i < file->n_headers; i++) {
        const ElfW(Phdr) *header = &file->headers[i];
        uintptr_t at = file->bias + header->p_vaddr;
        struct mapped_range segment = mapped_file_segment(file, at);
        if (header->p_type == PT_NOTE && at % 4 == 0 &&
            mapped_range_has(&segment, at, header->p_filesz) &&
            read_notes(at, at + header->p_filesz, record))
            return;
    }
}

/* May be written more than once, with the same bytes each time. In place: the stacks of coroutines
 * have no room for a copy. */
static void write_record(struct wire_module *record, const struct dl_find_object *found)
{
    const char *name = name_of(found->dlfo_link_map);
    struct mapped_file file;
    mapped_file_init(&file, found);
    record->start = file.start;
    record->end = file.end;
    record->bias = file.bias;
    size_t length = strnlen(name, sizeof record->path);
    if (length < sizeof record->path)
        memcpy(record->path, name, length);
    read_build_id(&file, record);
}

/* Moves the published number on over all records that are written. */
static void publish(struct segment_modules *modules)
{
    uint32_t n = __atomic_load_n(modules->n_written, __ATOMIC_ACQUIRE);
    while (n < WIRE_MODULES && __atomic_load_n(&modules->modules[n].is_written, __ATOMIC_SEQ_CST)) {
        if (__atomic_compare_exchange_n(modules->n_written, &n, n + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_ACQUIRE))
            n++;
    }
}

/* An entry counts no longer; who says so first makes all that is remembered of it count no more. */
static void bury(struct segment_modules *modules, struct segment_module *module, uintptr_t key)
{
    if (__atomic_compare_exchange_n(&module->key, &key, key | SEGMENT_MODULE_GONE, false,
                                    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        __atomic_fetch_add(&modules->generation, 1, __ATOMIC_ACQ_REL);
}

static uintptr_t start_of(const struct dl_find_object *found)
{
    struct mapped_file file;
    mapped_file_init(&file, found);
    return file.start;
}

/* Whether the entry of a key is for what was found, and not for one that had been at the same place
 * and went unnoticed, closed by libc itself. */
static bool is_same(const struct segment_module *module, const struct dl_find_object *found)
{
    uintptr_t start = __atomic_load_n(&module->start, __ATOMIC_ACQUIRE);
    return start == 0 ||
           (start == start_of(found) && module->name == hash_of(name_of(found->dlfo_link_map)));
}

/* What is said of the program differs with the address, so it is asked for that of its start. */
static void keep_layout(struct segment_module *module, uintptr_t start)
{
    struct dl_find_object found;
    if (!mapped_file_find(start, &found))
        return;
    module->from = (uintptr_t)found.dlfo_map_start;
    module->to = (uintptr_t)found.dlfo_map_end;
    module->eh_frame = (uintptr_t)found.dlfo_eh_frame;
}

/* Whether the module of a key is still there, as far as can be told without a look at what another
 * thread may be closing. */
static bool is_there(const struct segment_module *module, uintptr_t start, uintptr_t key)
{
    struct dl_find_object found;
    return mapped_file_find(start, &found) && (uintptr_t)found.dlfo_link_map == key &&
           (uintptr_t)found.dlfo_map_start == module->from &&
           (uintptr_t)found.dlfo_map_end == module->to &&
           (uintptr_t)found.dlfo_eh_frame == module->eh_frame;
}

static void enter(struct segment_modules *modules, uint32_t i, const struct dl_find_object *found)
{
    struct segment_module *module = &modules->modules[i];
    uintptr_t start = start_of(found);
    module->name = hash_of(name_of(found->dlfo_link_map));
    keep_layout(module, start);
    __atomic_store_n(&module->start, start, __ATOMIC_RELEASE);
    write_record(&modules->table[i], found);
    __atomic_store_n(&module->is_written, 1, __ATOMIC_SEQ_CST);
    publish(modules);
}

uint32_t segment_modules_number(struct segment_modules *modules, const struct dl_find_object *found)
{
    uintptr_t wanted = (uintptr_t)found->dlfo_link_map;
    for (uint32_t i = 1; wanted && i < WIRE_MODULES; i++) {
        struct segment_module *module = &modules->modules[i];
        uintptr_t key = __atomic_load_n(&module->key, __ATOMIC_ACQUIRE);
        if (key == 0 && __atomic_compare_exchange_n(&module->key, &key, wanted, false,
                                                    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            enter(modules, i, found);
            return i;
        }
        if (key == wanted && is_same(module, found)) {
            /* a signal handler may have left the one who was at it for good */
            if (!__atomic_load_n(&module->is_written, __ATOMIC_ACQUIRE))
                enter(modules, i, found);
            return i;
        }
        if (key == wanted)
            bury(modules, module, key);
    }
    return 0;
}

void segment_modules_check(struct segment_modules *modules)
{
    uint32_t i;
    for (i = 1; i < WIRE_MODULES; i++) {
        struct segment_module *module = &modules->modules[i];
        uintptr_t key = __atomic_load_n(&module->key, __ATOMIC_ACQUIRE);
        uintptr_t start = __atomic_load_n(&module->start, __ATOMIC_ACQUIRE);
        if (key == 0)
            return;
        if (key & SEGMENT_MODULE_GONE || start == 0)
            continue;
        if (!is_there(module, start, key))
            bury(modules, module, key);
    }
    /* there may have been some that had no room in the table */
    if (i == WIRE_MODULES)
        __atomic_fetch_add(&modules->generation, 1, __ATOMIC_ACQ_REL);
}

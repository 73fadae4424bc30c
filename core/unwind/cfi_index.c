/*
 * Finding unwind information; see cfi_index.h. Sections are read with libelf, which also inflates
 * compressed ones.
 */
#include "core/unwind/cfi_index.h"

#include <gelf.h>
#include <string.h>

#include "core/base/eh_frame_table.h"

enum { ENTRIES_MAX = 1 << 20 };

static const uint64_t SECTION_BYTES_MAX = 256 << 20;

/* One FDE of a section without a table. */
struct place {
    uint64_t start, end;
    uint64_t address; /* of the FDE in its source */
    bool is_debug_frame;
};

struct cfi_index {
    struct elf_file *file;
    struct cfi_source eh_frame, debug_frame;
    uint8_t *debug_frame_bytes;
    GArray *places; /* NULL until it was needed; sorted by start */
};

struct cfi_index *cfi_index_new(struct elf_file *file)
{
    struct cfi_index *index = g_new0(struct cfi_index, 1);
    index->file = elf_file_ref(file);
    index->eh_frame.file = file;
    index->debug_frame.is_debug_frame = true;
    return index;
}

void cfi_index_free(struct cfi_index *index)
{
    if (!index)
        return;
    if (index->places)
        g_array_free(index->places, TRUE);
    g_free(index->debug_frame_bytes);
    elf_file_unref(index->file);
    g_free(index);
}

/* ---- the index of what has no table ---- */

static void add_places(struct cfi_index *index, const struct cfi_source *source, uint64_t begin,
                       uint64_t end)
{
    struct cfi_entry entry;
    uint64_t next;
    for (uint64_t at = begin; at < end && index->places->len < ENTRIES_MAX; at = next) {
        enum cfi_record kind = cfi_read(source, at, &entry, &next);
        if (kind == CFI_END)
            return;
        if (kind != CFI_FDE || entry.start == 0) /* start 0: its section was discarded */
            continue;
        struct place place = {entry.start, entry.start + entry.size, at, source->is_debug_frame};
        g_array_append_val(index->places, place);
    }
}

static gint by_start(gconstpointer a, gconstpointer b)
{
    const struct place *x = a, *y = b;
    return (x->start > y->start) - (x->start < y->start);
}

static Elf_Scn *section_named(Elf *elf, const char *name, GElf_Shdr *ret)
{
    size_t names;
    if (elf_getshdrstrndx(elf, &names) != 0)
        return NULL;
    for (Elf_Scn *s = elf_nextscn(elf, NULL); s; s = elf_nextscn(elf, s)) {
        const char *found = gelf_getshdr(s, ret) ? elf_strptr(elf, names, ret->sh_name) : NULL;
        if (found && strcmp(found, name) == 0)
            return s;
    }
    return NULL;
}

static bool inflate_section(Elf_Scn *section, const GElf_Shdr *header)
{
    GElf_Chdr compressed;
    if (!(header->sh_flags & SHF_COMPRESSED))
        return true;
    return gelf_getchdr(section, &compressed) && compressed.ch_size <= SECTION_BYTES_MAX &&
           elf_compress(section, 0, 0) >= 0;
}

/* Copies .debug_frame; false when there is none. */
static bool load_debug_frame(struct cfi_index *index, Elf *elf)
{
    GElf_Shdr header;
    Elf_Scn *section = section_named(elf, ".debug_frame", &header);
    if (!section || header.sh_type == SHT_NOBITS || header.sh_size > SECTION_BYTES_MAX ||
        !inflate_section(section, &header))
        return false;
    Elf_Data *data = elf_rawdata(section, NULL);
    if (header.sh_flags & SHF_COMPRESSED)
        data = elf_getdata(section, NULL);
    if (!data || !data->d_buf || data->d_size == 0)
        return false;
    index->debug_frame_bytes = g_memdup2(data->d_buf, data->d_size);
    index->debug_frame.bytes = index->debug_frame_bytes;
    index->debug_frame.size = data->d_size;
    return true;
}

static void add_eh_frame(struct cfi_index *index, Elf *elf)
{
    GElf_Shdr header;
    uint64_t start, fde;
    if (eh_frame_table_find(index->file, UINT64_MAX, &start, &fde))
        return; /* it has its table */
    if (section_named(elf, ".eh_frame", &header) && header.sh_size <= SECTION_BYTES_MAX)
        add_places(index, &index->eh_frame, header.sh_addr, header.sh_addr + header.sh_size);
}

static char *debug_file_path(const struct elf_file *file)
{
    GString *path = g_string_new("/usr/lib/debug/.build-id/");
    for (size_t i = 0; i < file->build_id_size; i++)
        g_string_append_printf(path, i == 0 ? "%02x/" : "%02x", file->build_id[i]);
    g_string_append(path, ".debug");
    return g_string_free(path, FALSE);
}

/* .debug_frame out of the separate debug file, if there is one where the program's root is. */
static void load_separate(struct cfi_index *index)
{
    if (index->file->build_id_size < 2)
        return;
    char *path = debug_file_path(index->file);
    struct elf_file *debug = elf_file_open_below(index->file->root, path, NULL);
    g_free(path);
    Elf *elf = debug ? elf_begin(debug->fd, ELF_C_READ, NULL) : NULL;
    if (elf)
        load_debug_frame(index, elf);
    elf_end(elf);
    elf_file_unref(debug);
}

static void make_places(struct cfi_index *index)
{
    index->places = g_array_new(FALSE, FALSE, sizeof(struct place));
    if (index->file->fd < 0)
        return;
    Elf *elf = elf_begin(index->file->fd, ELF_C_READ, NULL);
    if (elf) {
        add_eh_frame(index, elf);
        if (!load_debug_frame(index, elf))
            load_separate(index);
    }
    elf_end(elf);
    add_places(index, &index->debug_frame, 0, index->debug_frame.size);
    g_array_sort(index->places, by_start);
}

/* ---- lookup ---- */

static bool covers(const struct cfi_entry *entry, uint64_t vaddr)
{
    return vaddr >= entry->start && vaddr - entry->start < entry->size;
}

static bool find_by_place(struct cfi_index *index, uint64_t vaddr, struct cfi_entry *ret_entry)
{
    if (!index->places)
        make_places(index);
    guint lo = 0, hi = index->places->len;
    while (lo < hi) {
        guint mid = lo + (hi - lo) / 2;
        if (g_array_index(index->places, struct place, mid).start <= vaddr)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0)
        return false;
    const struct place *place = &g_array_index(index->places, struct place, lo - 1);
    if (vaddr >= place->end)
        return false;
    return cfi_read(place->is_debug_frame ? &index->debug_frame : &index->eh_frame, place->address,
                    ret_entry, NULL) == CFI_FDE;
}

bool cfi_index_find(struct cfi_index *index, uint64_t vaddr, struct cfi_entry *ret_entry)
{
    uint64_t start, fde;
    struct cfi_entry entry;
    if (!index->file->is_64bit)
        return false;
    if (eh_frame_table_find(index->file, vaddr, &start, &fde) &&
        cfi_read(&index->eh_frame, fde, &entry, NULL) == CFI_FDE && covers(&entry, vaddr)) {
        *ret_entry = entry;
        return true;
    }
    return find_by_place(index, vaddr, ret_entry);
}

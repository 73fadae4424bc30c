/*
 * See patch_stubs.h. Blocks and near jumps grow from the area's start, pages from its end.
 *
 * A page may be mapped at many places: what is at one offset of it serves one target. A jump that
 * crosses the end of a page has two pages of its own.
 */
#include "collectors/calls/patch_stubs.h"

#include <glib.h>
#include <string.h>

#include "collectors/calls/patch_site.h"

enum {
    PAGE = 4096,
    WORD = 8,
    UNIT = 8, /* of what is counted as used */
    NEAR_BYTES = 16,
};

/* One or two pages of the area. */
struct page {
    uint32_t offset;
    uint32_t bytes;
    uint8_t used[2 * PAGE / UNIT];
};

/* A mapping that has been ordered. */
struct place {
    uint64_t address;
    guint page;
};

struct patch_stubs {
    uint8_t *code;
    struct wire_calls_mapping *mappings;
    uint32_t next_block, first_page;
    GArray *pages, *places; /* places: one for each order */
};

struct patch_stubs *patch_stubs_new(uint8_t *code, struct wire_calls_mapping *mappings)
{
    struct patch_stubs *stubs = g_new0(struct patch_stubs, 1);
    stubs->code = code;
    stubs->mappings = mappings;
    stubs->first_page = WIRE_CALLS_CODE_BYTES;
    stubs->pages = g_array_new(FALSE, TRUE, sizeof(struct page));
    stubs->places = g_array_new(FALSE, FALSE, sizeof(struct place));
    return stubs;
}

void patch_stubs_free(struct patch_stubs *stubs)
{
    if (!stubs)
        return;
    g_array_unref(stubs->pages);
    g_array_unref(stubs->places);
    g_free(stubs);
}

static uint32_t take(struct patch_stubs *stubs, uint32_t bytes)
{
    uint32_t offset = stubs->next_block;
    if (stubs->first_page - offset < bytes)
        return UINT32_MAX;
    stubs->next_block += bytes;
    return offset;
}

/* jmp *DISPLACEMENT(%rip) at `at`, to where the word says. */
static void write_jump(uint8_t *at, uint8_t *word, uint64_t destination)
{
    int32_t displacement = (int32_t)(word - (at + PATCH_STUB_BYTES));
    memcpy(word, &destination, WORD);
    at[0] = 0xff;
    at[1] = 0x25;
    memcpy(at + 2, &displacement, sizeof displacement);
}

uint32_t patch_stubs_add_near(struct patch_stubs *stubs, uint64_t destination)
{
    uint32_t offset = take(stubs, NEAR_BYTES);
    if (offset != UINT32_MAX)
        write_jump(stubs->code + offset, stubs->code + offset + WORD, destination);
    return offset;
}

uint32_t patch_stubs_add_block(struct patch_stubs *stubs)
{
    return take(stubs, PATCH_BLOCK_BYTES);
}

static bool is_unused(const struct page *page, uint32_t at, uint32_t n)
{
    for (uint32_t unit = at / UNIT; unit <= (at + n - 1) / UNIT; unit++)
        if (page->used[unit])
            return false;
    return true;
}

static void use(struct page *page, uint32_t at, uint32_t n)
{
    memset(page->used + at / UNIT, 1, (at + n - 1) / UNIT - at / UNIT + 1);
}

/* A word of the page that is not used, nor by [at, at + PATCH_STUB_BYTES); UINT32_MAX: none. */
static uint32_t free_word(const struct page *page, uint32_t at)
{
    for (uint32_t word = 0; word + WORD <= page->bytes; word += WORD)
        if (is_unused(page, word, WORD) && (word + WORD <= at || word >= at + PATCH_STUB_BYTES) &&
            word / UNIT != at / UNIT && word / UNIT != (at + PATCH_STUB_BYTES - 1) / UNIT)
            return word;
    return UINT32_MAX;
}

static bool has_room(const struct page *page, uint32_t at)
{
    return at + PATCH_STUB_BYTES <= page->bytes && is_unused(page, at, PATCH_STUB_BYTES) &&
           free_word(page, at) != UINT32_MAX;
}

static uint32_t bytes_for(uint64_t target)
{
    return target % PAGE + PATCH_STUB_BYTES <= PAGE ? PAGE : 2 * PAGE;
}

/* The number of an order that maps any page that the target needs; UINT32_MAX: none. */
static uint32_t find_place(const struct patch_stubs *stubs, uint64_t target)
{
    uint64_t start = target & ~(uint64_t)(PAGE - 1), end = start + bytes_for(target);
    for (guint i = 0; i < stubs->places->len; i++) {
        const struct place *place = &g_array_index(stubs->places, struct place, i);
        const struct page *page = &g_array_index(stubs->pages, struct page, place->page);
        if (start < place->address + page->bytes && end > place->address)
            return i;
    }
    return UINT32_MAX;
}

int patch_stubs_has(const struct patch_stubs *stubs, uint64_t target)
{
    uint32_t number = find_place(stubs, target);
    if (number == UINT32_MAX)
        return 0;
    const struct place *place = &g_array_index(stubs->places, struct place, number);
    const struct page *page = &g_array_index(stubs->pages, struct page, place->page);
    int32_t result = __atomic_load_n(&stubs->mappings[number].result, __ATOMIC_ACQUIRE);
    if (result != 0 && result != 1) /* it could not be mapped */
        return -1;
    return target >= place->address && has_room(page, (uint32_t)(target - place->address)) ? 1 : -1;
}

static guint new_page(struct patch_stubs *stubs, uint32_t bytes)
{
    struct page page = {.bytes = bytes};
    if (stubs->first_page - stubs->next_block < bytes)
        return G_MAXUINT;
    stubs->first_page -= bytes;
    page.offset = stubs->first_page;
    g_array_append_val(stubs->pages, page);
    return stubs->pages->len - 1;
}

/* A page that has room at the target's place. */
static guint page_for(struct patch_stubs *stubs, uint64_t target)
{
    uint32_t bytes = bytes_for(target);
    for (guint i = 0; i < stubs->pages->len && bytes == PAGE; i++) {
        const struct page *page = &g_array_index(stubs->pages, struct page, i);
        if (page->bytes == PAGE && has_room(page, (uint32_t)(target % PAGE)))
            return i;
    }
    return new_page(stubs, bytes);
}

static uint32_t add_place(struct patch_stubs *stubs, uint64_t target)
{
    struct place place = {.address = target & ~(uint64_t)(PAGE - 1)};
    guint number = stubs->places->len;
    place.page = number < WIRE_CALLS_MAPPINGS ? page_for(stubs, target) : G_MAXUINT;
    if (place.page == G_MAXUINT)
        return UINT32_MAX;
    const struct page *page = &g_array_index(stubs->pages, struct page, place.page);
    stubs->mappings[number] = (struct wire_calls_mapping){
        .address = place.address, .offset = page->offset, .bytes = page->bytes};
    g_array_append_val(stubs->places, place);
    return number;
}

uint32_t patch_stubs_add_target(struct patch_stubs *stubs, uint64_t target, uint64_t destination)
{
    uint32_t number = find_place(stubs, target);
    if (number != UINT32_MAX && patch_stubs_has(stubs, target) < 0)
        return UINT32_MAX;
    if (number == UINT32_MAX)
        number = add_place(stubs, target);
    if (number == UINT32_MAX)
        return UINT32_MAX;
    const struct place *place = &g_array_index(stubs->places, struct place, number);
    struct page *page = &g_array_index(stubs->pages, struct page, place->page);
    uint32_t at = (uint32_t)(target - place->address);
    uint32_t word = free_word(page, at);
    use(page, at, PATCH_STUB_BYTES);
    use(page, word, WORD);
    uint8_t *start = stubs->code + page->offset;
    write_jump(start + at, start + word, destination);
    return number;
}

uint32_t patch_stubs_n_mappings(const struct patch_stubs *stubs)
{
    return stubs->places->len;
}

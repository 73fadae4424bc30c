/*
 * Every form of operator new and delete: `truth_new FILE [calm]`. Each form is a site of its own
 * (sites.h), called a hundred times; a tenth of the blocks is kept, the others go by the form of
 * delete that belongs to it. Checks alignment. Calm: asks for nothing that cannot be met, which
 * allocators of C++ answer in their own ways.
 */
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "tests/targets/heap/sites.h"

namespace
{

constexpr std::align_val_t kAlign{64};

struct Plain {
    char bytes[40];
};

struct alignas(128) Aligned {
    char bytes[128];
};

struct Throws {
    char bytes[72];
    NOIPA Throws();
};

Throws::Throws()
{
    throw 1;
}

void give_plain(void *p, size_t)
{
    ::operator delete(p);
}
void give_array(void *p, size_t)
{
    ::operator delete[](p);
}
void give_sized(void *p, size_t n)
{
    ::operator delete(p, n);
}
void give_sized_array(void *p, size_t n)
{
    ::operator delete[](p, n);
}
void give_nothrow(void *p, size_t)
{
    ::operator delete(p, std::nothrow);
}
void give_nothrow_array(void *p, size_t)
{
    ::operator delete[](p, std::nothrow);
}
void give_aligned(void *p, size_t)
{
    ::operator delete(p, kAlign);
}
void give_aligned_array(void *p, size_t)
{
    ::operator delete[](p, kAlign);
}
void give_sized_aligned(void *p, size_t n)
{
    ::operator delete(p, n, kAlign);
}
void give_sized_aligned_array(void *p, size_t n)
{
    ::operator delete[](p, n, kAlign);
}
void give_aligned_nothrow(void *p, size_t)
{
    ::operator delete(p, kAlign, std::nothrow);
}
void give_aligned_nothrow_array(void *p, size_t)
{
    ::operator delete[](p, kAlign, std::nothrow);
}

} // namespace

SITE(new_plain, ::operator new(size))
SITE(new_array, ::operator new[](size))
SITE(new_sized, ::operator new(size))
SITE(new_sized_array, ::operator new[](size))
SITE(new_nothrow, ::operator new(size, std::nothrow))
SITE(new_nothrow_array, ::operator new[](size, std::nothrow))
SITE(new_aligned, ::operator new(size, kAlign))
SITE(new_aligned_array, ::operator new[](size, kAlign))
SITE(new_sized_aligned, ::operator new(size, kAlign))
SITE(new_sized_aligned_array, ::operator new[](size, kAlign))
SITE(new_aligned_nothrow, ::operator new(size, kAlign, std::nothrow))
SITE(new_aligned_nothrow_array, ::operator new[](size, kAlign, std::nothrow))
SITE(new_object, (size == sizeof(Plain) ? new Plain : nullptr))
SITE(new_aligned_object, (size == sizeof(Aligned) ? new Aligned : nullptr))

/* The language frees the block when the constructor throws: allocated, freed, none live. */
static struct site new_and_throw_site = {.name = "new_and_throw"};

static NOIPA void new_and_throw()
{
    try {
        (void)new Throws;
    } catch (int) {
    }
}

struct form {
    void *(*take)(size_t);
    void (*give)(void *, size_t);
    size_t least; /* size of the first block */
    size_t step;
    uintptr_t alignment;
};

static void use(const struct form &form)
{
    for (size_t i = 0; i < 100; i++) {
        size_t size = form.least + i * form.step;
        void *block = form.take(size);
        uintptr_t alignment = size < form.alignment && form.alignment == 16 ? 8 : form.alignment;
        if (!block || ((uintptr_t)block & (alignment - 1)) != 0)
            abort();
        memset(block, 1, size);
        if (i % 10 == 0)
            continue;
        site_gives(block);
        form.give(block, size);
    }
}

static void give_object(void *p, size_t)
{
    delete (Plain *)p;
}
static void give_aligned_object(void *p, size_t)
{
    delete (Aligned *)p;
}

/* A request that cannot be met: the handler is asked, then there is an exception or a NULL. */
static void fail(size_t huge)
{
    static int asked;
    std::set_new_handler([] {
        if (++asked == 3)
            std::set_new_handler(nullptr);
    });
    try {
        ::operator delete(::operator new(huge));
        abort();
    } catch (std::bad_alloc &) {
    }
    if (asked != 3 || ::operator new(huge, std::nothrow) ||
        ::operator new[](huge, kAlign, std::nothrow))
        abort();
}

int main(int argc, char **argv)
{
    static const struct form forms[] = {
        {new_plain, give_plain, 0, 7, 16},
        {new_array, give_array, 1, 9, 16},
        {new_sized, give_sized, 8, 1, 16},
        {new_sized_array, give_sized_array, 8, 2, 16},
        {new_nothrow, give_nothrow, 5, 3, 16},
        {new_nothrow_array, give_nothrow_array, 5, 4, 16},
        {new_aligned, give_aligned, 64, 5, 64},
        {new_aligned_array, give_aligned_array, 1, 6, 64},
        {new_sized_aligned, give_sized_aligned, 64, 11, 64},
        {new_sized_aligned_array, give_sized_aligned_array, 64, 12, 64},
        {new_aligned_nothrow, give_aligned_nothrow, 3, 13, 64},
        {new_aligned_nothrow_array, give_aligned_nothrow_array, 3, 14, 64},
        {new_object, give_object, sizeof(Plain), 0, 16},
        {new_aligned_object, give_aligned_object, sizeof(Aligned), 0, 128},
    };
    if (argc < 2)
        return 2;
    struct site *thrown = &new_and_throw_site;
    for (int i = 0; i < 50; i++)
        new_and_throw();
    thrown->allocs = 50, thrown->bytes = 50 * (long)sizeof(Throws);
    thrown->own_peak = sizeof(Throws), thrown->temporary = -1, thrown->sizes[3] = 50;
    books.sites[books.n_sites++] = thrown;
    if (argc == 2)
        fail((size_t)1 << 60);
    for (const struct form &form : forms) /* last: what exceptions need is not part of the peak */
        use(form);
    write_books(argv[1]);
    return 0;
}

/*
 * Libraries that come and go: `plugins MODE FILE`, with first.so and second.so beside it. Prints
 * what holds in any run; FILE as of truth_heap.
 *
 *   same_place   the second is mapped where the first was, which has left blocks behind
 *   deepbind     by RTLD_DEEPBIND: its malloc() is libc's whatever stands before that
 *   namespace    by dlmopen(), with a libc of its own
 */
#include <dlfcn.h>
#include <libgen.h>
#include <limits.h>

#include "tests/targets/heap/sites.h"

static const char *folder;
static struct site first_site = {.name = "first_take"}, second_site = {.name = "second_take"};

struct plugin {
    void *handle;
    void *(*take)(size_t);
    void (*give)(void *);
};

static struct plugin load(const char *name, int flags, int new_namespace)
{
    char path[PATH_MAX + 32], symbol[64];
    struct plugin p;
    snprintf(path, sizeof path, "%s/%s.so", folder, name);
    p.handle = new_namespace ? dlmopen(LM_ID_NEWLM, path, flags) : dlopen(path, flags);
    if (!p.handle) {
        fprintf(stderr, "%s\n", dlerror());
        exit(9);
    }
    snprintf(symbol, sizeof symbol, "%s_take", name);
    *(void **)&p.take = dlsym(p.handle, symbol);
    snprintf(symbol, sizeof symbol, "%s_give", name);
    *(void **)&p.give = dlsym(p.handle, symbol);
    return p;
}

/* Takes 300, gives 100 back; the last 50 of the kept are given back by our own free() later. */
static void use(struct plugin *p, struct site *site, void **kept)
{
    for (int i = 0; i < 300; i++) {
        void *block = p->take(70);
        memset(block, i, 70);
        site_took(site, block, 70);
        if (i % 3 == 0) {
            site_gives(block);
            p->give(block);
        } else {
            kept[i / 3 * 2 + i % 3 - 1] = block;
        }
    }
}

static void give_some(void **kept)
{
    for (int i = 150; i < 200; i++)
        give(kept[i]);
}

static void same_place(void)
{
    static void *kept[2][200];
    struct plugin p = load("first", RTLD_NOW | RTLD_LOCAL, 0);
    void *where = (void *)p.take;
    use(&p, &first_site, kept[0]);
    dlclose(p.handle);
    p = load("second", RTLD_NOW | RTLD_LOCAL, 0);
    printf("same place: %s\n", where == (void *)p.take ? "yes" : "no");
    use(&p, &second_site, kept[1]);
    dlclose(p.handle);
    give_some(kept[0]);
    give_some(kept[1]);
}

static void deepbind(void)
{
    static void *kept[200];
    struct plugin p = load("first", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND, 0);
    use(&p, &first_site, kept);
    give_some(kept);
    printf("deepbind: done\n");
}

/* Nothing goes from one heap to the other. */
static void other_namespace(void)
{
    struct plugin p = load("first", RTLD_NOW | RTLD_LOCAL, 1);
    for (int i = 0; i < 100; i++) {
        void *block = p.take(70);
        memset(block, i, 70);
        if (i % 2)
            p.give(block);
    }
    printf("namespace: done\n");
}

SITE(take_of_the_program, malloc(size))

int main(int argc, char **argv)
{
    char self[PATH_MAX] = "";
    if (argc != 3 || readlink("/proc/self/exe", self, sizeof self - 1) <= 0)
        return 2;
    folder = dirname(self);
    books.unordered = 1;
    for (int i = 0; i < 10; i++)
        take_of_the_program(33);
    if (strcmp(argv[1], "same_place") == 0)
        same_place();
    else if (strcmp(argv[1], "deepbind") == 0)
        deepbind();
    else
        other_namespace();
    write_books(argv[2]);
    return 0;
}

/*
 * Names for new snapshots, and for what is made from them.
 */
#include "core/formats/snapshot.h"

#include <string.h>
#include <sys/stat.h>

enum { COMM_MAX = 64, TRIES = 10000 };

/* The last part of the path; only what needs no quoting in any shell, and no leading dot or dash.
 */
static char *clean_comm(const char *command)
{
    const char *slash = strrchr(command, '/');
    char *clean = g_strndup(slash && slash[1] ? slash + 1 : command, COMM_MAX);
    g_strcanon(clean, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-", '_');
    if (clean[0] == '.' || clean[0] == '-')
        clean[0] = '_';
    if (!clean[0]) {
        g_free(clean);
        clean = g_strdup("program");
    }
    return clean;
}

static char *name_in(const char *folder, const char *base, int number, const char *suffix)
{
    char *file = number == 1 ? g_strconcat(base, suffix, NULL)
                             : g_strdup_printf("%s-%d%s", base, number, suffix);
    char *name = folder ? g_build_filename(folder, file, NULL) : g_strdup(file);
    g_free(file);
    return name;
}

char *snapshot_name(const char *folder, const char *command, const char *suffix)
{
    struct stat st;
    char *clean = clean_comm(command);
    GDateTime *now = g_date_time_new_now_local();
    char *date = g_date_time_format(now, "%Y%m%d-%H%M%S");
    char *base = g_strdup_printf("proftop-%s-%s", clean, date);
    char *name = name_in(folder, base, 1, suffix);
    for (int i = 2; i < TRIES && lstat(name, &st) == 0; i++) {
        g_free(name);
        name = name_in(folder, base, i, suffix);
    }
    g_free(base);
    g_free(date);
    g_date_time_unref(now);
    g_free(clean);
    return name;
}

char *snapshot_default_name(const char *folder, const char *command)
{
    return snapshot_name(folder, command, ".pb.gz");
}

char *snapshot_name_after(const struct profile *profile, const char *suffix)
{
    const char *command = profile->info.command ? profile->info.command : "";
    char *program = g_strndup(command, strcspn(command, " "));
    char *name = snapshot_name(NULL, program, suffix);
    g_free(program);
    return name;
}

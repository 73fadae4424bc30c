/*
 * Names for new snapshots.
 */
#include "core/formats/snapshot.h"

#include <string.h>
#include <sys/stat.h>

enum { COMM_MAX = 64, TRIES = 10000 };

/* Only what needs no quoting in any shell, and no leading dot or dash. */
static char *clean_comm(const char *comm)
{
    char *clean = g_strndup(comm ? comm : "", COMM_MAX);
    g_strcanon(clean, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-", '_');
    if (clean[0] == '.' || clean[0] == '-')
        clean[0] = '_';
    if (!clean[0]) {
        g_free(clean);
        clean = g_strdup("program");
    }
    return clean;
}

char *snapshot_default_name(const char *comm)
{
    struct stat st;
    char *clean = clean_comm(comm);
    GDateTime *now = g_date_time_new_now_local();
    char *date = g_date_time_format(now, "%Y%m%d-%H%M%S");
    char *name = g_strdup_printf("proftop-%s-%s.pb.gz", clean, date);
    for (int i = 2; i < TRIES && lstat(name, &st) == 0; i++) {
        g_free(name);
        name = g_strdup_printf("proftop-%s-%s-%d.pb.gz", clean, date, i);
    }
    g_free(date);
    g_date_time_unref(now);
    g_free(clean);
    return name;
}

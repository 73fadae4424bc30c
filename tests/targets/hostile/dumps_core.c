/*
 * Leaves a core file: `dumps_core FOLDER FILE`. A child in that folder works and then aborts; the
 * size of its core goes to FILE. Buffers that a profiler maps into the program would be dumped too,
 * and make the core large and slow. Needs a core pattern that names a plain file.
 */
#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

static int files_are_wanted(void)
{
    char pattern[256] = "|";
    FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");
    if (!file || !fgets(pattern, sizeof pattern, file))
        return 0;
    fclose(file);
    return pattern[0] != '|' && pattern[0] != '@' && !strchr(pattern, '/');
}

/* Size of the one file in the folder, which is removed. */
static long long take_core(const char *folder)
{
    char path[8192];
    struct stat status = {.st_size = -1};
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' && lstat(path, &status) == 0)
            unlink(path);
    }
    closedir(dir);
    return (long long)status.st_size;
}

int main(int argc, char **argv)
{
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    int status;
    if (argc < 3 || !files_are_wanted())
        cannot("core files do not go to the working folder here");
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(argv[1]) != 0 || setrlimit(RLIMIT_CORE, &all) != 0)
            _exit(HOSTILE_CANNOT);
        burn(.1);
        abort();
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) || !WCOREDUMP(status))
        cannot("no core file was made");
    FILE *file = fopen(argv[2], "a");
    fprintf(file, "%lld\n", take_core(argv[1]));
    fclose(file);
    printf("dumps_core: one core\n");
    return HOSTILE_OK;
}

/*
 * Another user of the same machine, who wants what is between the program and its profiler:
 * `stranger FOLDER`, FOLDER being the runtime folder of the user who profiles. Started as root,
 * becomes nobody in a child: lists FOLDER, connects to the socket there by its known path, looks
 * for abstract ones. All of it must be refused. Bare, there is nothing to find; what was found goes
 * to stderr, which must be empty.
 */
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/targets/hostile/hostile.h"

static int reaches(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int connected = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connected;
}

static int abstract_socket_exists(void)
{
    char line[4096];
    int found = 0;
    FILE *file = fopen("/proc/net/unix", "r");
    while (file && fgets(line, sizeof line, file))
        found = found || (strstr(line, "@") && strstr(line, "proftop"));
    if (file)
        fclose(file);
    return found;
}

static int spy(const char *path)
{
    char folder[4096];
    struct stat status;
    int found = 0;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0)
        return HOSTILE_CANNOT;
    if (stat(path, &status) == 0 || access(folder, R_OK) == 0)
        found = fprintf(stderr, "the folder of the socket can be read\n");
    if (reaches(path))
        found = fprintf(stderr, "the socket can be reached\n");
    if (abstract_socket_exists())
        found = fprintf(stderr, "there is an abstract socket\n");
    return found ? HOSTILE_BROKEN : HOSTILE_OK;
}

int main(int argc, char **argv)
{
    char pattern[4096];
    glob_t paths = {0};
    int status;
    if (argc < 2 || geteuid() != 0)
        cannot("needs root");
    snprintf(pattern, sizeof pattern, "%s/proftop/run-*/socket", argv[1]);
    glob(pattern, 0, NULL, &paths);
    const char *path = paths.gl_pathc > 0 ? paths.gl_pathv[0] : "/nowhere/socket";
    if (argc > 2) { /* for the test: whether there was a socket to try */
        FILE *file = fopen(argv[2], "a");
        fprintf(file, "%d %d\n", (int)paths.gl_pathc, paths.gl_pathc > 0 && reaches(path));
        fclose(file);
    }
    pid_t pid = fork();
    if (pid == 0)
        _exit(spy(path));
    waitpid(pid, &status, 0);
    printf("stranger: %s\n", status == HOSTILE_OK << 8 ? "refused" : "let in");
    return status >> 8;
}

/*
 * Executes itself twelve times, 60 ms of CPU time each: `exec_chain FILE`. The number of the image
 * is its second argument, so nothing but the arguments survives. A profiler that starts afresh at
 * exec shows only the last image; one that leaves a timer or a handler behind kills the next. The
 * parent of it all must see one process, whose time is the sum, and every image must find an
 * untouched signal mask, untouched dispositions and the descriptors of the first.
 */
#include <signal.h>
#include <string.h>

#include "tests/targets/hostile/hostile.h"
#include "tests/targets/hostile/kernel_count.h"

enum { IMAGES = 12 };

__attribute__((noipa)) void work_of_an_image(void)
{
    burn(.06);
    __asm__ volatile("");
}

static void check_clean(int image)
{
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;
        if (sigismember(&blocked, number) == 1)
            broken("image %d: signal %d is blocked", image, number);
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            broken("image %d: signal %d is ignored", image, number);
    }
}

static int count_descriptors(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

int main(int argc, char **argv)
{
    int image = argc > 2 ? atoi(argv[2]) : 1;
    int descriptors = count_descriptors();
    char next[16], had[16];
    check_clean(image);
    if (argc > 3 && atoi(argv[3]) != descriptors)
        broken("image %d: %d descriptors, the first had %s", image, descriptors, argv[3]);
    work_of_an_image();
    if (image == IMAGES) {
        printf("exec_chain: %d images\n", image);
        tell_kernel_count(argc > 1 ? argv[1] : NULL);
        return HOSTILE_OK;
    }
    snprintf(next, sizeof next, "%d", image + 1);
    snprintf(had, sizeof had, "%d", descriptors);
    execl("/proc/self/exe", "exec_chain", argc > 1 ? argv[1] : "/dev/null", next, had,
          (char *)NULL);
    broken("exec failed");
}

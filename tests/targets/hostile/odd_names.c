/*
 * Names made to be shown: `odd_names`. Of threads, of the process, of functions. They hold escape
 * sequences (clear the screen, set the title, write to the clipboard), the right-to-left override,
 * a newline, invalid UTF-8. A terminal that gets them raw does what they say. The test runs a copy
 * whose file has such a name, and in which `plain_symbol` is renamed to ten million bytes.
 */
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

#include "tests/targets/hostile/hostile.h"

static const char *const names[] = {"\033]52;c;aGkK\a", "\xe2\x80\xaegnp.exe", "two\nlines",
                                    "\xff\xfe\xc0\xaf",
                                    "\x9b"
                                    "2Jclear"};
enum { NAMES = sizeof names / sizeof *names };

__attribute__((noipa)) void plain_symbol(void)
{
    burn(.15);
    __asm__ volatile("");
}

void hostile_symbol(void) __asm__("\"evil\033[2J\033]0;owned\a\"");

__attribute__((noipa)) void hostile_symbol(void)
{
    burn(.15);
    __asm__ volatile("");
}

static void *thread_main(void *name)
{
    prctl(PR_SET_NAME, name);
    burn(.05);
    return NULL;
}

int main(void)
{
    pthread_t threads[NAMES];
    for (int i = 0; i < NAMES; i++)
        if (pthread_create(&threads[i], NULL, thread_main, (void *)names[i]) != 0)
            cannot("no threads can be started");
    for (int i = 0; i < NAMES; i++)
        pthread_join(threads[i], NULL);
    plain_symbol();
    hostile_symbol();
    prctl(PR_SET_NAME, "\033[31m\nred");
    puts("odd_names: done");
    return HOSTILE_OK;
}

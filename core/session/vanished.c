/*
 * See vanished.h. Signal 0 asks whether a task exists; one that waits to be reaped still does, and
 * is gone soon.
 */
#include "core/session/vanished.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

void vanished_mark(struct profile *profile)
{
    if (profile->info.lost == 0)
        return;
    for (uint32_t i = 0; i < profile->processes->len; i++) {
        struct process *process = profile_get_process(profile, i);
        if (!process->ended && kill(process->pid, 0) != 0 && errno == ESRCH)
            process->ended = true;
    }
    for (uint32_t i = 0; i < profile->threads->len; i++) {
        struct thread *thread = profile_get_thread(profile, i);
        int pid = profile_get_process(profile, thread->process)->pid;
        if (!thread->ended && tgkill(pid, thread->tid, 0) != 0 && errno == ESRCH)
            thread->ended = true;
    }
}

void vanished_mark_process(struct profile *profile, uint32_t process)
{
    profile_get_process(profile, process)->ended = true;
    for (uint32_t i = 0; i < profile->threads->len; i++) {
        struct thread *thread = profile_get_thread(profile, i);
        thread->ended |= thread->process == process;
    }
}

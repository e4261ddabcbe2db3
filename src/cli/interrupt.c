/* interrupt.c - Ctrl-C as a flag.
 * SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t pending;

/* Restores the usual effect by itself, so that a program that does not get to ask can still be ended. */
static void on_interrupt(int sig)
{
    pending = 1;
    signal(sig, SIG_DFL);
}

void interrupt_catch(void)
{
    struct sigaction old, a = { .sa_handler = on_interrupt };
    sigemptyset(&a.sa_mask);
    /* A program in the background was told to ignore it, and goes on doing so. */
    if (sigaction(SIGINT, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
        sigaction(SIGINT, &a, NULL);
}

bool interrupt_pending(void)
{
    return pending;
}

void interrupt_clear(void)
{
    pending = 0;
    interrupt_catch();
}

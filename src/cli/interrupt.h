/* interrupt.h - Ctrl-C as a question that long work asks, instead of an end at any place.
 *
 * interrupt_catch may be called once work that can be stopped begins. The only mutable global of the command line.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_INTERRUPT_H
#define CLI_INTERRUPT_H

#include <stdbool.h>

/* From now on SIGINT sets a flag; a second one before interrupt_clear ends the program as usual. */
void interrupt_catch(void);
bool interrupt_pending(void);
void interrupt_clear(void);

#endif

/* unique.h - names and numbers that nobody can guess, from the system's random source. Any thread.
 * SPDX-License-Identifier: MIT */
#ifndef API_UNIQUE_H
#define API_UNIQUE_H

#include <stdint.h>

/* 24 characters of [0-9A-Za-z], some 142 random bits, and a NUL. `arg` is not used: the shape is writer_id_fn's. */
void unique_id(void *arg, char out[25]);
uint64_t unique_seed(void);

#endif

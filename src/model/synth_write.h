/* synth_write.h - writes the weight files of a plan, as fast as the disk takes them, from several threads.
 *
 * The same plan gives the same bytes on any number of threads. Memory: 4 MiB a thread. One thread calls; it starts the others.
 * SPDX-License-Identifier: MIT */
#ifndef MODEL_SYNTH_WRITE_H
#define MODEL_SYNTH_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/synth_plan.h"

/* Called by the calling thread from time to time; a return of true stops (ERR_CANCELLED). */
typedef bool synth_progress_fn(void *arg, uint64_t done_bytes, uint64_t total_bytes);

struct synth_opts {
    int n_threads;                  /* at least 1 */
    synth_progress_fn *on_progress; /* may be NULL */
    void *arg;
};

/* Writes the weight files and model.safetensors.index.json into the directory `dir`. After a failure the files that exist are incomplete. */
MUST_CHECK int synth_write(const struct synth_plan *p, const char *dir, const struct synth_opts *o, struct err *e);

#endif

/* kernel_check.h - what the tests of kernels share: the tables this processor can run, seeded inputs, error bounds.
 * SPDX-License-Identifier: MIT */
#ifndef SUPPORT_KERNEL_CHECK_H
#define SUPPORT_KERNEL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "kernel/kernel.h"

enum { KERNEL_TABLES_MAX = 4 };

/* Fills k with the tables that this processor can run, the reference first; returns how many, and says their names once. */
int kernel_tables(struct kernels k[KERNEL_TABLES_MAX]);

/* Seeds *r from $OCTET_TEST_SEED, else from a fixed number; says the seed once. */
void kernel_rng(struct rng *r);

/* n standard normal values, some of them 20 times larger as activations have them. */
void kernel_random(struct rng *r, float *x, size_t n);

/* Feature d of the key or value of head h that the token in a page's slot was stored with. */
double kernel_stored(const struct kv_layer *kv, int page, bool values, int h, int slot, int d);
/* What storing x, feature d of a head x [d_head], makes of it, from the definition of the type. */
double kernel_as_stored(enum kv_type type, const float *x, int d_head, int d);

/* sum (got - want)^2 / sum want^2; 0 if both are all zeros; INFINITY if anything is not finite. */
double kernel_nmse(const float *got, const float *want, size_t n);

/* Fails the test, with `what` and the figures, unless nmse <= bound. */
void kernel_check_nmse(const char *what, const float *got, const float *want, size_t n, double bound);

#endif

/* rng.h - seeded random numbers, the same on every platform (xoshiro256**, Blackman and Vigna 2018, seeded by splitmix64).
 * SPDX-License-Identifier: MIT */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint32_t rng_below(struct rng *r, uint32_t n); /* uniform in 0..n-1, unbiased; n > 0 */
double rng_unit(struct rng *r);                /* uniform in [0, 1), 53 bits */
float rng_normal(struct rng *r);               /* standard normal */

#endif

/* ids.h - growable array of token ids. All zeros is valid and empty.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_IDS_H
#define TEXT_IDS_H

#include <stddef.h>
#include <stdint.h>

struct ids {
    int32_t *v; /* owned */
    size_t n, cap;
};

void ids_add(struct ids *a, int32_t id);
void ids_append(struct ids *a, const int32_t *v, size_t n);
void ids_deinit(struct ids *a);
/* How many of the first n of a and b are the same, from the first on. */
size_t ids_common(const int32_t *a, const int32_t *b, size_t n);

#endif

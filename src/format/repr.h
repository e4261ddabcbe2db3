/* repr.h - doubles as Python's repr writes them: the shortest decimal that reads back as the same number.
 * SPDX-License-Identifier: MIT */
#ifndef FORMAT_REPR_H
#define FORMAT_REPR_H

#include "base/buf.h"

/* Appends "1.5", "100000.0", "1e-05", "1e+16", "inf", "-inf", "nan". */
void repr_double(struct buf *out, double x);

#endif

/* jinja_rows.h - templates rendered for a test: tables of template and text, and single renderings.
 *
 * The texts in the tables are what jinja2 3.1.2 makes of the templates, set up as transformers does; `tools/check_jinja_rows.py` asks it
 * again.
 * SPDX-License-Identifier: MIT */
#ifndef TESTS_JINJA_ROWS_H
#define TESTS_JINJA_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "text/template/jinja.h"

struct row {
    const char *source, *want; /* want NULL: an error */
};

/* 2026-11-22 12:00:00 UTC: what strftime_now sees. */
enum { ROWS_NOW = 1795348800 };

/* Renders every row with the members of `vars`, JSON. Prints each that differs, then fails the test. */
void rows_check(const struct row *rows, size_t n, const char *vars);

/* Renders one template with the default limits, or with `limits`. `own`: JSON or NULL. */
int row_render(const char *source, const char *vars, const char *own, const struct jinja_limits *limits,
               struct marked *out, struct err *e);

#endif

/* body_scan.c - counts tokens and nesting of a JSON text.
 * SPDX-License-Identifier: MIT */
#include "api/body_scan.h"

#include <string.h>

const struct json_limits body_limits = { .bytes = BODY_BYTES_MAX, .depth = BODY_DEPTH_MAX, .raw = true };

/* Behind the string whose opening quote is at p. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end; p++) {
        if (*p == '\\')
            p++;
        else if (*p == '"')
            return p + 1;
    }
    return end;
}

static bool is_punctuation(char c)
{
    return c == ',' || c == ':' || c == ']' || c == '}' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the number or word at p. */
static const char *skip_word(const char *p, const char *end)
{
    while (p < end && !is_punctuation(*p) && *p != '"' && *p != '[' && *p != '{')
        p++;
    return p;
}

int body_scan(struct body_scan *out, struct str text, size_t max_values, struct err *e)
{
    *out = (struct body_scan){ 0 };
    if (text.n > BODY_BYTES_MAX)
        return err_set(e, ERR_LIMIT, "request body: %zu bytes, the limit is %d", text.n, BODY_BYTES_MAX);
    int depth = 0;
    for (const char *p = text.p, *end = text.p + text.n; p < end;) {
        if (is_punctuation(*p)) {
            depth -= *p == ']' || *p == '}';
            p++;
            continue;
        }
        if (++out->values > max_values)
            return err_set(e, ERR_LIMIT, "request body: more than %zu values and keys", max_values);
        if (*p == '[' || *p == '{') {
            p++;
            if (++depth > BODY_DEPTH_MAX)
                return err_set(e, ERR_LIMIT, "request body: arrays and objects nested deeper than %d", BODY_DEPTH_MAX);
            out->depth = MAX(out->depth, depth);
        } else {
            p = *p == '"' ? skip_string(p, end) : skip_word(p, end);
        }
    }
    return 0;
}

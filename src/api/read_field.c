/* read_field.c - single fields of a request with their ranges.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api/read_common.h"
#include "base/mem.h"

static const double count_max = 9007199254740992.0; /* 2^53 */

const char *read_path(char out[READ_PATH_BYTES], const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(out, READ_PATH_BYTES, fmt, ap);
    va_end(ap);
    return out;
}

static const char *member_path(char path[READ_PATH_BYTES], const char *at, const char *key)
{
    return read_path(path, "%s%s", at, key);
}

int read_bad(struct reader *rd, const char *at, const char *expected, const struct json *found)
{
    struct buf value = BUF_INIT(1 << 12);
    enum json_type t = json_type(found);
    if (t == JSON_INT || t == JSON_DOUBLE || t == JSON_BOOL || (t == JSON_STRING && json_str(found).n <= 64))
        json_write(&value, found);
    else
        buf_z(&value, found ? json_type_name(t) : "nothing");
    api_error_set(rd->x, API_ERR_INVALID, at, "%s: expected %s, found %s", at, expected, value.p ? value.p : "");
    buf_deinit(&value);
    return -1;
}

static int bad_member(struct reader *rd, const char *at, const char *key, const char *expected,
                      const struct json *found)
{
    char path[READ_PATH_BYTES];
    return read_bad(rd, member_path(path, at, key), expected, found);
}

int read_bool(struct reader *rd, const struct json *obj, const char *at, const char *key, bool *out)
{
    const struct json *v = json_get(obj, key);
    if (!v)
        return 0;
    if (json_type(v) != JSON_BOOL)
        return bad_member(rd, at, key, "true or false", v);
    *out = json_bool(v);
    return 0;
}

int read_str(struct reader *rd, const struct json *obj, const char *at, const char *key, struct str *out)
{
    const struct json *v = json_get(obj, key);
    if (!v)
        return 0;
    if (json_type(v) != JSON_STRING)
        return bad_member(rd, at, key, "a string", v);
    *out = json_str(v);
    return 0;
}

int read_double(struct reader *rd, const struct json *obj, const char *at, const char *key, double min, double max,
                double *out)
{
    const struct json *v = json_get(obj, key);
    if (!v)
        return 0;
    double x = json_double(v);
    if ((json_type(v) != JSON_INT && json_type(v) != JSON_DOUBLE) || !(x >= min && x <= max)) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
        return bad_member(rd, at, key, expected, v);
    }
    *out = x;
    return 0;
}

/* A number without a fraction. */
static bool whole(const struct json *v, double *out)
{
    if (json_type(v) != JSON_INT && json_type(v) != JSON_DOUBLE)
        return false;
    *out = json_double(v);
    return !isnan(*out) && (isinf(*out) || floor(*out) == *out);
}

int read_int(struct reader *rd, const struct json *obj, const char *at, const char *key, int64_t min, int64_t max,
             int64_t *out)
{
    const struct json *v = json_get(obj, key);
    double x;
    if (!v)
        return 0;
    int64_t n = 0;
    bool ok = whole(v, &x);
    if (ok && !json_i64(v, &n)) {
        ok = fabs(x) <= count_max;
        n = ok ? (int64_t)x : 0;
    }
    if (!ok || n < min || n > max) {
        char expected[96];
        (void)snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)min, (long long)max);
        return bad_member(rd, at, key, expected, v);
    }
    *out = n;
    return 0;
}

int read_count(struct reader *rd, const struct json *obj, const char *at, const char *key, int64_t min, uint64_t *out)
{
    const struct json *v = json_get(obj, key);
    double x;
    if (!v)
        return 0;
    if (!whole(v, &x) || x < (double)min) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "an integer of at least %lld", (long long)min);
        return bad_member(rd, at, key, expected, v);
    }
    *out = (uint64_t)(x < count_max ? x : count_max);
    return 0;
}

static int read_typed(struct reader *rd, const struct json *obj, const char *at, const char *key, enum json_type t,
                      const struct json **out)
{
    const struct json *v = json_get(obj, key);
    if (!v)
        return 0;
    if (json_type(v) != t)
        return bad_member(rd, at, key, json_type_name(t), v);
    *out = v;
    return 0;
}

int read_object(struct reader *rd, const struct json *obj, const char *at, const char *key, const struct json **out)
{
    return read_typed(rd, obj, at, key, JSON_OBJECT, out);
}

int read_array(struct reader *rd, const struct json *obj, const char *at, const char *key, const struct json **out)
{
    return read_typed(rd, obj, at, key, JSON_ARRAY, out);
}

void *read_grow(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? 2 * *cap : 16;
    return xrealloc(v, *cap * size);
}

void read_put(struct buf *out, const char *key, struct str value)
{
    buf_printf(out, ", \"%s\": ", key);
    json_write_str(out, value);
}

/* fuzz_json.c - any bytes as JSON: what parses is written, parses again, and is written the same.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct json *v)
{
    int64_t i;
    double d;
    bool b;
    struct str s;
    struct json_iter it;
    for (size_t k = 0; json_type(v) == JSON_ARRAY && k < json_len(v); k++)
        read_all(json_at(v, k));
    for (bool more = json_first(&it, v); more; more = json_next(&it)) {
        struct err e = ERR_INIT;
        const char *key = it.key.p;
        if (!json_req_i64(v, key, -5, 5, &i, &e) || !json_req_double(v, key, 0, 1, &d, &e) ||
            !json_req_str(v, key, &s, &e) || !json_opt_bool(v, key, &b, &e))
            err_clear(&e);
        read_all(it.value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *v, *again;
    struct buf first = { 0 }, second = { 0 };
    struct json_limits limits = json_limits_default;
    limits.unique = size % 2;
    limits.raw = size / 2 % 2;
    if (json_parse(&v, (struct str){ (const char *)data, size }, "fuzz", &limits, NULL))
        return 0;
    read_all(v);
    json_write(&first, v);
    json_free(v);
    /* Infinity is what Python writes, and no JSON. */
    if (!json_parse(&again, buf_view(&first), "fuzz", NULL, NULL)) {
        json_write(&second, again);
        if (!str_eq(buf_view(&first), buf_view(&second)))
            abort();
        json_free(again);
    } else if (!strstr(first.p, "Infinity")) {
        abort();
    }
    buf_deinit(&first);
    buf_deinit(&second);
    return 0;
}

/* schema_core.c - memory, limits and failures of the schema compiler.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_core.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

enum { BLOCK_BYTES = 1 << 16, MAX_NOTES = 100, TICKS_PER_LOOK = 32, MAX_POINTER_DEPTH = 200 };

struct schema_core_block {
    struct schema_core_block *next;
    size_t size;
    max_align_t data[];
};

static char *new_block(struct schema *s, size_t n)
{
    size_t size = MAX(n, (size_t)BLOCK_BYTES);
    struct schema_core_block *b = xmalloc(sizeof *b + size);
    b->size = size;
    b->next = s->blocks;
    s->blocks = b;
    s->used = n;
    s->bytes += size;
    if (s->bytes > SCHEMA_MAX_BYTES)
        schema_core_fail(s, ERR_LIMIT, "the schema is too large: working it out takes more than %d MiB",
                         SCHEMA_MAX_BYTES >> 20);
    return (char *)b->data;
}

void *schema_core_alloc(struct schema *s, size_t n, size_t size)
{
    size_t bytes;
    /* Counts come from a schema of 1 MiB or from what lies in the arena already: one step beyond its limit is still a size. */
    bool fits = mem_mul(n, size, &bytes);
    assert(fits && bytes < SIZE_MAX / 2);
    (void)fits;
    bytes = (bytes + 15) & ~(size_t)15;
    char *p;
    if (s->blocks && s->blocks->size - s->used >= bytes) {
        p = (char *)s->blocks->data + s->used;
        s->used += bytes;
    } else {
        p = new_block(s, bytes);
    }
    memset(p, 0, bytes);
    return p;
}

void schema_core_free(struct schema *s)
{
    while (s->blocks) {
        struct schema_core_block *next = s->blocks->next;
        mem_free(s->blocks);
        s->blocks = next;
    }
}

struct str schema_core_copy(struct schema *s, struct str text)
{
    char *p = schema_core_alloc(s, text.n + 1, 1);
    if (text.n)
        memcpy(p, text.p, text.n);
    return (struct str){ p, text.n };
}

void *schema_core_grow(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? *cap * 2 : 16;
    return xrealloc(v, *cap * size);
}

void schema_core_fail(struct schema *s, int code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(&s->err, code, fmt, ap);
    va_end(ap);
}

bool schema_core_failed(const struct schema *s)
{
    return s->err.code != 0 || grammar_build_failed(s->b);
}

bool schema_core_tick(struct schema *s)
{
    if (++s->ticks % TICKS_PER_LOOK == 0 && clock_thread_ns() > s->deadline_ns)
        schema_core_fail(s, ERR_LIMIT, "the schema is too complex: compiling it took longer than its time limit");
    return !schema_core_failed(s);
}

static void add_token(struct buf *out, struct str key)
{
    buf_char(out, '/');
    for (size_t i = 0; i < key.n; i++) {
        if (key.p[i] == '~')
            buf_z(out, "~0");
        else if (key.p[i] == '/')
            buf_z(out, "~1");
        else
            buf_char(out, key.p[i]);
    }
}

/* Whether `at` lies in `v`; its pointer is then appended. */
static bool find(const struct json *v, const struct json *at, struct buf *out, int depth)
{
    if (v == at)
        return true;
    size_t n = out->n;
    if (depth > MAX_POINTER_DEPTH)
        return false;
    struct json_iter it;
    if (json_type(v) == JSON_OBJECT && json_first(&it, v)) {
        do {
            add_token(out, it.key);
            if (find(it.value, at, out, depth + 1))
                return true;
            buf_truncate(out, n);
        } while (json_next(&it));
    }
    for (size_t i = 0; json_type(v) == JSON_ARRAY && i < json_len(v); i++) {
        buf_printf(out, "/%zu", i);
        if (find(json_at(v, i), at, out, depth + 1))
            return true;
        buf_truncate(out, n);
    }
    return false;
}

void schema_core_pointer(const struct schema *s, const struct json *at, struct buf *out)
{
    buf_char(out, '#');
    if (at)
        find(s->root, at, out, 0);
}

static void report(struct schema *s, const struct json *at, const char *key, int code, const char *why)
{
    if (!s->strict && ++s->n_relaxed > MAX_NOTES)
        return;
    struct buf where = BUF_INIT(4096);
    schema_core_pointer(s, at, &where);
    const char *p = where.p ? where.p : "#";
    if (s->strict) {
        schema_core_fail(s, code, "schema: %s: %s: %s", p, key, why);
    } else if (s->relaxed) {
        buf_printf(s->relaxed, "%s: %s: %s\n", p, key, why);
    }
    buf_deinit(&where);
}

void schema_core_drop(struct schema *s, const struct json *at, const char *key, const char *why)
{
    report(s, at, key, ERR_UNSUPPORTED, why);
}

void schema_core_malformed(struct schema *s, const struct json *at, const char *key, const char *expected)
{
    struct buf why = BUF_INIT(1024);
    buf_printf(&why, "expected %s", expected);
    if (json_type(at) == JSON_OBJECT && json_has(at, key))
        buf_printf(&why, ", found %s", json_type_name(json_type(json_get(at, key))));
    report(s, at, key, ERR_FORMAT, why.p ? why.p : expected);
    buf_deinit(&why);
}

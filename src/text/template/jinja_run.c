/* jinja_run.c - memory, fuel, depth and the first failure of one parse or rendering.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/utf8.h"

enum {
    CHUNK_BYTES = 64 << 10,
    OWN_CHUNK_BYTES = 16 << 10, /* what is larger gets a chunk of its own, so that the newest chunk stays in use */
    ALIGN = 16,
};

struct jrun_chunk {
    struct jrun_chunk *next; /* owned */
    char pad[ALIGN - sizeof(struct jrun_chunk *)];
};

void jrun_init(struct jrun *r, const char *what, const struct jinja_limits *limits, struct err *e)
{
    *r = (struct jrun){
        .what = what, .line = 1, .e = e, .fuel = limits->fuel, .depth = limits->depth, .limits = *limits
    };
}

void jrun_deinit(struct jrun *r)
{
    while (r->chunks) {
        struct jrun_chunk *c = r->chunks;
        r->chunks = c->next;
        mem_free(c);
    }
}

int jrun_fail(struct jrun *r, int code, const char *fmt, ...)
{
    if (r->code != 0)
        return r->code;
    r->code = code;
    struct err reason = ERR_INIT;
    va_list ap;
    va_start(ap, fmt);
    err_vset(&reason, code, fmt, ap);
    va_end(ap);
    struct buf whole = { 0 }; /* names and values may have been cut within a character */
    utf8_clean(&whole, str_from(reason.msg));
    err_set(r->e, code, "%s: line %d: %s", r->what, r->line, whole.n ? whole.p : "");
    buf_deinit(&whole);
    return code;
}

int jrun_count(struct jrun *r, size_t n)
{
    if (n > r->limits.memory_bytes - r->memory)
        return jrun_fail(r, ERR_LIMIT, "the template makes values of more than %zu bytes (limit on memory)",
                         r->limits.memory_bytes);
    r->memory += n;
    return 0;
}

static char *new_chunk(struct jrun *r, size_t n)
{
    size_t all;
    if (!mem_add(n, sizeof(struct jrun_chunk), &all))
        all = SIZE_MAX;
    if (jrun_count(r, all) != 0)
        return NULL;
    struct jrun_chunk *c = mem_try_aligned(all, ALIGN);
    if (!c) {
        jrun_fail(r, ERR_NOMEM, "no memory for %zu bytes", all);
        return NULL;
    }
    c->next = r->chunks;
    r->chunks = c;
    return (char *)(c + 1);
}

void *jrun_bytes(struct jrun *r, size_t n)
{
    if (r->code != 0)
        return NULL;
    if (n > OWN_CHUNK_BYTES)
        return new_chunk(r, n);
    size_t rounded = n ? (n + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    if (rounded > r->room) {
        size_t left = r->limits.memory_bytes - r->memory;
        size_t size = CHUNK_BYTES;
        if (left < size + sizeof(struct jrun_chunk) && left >= rounded + sizeof(struct jrun_chunk))
            size = (left - sizeof(struct jrun_chunk)) / ALIGN * ALIGN;
        char *p = new_chunk(r, size);
        if (!p)
            return NULL;
        r->at = p;
        r->room = size;
    }
    char *p = r->at;
    r->at += rounded;
    r->room -= rounded;
    return p;
}

void *jrun_alloc(struct jrun *r, size_t n, size_t size)
{
    size_t all;
    if (!mem_mul(n, size, &all)) {
        jrun_fail(r, ERR_LIMIT, "a value of %zu items is too large", n);
        return NULL;
    }
    void *p = jrun_bytes(r, all);
    if (p)
        memset(p, 0, all);
    return p;
}

int jrun_spend(struct jrun *r, uint64_t n)
{
    if (r->code != 0)
        return r->code;
    if (r->fuel < n) {
        r->fuel = 0;
        return jrun_fail(r, ERR_LIMIT, "the template takes more than %llu steps (limit on fuel)",
                         (unsigned long long)r->limits.fuel);
    }
    r->fuel -= n;
    return 0;
}

int jrun_enter(struct jrun *r)
{
    if (r->depth <= 0)
        return jrun_fail(r, ERR_LIMIT, "nested more than %d levels deep (limit on depth)", r->limits.depth);
    r->depth--;
    return 0;
}

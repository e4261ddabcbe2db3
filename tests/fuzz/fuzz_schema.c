/* fuzz_schema.c - any bytes as a JSON Schema: compiling ends within its limits, and what a grammar makes of it is JSON.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/rng.h"
#include "support/accepts.h"
#include "text/grammar/grammar.h"

/* A hundred times what compiling may take: the sanitizers slow it down. */
#define WORK_NS INT64_C(10000000000)
enum { WALKS = 4, HURRY = 60, CUT = 2000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* Texts that the grammar derives are whole JSON texts, and derived again. */
static void walk(const struct grammar *g)
{
    struct rng r;
    rng_init(&r, 1);
    for (int i = 0; i < WALKS; i++) {
        struct buf text = { 0 };
        struct json *v = NULL;
        if (accepts_walk(g, &r, HURRY, CUT, &text)) {
            check(json_parse(&v, buf_view(&text), "text", &(struct json_limits){ .bytes = 1 << 20, .depth = 1000 },
                             NULL) == 0);
            check(accepts(g, buf_view(&text)));
            json_free(v);
        }
        buf_deinit(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json *schema;
    log_set_level(LOG_ERROR);
    if (json_parse(&schema, (struct str){ (const char *)data, size }, "schema", NULL, NULL))
        return 0;
    for (int strict = 0; strict <= 1; strict++) {
        struct grammar *g = NULL;
        struct err e = ERR_INIT;
        struct buf relaxed = BUF_INIT(1 << 20);
        int64_t t = clock_thread_ns();
        int code = grammar_schema(&g, schema, strict, &relaxed, &e);
        check(clock_thread_ns() - t < WORK_NS);
        check((code == 0) == (g != NULL) && (code == 0 || (code == e.code && e.msg[0])));
        check(strict || code != ERR_UNSUPPORTED);
        if (g)
            walk(g);
        grammar_release(g);
        buf_deinit(&relaxed);
    }
    json_free(schema);
    return 0;
}

/* fuzz_tokenizer.c - any bytes as tokenizer.json: what opens encodes any text, and streams what it decodes.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "text/detok.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Letters of several scripts, marks out of order, spaces, digits, wrong bytes, added tokens of the corpus. */
static const char text[] =
    "I'll see: caf\xc3\xa9 cafe\xcc\x81\xcc\xa7  \r\n\t12345 \xd9\xa3 \xe4\xb8\xad\xe6\x96\x87 "
    "\xf0\x9f\x98\x80\xff\xe2\x82"
    "<a> <|im_end|>x<|im_end|> foo  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n";

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_ids(const struct tokenizer *t, const struct ids *ids)
{
    struct buf whole = { 0 }, streamed = { 0 };
    struct detok d;
    detok_init(&d, t, true);
    for (size_t i = 0; i < ids->n; i++) {
        check(ids->v[i] >= 0 && ids->v[i] < tokenizer_size(t));
        detok_push(&d, ids->v[i], &streamed);
    }
    detok_flush(&d, &streamed);
    tokenizer_decode(t, ids->v, ids->n, true, &whole);
    check(str_eq(buf_view(&whole), buf_view(&streamed)) && utf8_valid(buf_view(&whole)));
    buf_deinit(&whole);
    buf_deinit(&streamed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tokenizer *t;
    struct err e = ERR_INIT;
    struct ids ids = { 0 };
    struct marked m = { 0 };
    if (tokenizer_parse(&t, (struct str){ (const char *)data, size }, "tokenizer.json", &e)) {
        check(!t && e.code < 0 && e.msg[0]);
        return 0;
    }
    int rc = tokenizer_encode(t, STR(text), TOKENIZER_ADDED_ALL, &ids, &e);
    check(rc == e.code && (rc == 0 || ids.n == 0));
    check_ids(t, &ids);
    ids.n = 0;
    marked_add(&m, STR("<a>"), false);
    marked_add(&m, STR(text), true);
    marked_add(&m, STR("<|im_end|>"), false);
    err_clear(&e);
    rc = tokenizer_encode_marked(t, &m, &ids, &e);
    check(rc == e.code);
    check_ids(t, &ids);
    marked_deinit(&m);
    ids_deinit(&ids);
    tokenizer_close(t);
    return 0;
}

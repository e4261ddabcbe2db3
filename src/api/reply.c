/* reply.c - an answer that is one piece.
 * SPDX-License-Identifier: MIT */
#include "api/reply.h"

#include <stdio.h>

void reply_init(struct reply *r)
{
    *r = (struct reply){ .status = 200, .type = "application/json" };
}

void reply_deinit(struct reply *r)
{
    buf_deinit(&r->body);
    buf_deinit(&r->error);
}

void reply_header(struct reply *r, const char *name, struct str value)
{
    size_t n = 0;
    if (r->n_header == REPLY_HEADERS)
        return;
    struct exchange_header *h = &r->header[r->n_header++];
    h->name = name;
    for (size_t i = 0; i < value.n && n < sizeof h->value - 1; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c >= 0x20 && c < 0x7f)
            h->value[n++] = (char)c;
    }
    h->value[n] = 0;
}

void reply_error(struct reply *r, const struct api_error *x, enum api_dialect d, struct str request_id)
{
    r->status = api_error_status(x->kind);
    r->type = "application/json";
    buf_reset(&r->body);
    api_error_body(&r->body, x, d, request_id);
    buf_reset(&r->error);
    buf_z(&r->error, x->message);
    if (x->retry_after_s) {
        char text[32];
        snprintf(text, sizeof text, "%d", x->retry_after_s);
        reply_header(r, "Retry-After", str_from(text));
    }
}

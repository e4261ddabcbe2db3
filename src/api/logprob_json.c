/* logprob_json.c - logprobs of tokens, in the three shapes that OpenAI's APIs have for them.
 * SPDX-License-Identifier: MIT */
#include "api/logprob_json.h"

#include <math.h>

#include "base/utf8.h"
#include "format/json.h"
#include "format/repr.h"

static void comma(struct buf *out)
{
    if (out->n)
        buf_char(out, ',');
}

static void value(struct buf *out, double x)
{
    if (isnan(x))
        buf_z(out, "null");
    else
        repr_double(out, isinf(x) ? -9999.0 : x);
}

static void token(struct buf *out, struct str s, const char *prefix)
{
    if (utf8_valid(s)) {
        json_write_str(out, s);
        return;
    }
    buf_char(out, '"');
    buf_z(out, prefix);
    for (size_t i = 0; i < s.n; i++)
        buf_printf(out, "\\\\x%02x", (unsigned char)s.p[i]);
    buf_char(out, '"');
}

static void token_and_value(struct buf *out, struct str s, double x)
{
    buf_z(out, "{\"token\":");
    token(out, s, "");
    buf_z(out, ",\"logprob\":");
    value(out, x);
    buf_z(out, ",\"bytes\":[");
    for (size_t i = 0; i < s.n; i++)
        buf_printf(out, "%s%u", i ? "," : "", (unsigned)(unsigned char)s.p[i]);
    buf_char(out, ']');
}

void logprob_json_chat(struct buf *out, const struct writer_logprob *lp, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        comma(out);
        token_and_value(out, lp[i].token, lp[i].logprob);
        buf_z(out, ",\"top_logprobs\":[");
        for (int k = 0; k < lp[i].n_top; k++) {
            if (k)
                buf_char(out, ',');
            token_and_value(out, lp[i].top[k].token, lp[i].top[k].logprob);
            buf_char(out, '}');
        }
        buf_z(out, "]}");
    }
}

/* The most probable tokens as an object; the token itself is among them, even where it is not one of them. */
static void tops(struct buf *out, const struct writer_logprob *lp)
{
    if (isnan(lp->logprob)) {
        buf_z(out, "null");
        return;
    }
    bool listed = false;
    buf_char(out, '{');
    for (int k = 0; k < lp->n_top; k++) {
        token(out, lp->top[k].token, "bytes:");
        buf_char(out, ':');
        value(out, lp->top[k].logprob);
        buf_char(out, ',');
        listed |= str_eq(lp->top[k].token, lp->token);
    }
    if (listed) {
        buf_truncate(out, out->n - 1);
    } else {
        token(out, lp->token, "bytes:");
        buf_char(out, ':');
        value(out, lp->logprob);
    }
    buf_char(out, '}');
}

/* Characters that begin in s: a character cut in two counts where it begins. */
static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

void logprob_json_lists(struct logprob_lists *l, const struct writer_logprob *lp, size_t n, size_t *n_char)
{
    for (size_t i = 0; i < n; i++) {
        comma(&l->token);
        token(&l->token, lp[i].token, "bytes:");
        comma(&l->value);
        value(&l->value, lp[i].logprob);
        comma(&l->top);
        tops(&l->top, &lp[i]);
        comma(&l->offset);
        buf_printf(&l->offset, "%zu", *n_char);
        *n_char += characters(lp[i].token);
    }
}

static void list(struct buf *out, const char *name, const struct buf *elements)
{
    buf_printf(out, "\"%s\":[", name);
    buf_str(out, buf_view(elements));
    buf_char(out, ']');
}

void logprob_json_object(struct buf *out, const struct logprob_lists *l, bool with_tops)
{
    buf_char(out, '{');
    list(out, "tokens", &l->token);
    buf_char(out, ',');
    list(out, "token_logprobs", &l->value);
    buf_char(out, ',');
    if (with_tops)
        list(out, "top_logprobs", &l->top);
    else
        buf_z(out, "\"top_logprobs\":null");
    buf_char(out, ',');
    list(out, "text_offset", &l->offset);
    buf_char(out, '}');
}

void logprob_lists_reset(struct logprob_lists *l)
{
    buf_reset(&l->token);
    buf_reset(&l->value);
    buf_reset(&l->top);
    buf_reset(&l->offset);
}

void logprob_lists_deinit(struct logprob_lists *l)
{
    buf_deinit(&l->token);
    buf_deinit(&l->value);
    buf_deinit(&l->top);
    buf_deinit(&l->offset);
}

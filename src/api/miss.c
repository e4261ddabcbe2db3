/* miss.c - why a prompt was not found again.
 * SPDX-License-Identifier: MIT */
#include "api/miss.h"

#include "base/base.h"
#include "base/log.h"
#include "format/json.h"

enum { BEFORE = 12, AFTER = 6 }; /* tokens shown */

static void quote(struct buf *out, const struct tokenizer *tok, const int32_t *ids, size_t n)
{
    struct buf text = { 0 };
    tokenizer_decode(tok, ids, n, false, &text);
    json_write_str(out, buf_view(&text));
    buf_deinit(&text);
}

void miss_log(struct str request_id, const struct tokenizer *tok, const struct ids *prompt,
              const struct engine_figures *f)
{
    size_t at = f->n_match;
    if (f->match_next < 0 || at >= prompt->n)
        return;
    size_t from = at > BEFORE ? at - BEFORE : 0;
    struct buf line = { 0 };
    buf_printf(&line, "%.*s: prompt of %zu tokens differs from all that is known at token %zu: ", (int)request_id.n,
               request_id.p, prompt->n, at);
    quote(&line, tok, prompt->v + at, 1);
    buf_z(&line, ", where the last one had ");
    quote(&line, tok, &f->match_next, 1);
    buf_z(&line, "; text around it: ");
    quote(&line, tok, prompt->v + from, at - from);
    buf_z(&line, " + ");
    quote(&line, tok, prompt->v + at, MIN((size_t)AFTER, prompt->n - at));
    log_info("%s", line.p);
    buf_deinit(&line);
}

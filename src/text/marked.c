/* marked.c - text that remembers which of its bytes came from values.
 * SPDX-License-Identifier: MIT */
#include "text/marked.h"

#include "base/base.h"
#include "base/mem.h"

void marked_deinit(struct marked *m)
{
    buf_deinit(&m->text);
    mem_free(m->spans);
    m->spans = NULL;
    m->n_span = m->cap_span = 0;
}

void marked_reset(struct marked *m)
{
    buf_reset(&m->text);
    m->n_span = 0;
}

void marked_add(struct marked *m, struct str s, bool value)
{
    size_t from = m->text.n;
    buf_str(&m->text, s);
    /* Nothing was stored if the text is at its limit. */
    if (!value || m->text.n == from)
        return;
    if (m->n_span && m->spans[m->n_span - 1].to == from) {
        m->spans[m->n_span - 1].to = m->text.n;
        return;
    }
    if (m->n_span == m->cap_span) {
        m->cap_span = MAX(m->cap_span * 2, 16);
        m->spans = xrealloc(m->spans, m->cap_span * sizeof *m->spans);
    }
    m->spans[m->n_span++] = (struct marked_span){ from, m->text.n };
}

/* summary.c - what a model is made of, added up from its weights.
 * SPDX-License-Identifier: MIT */
#include "cli/summary.h"

#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/str.h"

const char *summary_kind_name(enum summary_kind k)
{
    static const char *const names[] = { "embedding", "head", "attention", "router", "experts", "dense", "vectors" };
    _Static_assert(ARRAY_LEN(names) == SUMMARY_KIND_N, "a name for every kind");
    return names[k];
}

/* By the names that MLX checkpoints use throughout. */
static enum summary_kind kind_of(const struct weight *w)
{
    struct str name = str_from(w->name);
    if (w->vec)
        return SUMMARY_VECTORS;
    if (w->mat.n_mat > 1)
        return SUMMARY_EXPERTS;
    if (strstr(w->name, "embed_tokens"))
        return SUMMARY_EMBEDDING;
    if (strstr(w->name, "lm_head"))
        return SUMMARY_HEAD;
    if (str_ends(name, STR(".gate")) || str_ends(name, STR(".router")))
        return SUMMARY_ROUTER;
    return strstr(w->name, "attn") ? SUMMARY_ATTENTION : SUMMARY_DENSE;
}

static struct summary_row *row_for(struct summary *s, enum summary_kind kind, const struct mat *form)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct mat *f = &s->v[i].form;
        if (s->v[i].kind == kind && f->mode == form->mode && f->bits == form->bits && f->group == form->group &&
            f->dtype == form->dtype)
            return &s->v[i];
    }
    s->v = xrealloc(s->v, (s->n + 1) * sizeof *s->v);
    s->v[s->n] = (struct summary_row){ .kind = kind, .form = *form };
    return &s->v[s->n++];
}

/* What one token reads of a module. */
static uint64_t read_bytes(enum summary_kind kind, const struct weight *w, const struct config *c)
{
    if (kind == SUMMARY_EXPERTS)
        return w->n_bytes / (uint64_t)w->mat.n_mat * (uint64_t)c->n_active;
    if (kind == SUMMARY_EMBEDDING && !c->tie)
        return w->n_bytes / (uint64_t)w->mat.n_out;
    return w->n_bytes;
}

void summary_make(struct summary *s, const struct model *m)
{
    const struct config *c = model_config(m);
    const struct weights *weights = model_weights(m);
    *s = (struct summary){ 0 };
    for (size_t i = 0; i < weights_len(weights); i++) {
        const struct weight *w = weights_at(weights, i);
        enum summary_kind kind = kind_of(w);
        struct summary_row *row = row_for(s, kind, &w->mat);
        uint64_t n = (uint64_t)w->mat.n_mat * (uint64_t)w->mat.n_out * (uint64_t)w->mat.n_in;
        row->n_module++;
        row->n_param += n;
        row->n_bytes += w->n_bytes;
        s->n_param += n;
        s->n_active += kind == SUMMARY_EXPERTS ? n / (uint64_t)w->mat.n_mat * (uint64_t)c->n_active : n;
        s->read_bytes += read_bytes(kind, w, c);
    }
}

void summary_deinit(struct summary *s)
{
    mem_free(s->v);
    *s = (struct summary){ 0 };
}

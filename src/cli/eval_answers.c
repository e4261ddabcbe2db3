/* eval_answers.c - exact matches over prompts with known answers.
 * SPDX-License-Identifier: MIT */
#include "cli/eval_answers.h"

#include "base/base.h"
#include "base/mem.h"
#include "cli/interrupt.h"
#include "engine/generate.h"
#include "format/json.h"

/* A prompt of the file, in tokens. */
struct item {
    struct str category, want; /* borrowed from the document */
    size_t number;             /* in the file, from 1 */
    struct ids ids;
};

struct items {
    struct item *v; /* owned; [n] */
    size_t n, longest;
};

static void items_deinit(struct items *a)
{
    for (size_t i = 0; i < a->n; i++)
        ids_deinit(&a->v[i].ids);
    mem_free(a->v);
}

static bool listed(const struct opt_list *only, struct str name)
{
    for (size_t i = 0; i < only->n; i++)
        if (str_eqz(name, only->v[i]))
            return true;
    return !only->n;
}

/* Reads entry i; adds it to *a unless it is left out. */
static int read_item(struct items *a, const struct json *entry, size_t i, const struct tokenizer *tok, size_t limit,
                     const struct opt_list *only, struct err *e)
{
    struct item *it = &a->v[a->n];
    struct str prompt = { 0 };
    *it = (struct item){ .number = i + 1 };
    if (json_req_str(entry, "category", &it->category, e) || json_req_str(entry, "want", &it->want, e) ||
        json_req_str(entry, "prompt", &prompt, e))
        return e->code;
    if (!listed(only, it->category))
        return 0;
    int rc = tokenizer_encode(tok, prompt, TOKENIZER_ADDED_ALL, &it->ids, e);
    if (rc || it->ids.n > limit) {
        ids_deinit(&it->ids);
        return rc;
    }
    a->longest = MAX(a->longest, it->ids.n);
    a->n++;
    return 0;
}

static int read_items(struct items *a, const struct json *doc, const char *path, const struct tokenizer *tok,
                      size_t limit, const struct opt_list *only, struct err *e)
{
    if (json_type(doc) != JSON_ARRAY)
        return err_set(e, ERR_FORMAT, "%s: expected an array of {category, prompt, want}, found %s", path,
                       json_type_name(json_type(doc)));
    a->v = mem_try_calloc(MAX(json_len(doc), 1), sizeof *a->v);
    if (!a->v)
        return err_set(e, ERR_NOMEM, "%s: no memory for %zu prompts", path, json_len(doc));
    for (size_t i = 0; i < json_len(doc); i++)
        if (read_item(a, json_at(doc, i), i, tok, limit, only, e))
            return e->code;
    if (!a->n)
        return err_set(e, ERR_ARG, "%s: of %zu prompts none is left to ask", path, json_len(doc));
    return 0;
}

static struct eval_category *category(struct eval_answers *a, struct str name)
{
    for (size_t i = 0; i < a->n; i++)
        if (str_eqz(name, a->v[i].name))
            return &a->v[i];
    a->v = xrealloc(a->v, (a->n + 1) * sizeof *a->v);
    a->v[a->n] = (struct eval_category){ .name = xstrndup(name.p, name.n) };
    return &a->v[a->n++];
}

static void count(struct eval_answers *a, const struct item *it, const struct buf *text, enum answer_finish finish)
{
    struct eval_category *c = category(a, it->category);
    bool right = finish == ANSWER_EOS && str_eq(buf_view(text), it->want);
    c->total++;
    a->total++;
    c->right += right;
    a->right += right;
    if (right)
        return;
    buf_printf(&a->wrong, "prompt %zu (%s)\n  wanted ", it->number, c->name);
    json_write_str(&a->wrong, it->want);
    buf_z(&a->wrong, "\n  found  ");
    json_write_str(&a->wrong, buf_view(text));
    buf_z(&a->wrong, finish == ANSWER_EOS ? "\n" : ", without an end\n");
}

static bool on_text(void *arg, struct str piece)
{
    buf_str(arg, piece);
    return interrupt_pending();
}

static bool on_progress(void *arg, size_t done, size_t total)
{
    (void)arg;
    (void)done;
    (void)total;
    return interrupt_pending();
}

static int ask_all(struct eval_answers *a, const struct items *items, const struct load *l, struct progress *bar,
                   struct err *e)
{
    const struct config *c = model_config(l->model);
    struct seq *seq = NULL;
    struct buf text = { 0 };
    int rc = seq_new(&seq, l->model, items->longest + EVAL_ANSWER_TOKENS, e);
    for (size_t i = 0; !rc && i < items->n; i++) {
        const struct item *it = &items->v[i];
        struct generate_result res = { 0 };
        /* Special tokens stay visible: an answer with a stray one is not the one that was wanted. */
        const struct generate_request req = { .prompt = it->ids.v,
                                              .n_prompt = it->ids.n,
                                              .answer.sampling = sampling_greedy,
                                              .answer.eos = c->eos,
                                              .answer.n_eos = c->n_eos,
                                              .answer.max_tokens = EVAL_ANSWER_TOKENS,
                                              .answer.keep_special = true,
                                              .on_text = on_text,
                                              .on_progress = on_progress,
                                              .arg = &text };
        buf_reset(&text);
        rc = generate(&res, seq, l->tok, &req, e);
        if (!rc && res.finish == ANSWER_CANCELLED)
            rc = err_set(e, ERR_CANCELLED, "interrupted after %zu of %zu prompts", i, items->n);
        if (!rc)
            count(a, it, &text, res.finish);
        generate_result_deinit(&res);
        progress_update(bar, i + 1, items->n);
    }
    seq_free(seq);
    buf_deinit(&text);
    return rc;
}

int eval_answers_run(struct eval_answers *a, const struct load *l, const char *path, size_t limit,
                     const struct opt_list *only, struct progress *bar, struct err *e)
{
    struct json *doc = NULL;
    struct items items = { 0 };
    int rc = json_read(&doc, path, &json_limits_default, e);
    if (!rc)
        rc = read_items(&items, doc, path, l->tok, limit, only, e);
    if (!rc) {
        a->left_out = json_len(doc) - items.n;
        rc = ask_all(a, &items, l, bar, e);
    }
    items_deinit(&items);
    json_free(doc);
    return rc;
}

void eval_answers_write(const struct eval_answers *a, struct buf *out, bool json)
{
    if (!json && a->wrong.n)
        buf_str(out, buf_view(&a->wrong));
    if (json)
        buf_printf(out, "\"right\": %zu, \"total\": %zu, \"left_out\": %zu, \"categories\": {", a->right, a->total,
                   a->left_out);
    for (size_t i = 0; i < a->n; i++) {
        const struct eval_category *c = &a->v[i];
        if (!json) {
            buf_printf(out, "%-24s %4zu of %4zu\n", c->name, c->right, c->total);
            continue;
        }
        buf_z(out, i ? ", " : "");
        json_write_str(out, str_from(c->name));
        buf_printf(out, ": [%zu, %zu]", c->right, c->total);
    }
    if (json)
        buf_char(out, '}');
    else
        buf_printf(out, "%-24s %4zu of %4zu, %zu left out\n", "all", a->right, a->total, a->left_out);
}

void eval_answers_deinit(struct eval_answers *a)
{
    for (size_t i = 0; i < a->n; i++)
        mem_free(a->v[i].name);
    mem_free(a->v);
    buf_deinit(&a->wrong);
    *a = (struct eval_answers){ 0 };
}

/* writer.c - an answer on its way to the client: what all APIs share.
 * SPDX-License-Identifier: MIT */
#include "api/writer.h"

#include <assert.h>
#include <string.h>

#include "api/writer_list.h"
#include "base/mem.h"
#include "base/utf8.h"

static const struct writer_dialect *const dialects[] = {
    [API_CHAT] = &writer_chat,
    [API_COMPLETIONS] = &writer_completions,
    [API_RESPONSES] = &writer_responses,
    [API_MESSAGES] = &writer_messages,
};

static size_t choices_of(const struct api_request *r)
{
    size_t n = r->n > 1 ? (size_t)r->n : 1;
    if (r->dialect == API_COMPLETIONS)
        return r->n_prompt > 1 ? n * r->n_prompt : n;
    return r->dialect == API_CHAT ? n : 1;
}

int writer_new(struct writer **out, const struct writer_opts *o, struct err *e)
{
    size_t n = choices_of(o->request);
    struct writer_choice *choice = mem_try_calloc(n, sizeof *choice);
    *out = NULL;
    if (!choice)
        return err_set(e, ERR_NOMEM, "an answer of %zu choices: out of memory", n);
    struct writer *w = *out = xcalloc(1, sizeof *w);
    w->o = *o;
    w->dialect = dialects[o->request->dialect];
    w->keeps = !o->request->stream || w->dialect->keeps;
    w->choice = choice;
    w->n_choice = (int)n;
    for (int i = 0; i < w->n_choice; i++)
        w->choice[i].index = i;
    struct str id = o->request_id, prefix = STR("req_");
    buf_z(&w->id, w->dialect->id_prefix);
    buf_str(&w->id, str_starts(id, prefix) ? str_sub(id, prefix.n, id.n) : id);
    return 0;
}

static void item_deinit(struct writer_item *it)
{
    custom_input_deinit(&it->custom);
    buf_deinit(&it->text);
    buf_deinit(&it->logprob);
}

void writer_free(struct writer *w)
{
    if (!w)
        return;
    for (int i = 0; i < w->n_choice; i++) {
        struct writer_choice *c = &w->choice[i];
        for (size_t k = 0; k < c->n_item; k++)
            item_deinit(&c->item[k]);
        mem_free(c->item);
        buf_deinit(&c->stop);
        buf_deinit(&c->logprob);
        logprob_lists_deinit(&c->lists);
    }
    mem_free(w->choice);
    buf_deinit(&w->id);
    buf_deinit(&w->head);
    buf_deinit(&w->scratch);
    mem_free(w);
}

static bool streams(const struct writer *w)
{
    return w->o.request->stream;
}

static struct writer_choice *choice_of(struct writer *w, int i)
{
    assert(i >= 0 && i < w->n_choice);
    return &w->choice[i];
}

static struct writer_item *last(struct writer_choice *c)
{
    assert(c->n_item > 0);
    return &c->item[c->n_item - 1];
}

void writer_start(struct writer *w, const struct writer_prompt *p, struct buf *out)
{
    w->prompt = *p;
    if (streams(w))
        w->dialect->start(w, out);
}

void writer_progress(struct writer *w, size_t done, size_t total, size_t n_cached, double seconds, struct buf *out)
{
    if (streams(w) && w->o.request->progress && w->dialect->progress)
        w->dialect->progress(w, done, total, n_cached, seconds, out);
}

void writer_keepalive(struct writer *w, struct buf *out)
{
    if (streams(w))
        w->dialect->keepalive(w, out);
}

static void close_item(struct writer *w, struct writer_choice *c, bool complete, struct buf *out)
{
    if (!c->open)
        return;
    struct writer_item *it = last(c);
    c->open = false;
    it->complete = complete;
    if (streams(w) && w->dialect->item_end)
        w->dialect->item_end(w, c, it, out);
}

/* Appends an item; NULL if memory is out. */
static struct writer_item *add_item(struct writer *w, struct writer_choice *c, enum writer_kind kind)
{
    if (c->n_item == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 4;
        struct writer_item *p = mem_try_realloc(c->item, cap, sizeof *p);
        if (!p) {
            w->failed = true;
            return NULL;
        }
        c->item = p;
        c->cap = cap;
    }
    struct writer_item *it = &c->item[c->n_item];
    *it = (struct writer_item){ .kind = kind, .complete = true, .index = (int)c->n_item, .n_call = c->n_call };
    c->n_item++;
    c->open = true;
    return it;
}

static void begin_item(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out)
{
    if (w->dialect->name_item)
        w->dialect->name_item(w, it);
    if (streams(w) && w->dialect->item_begin)
        w->dialect->item_begin(w, c, it, out);
}

static void add_part(struct writer *w, struct writer_choice *c, struct writer_item *it, struct str text,
                     struct buf *out)
{
    if (w->keeps) {
        buf_str(&it->text, text);
        w->failed |= it->text.failed;
    }
    if (streams(w))
        w->dialect->part(w, c, it, text, out);
    out->failed |= w->failed;
}

/* Logprobs of a part wait in the choice until the part is written; in a stream, and where items keep their own, they are gone then. */
static void add_said(struct writer *w, int choice, enum writer_kind kind, struct str text,
                     const struct writer_logprob *lp, size_t n_lp, struct buf *out)
{
    struct writer_choice *c = choice_of(w, choice);
    if (!text.n && !n_lp)
        return;
    if (c->open && last(c)->kind != kind)
        close_item(w, c, true, out);
    bool is_new = !c->open;
    struct writer_item *it = is_new ? add_item(w, c, kind) : last(c);
    if (!it) {
        out->failed = true;
        return;
    }
    if (n_lp && w->dialect->logprobs)
        w->dialect->logprobs(w, c, lp, n_lp);
    else
        c->n_char += utf8_count(text);
    if (is_new)
        begin_item(w, c, it, out);
    add_part(w, c, it, text, out);
    if (w->dialect->logprobs_of_items && c->logprob.n) {
        if (it->logprob.n)
            buf_char(&it->logprob, ',');
        buf_str(&it->logprob, buf_view(&c->logprob));
    }
    if (streams(w) || w->dialect->logprobs_of_items) {
        buf_reset(&c->logprob);
        logprob_lists_reset(&c->lists);
    }
}

void writer_reasoning(struct writer *w, int choice, struct str text, struct buf *out)
{
    if (w->dialect->reasoning_is_text)
        add_said(w, choice, WRITER_TEXT, text, NULL, 0, out);
    else if (w->o.request->thinking)
        add_said(w, choice, WRITER_REASONING, text, NULL, 0, out);
}

void writer_text(struct writer *w, int choice, struct str text, const struct writer_logprob *lp, size_t n_lp,
                 struct buf *out)
{
    add_said(w, choice, WRITER_TEXT, text, lp, n_lp, out);
}

void writer_call_id(struct writer *w, char out[40])
{
    writer_fresh_id(w, w->dialect->call_prefix, out);
}

void writer_call_begin(struct writer *w, int choice, int tool, struct str id, struct buf *out)
{
    struct writer_choice *c = choice_of(w, choice);
    assert(tool >= 0 && (size_t)tool < w->o.request->n_tool && id.n < sizeof c->item->call_id);
    close_item(w, c, true, out);
    struct writer_item *it = add_item(w, c, WRITER_CALL);
    if (!it) {
        out->failed = true;
        return;
    }
    c->n_call++;
    it->tool = &w->o.request->tool[tool];
    memcpy(it->call_id, id.p, id.n);
    begin_item(w, c, it, out);
}

static bool is_custom(const struct writer_item *it)
{
    return it->tool->kind == API_TOOL_CUSTOM;
}

void writer_call_args(struct writer *w, int choice, struct str fragment, struct buf *out)
{
    struct writer_choice *c = choice_of(w, choice);
    if (w->failed)
        return;
    struct writer_item *it = last(c);
    assert(c->open && it->kind == WRITER_CALL);
    if (is_custom(it)) {
        buf_reset(&w->scratch);
        custom_input_feed(&it->custom, fragment, &w->scratch);
        fragment = buf_view(&w->scratch);
    }
    if (fragment.n)
        add_part(w, c, it, fragment, out);
}

void writer_call_end(struct writer *w, int choice, bool complete, struct buf *out)
{
    struct writer_choice *c = choice_of(w, choice);
    if (w->failed)
        return;
    struct writer_item *it = last(c);
    assert(c->open && it->kind == WRITER_CALL);
    if (is_custom(it)) {
        buf_reset(&w->scratch);
        custom_input_end(&it->custom, &w->scratch);
        if (w->scratch.n)
            add_part(w, c, it, buf_view(&w->scratch), out);
    }
    close_item(w, c, complete, out);
}

void writer_choice_finish(struct writer *w, int choice, enum writer_finish why, struct str stop, struct buf *out)
{
    struct writer_choice *c = choice_of(w, choice);
    close_item(w, c, why != WRITER_LENGTH && why != WRITER_WINDOW, out);
    c->why = why;
    if (why == WRITER_STOP_SEQ)
        buf_str(&c->stop, stop);
    if (streams(w) && w->dialect->choice_finish)
        w->dialect->choice_finish(w, c, out);
}

void writer_each_item(struct writer *w, void (*f)(void *arg, struct str id, struct str json), void *arg)
{
    const struct writer_choice *c = &w->choice[0];
    for (size_t i = 0; i < c->n_item && w->dialect->item; i++) {
        struct buf json = { 0 };
        w->dialect->item(&c->item[i], &json);
        if (!json.failed)
            f(arg, str_from(c->item[i].id), buf_view(&json));
        buf_deinit(&json);
    }
}

void writer_finish(struct writer *w, const struct writer_usage *u, struct buf *out)
{
    if (streams(w))
        w->dialect->finish(w, u, out);
    else
        w->dialect->object(w, u, out);
    out->failed |= w->failed;
}

void writer_error(struct writer *w, const struct api_error *x, struct buf *out)
{
    if (w->dialect->error)
        w->dialect->error(w, x, out);
    else
        api_error_event(out, x, w->o.request->dialect, w->o.request_id);
}

/* choice.c - one answer of a request.
 * SPDX-License-Identifier: MIT */
#include "api/choice.h"

#include <string.h>

#include "base/mem.h"
#include "text/detok.h"

enum {
    AFTER_LAST_CALL = 16, /* tokens that a closing tag and the end of the answer may take */
    ECHO_TOKENS = 64,     /* of a prompt in one piece */
};

static void on_part(void *arg, const struct toolcall_event *ev);

int choice_init(struct choice *c, const struct choice_opts *o, struct err *e)
{
    *c = (struct choice){ .o = *o, .thinking = o->opens_think, .err = ERR_INIT };
    if (o->request->dialect == API_COMPLETIONS)
        return 0;
    const struct toolcall_opts t = {
        .format = o->tools ? o->format : NULL,
        .tools = o->tools,
        .opens_think = o->opens_think,
        .max_calls = o->request->parallel_calls ? 0 : 1,
    };
    return toolcall_new(&c->parser, &t, on_part, c, e);
}

void choice_deinit(struct choice *c)
{
    if (c->run)
        request_close(c->run);
    toolcall_free(c->parser);
    ids_deinit(&c->sampled);
    buf_deinit(&c->text);
    buf_deinit(&c->reasoning);
    for (size_t i = 0; i < c->n_call; i++)
        buf_deinit(&c->call[i].args);
    mem_free(c->call);
    mem_free(c->logprob);
}

/* --- log-probabilities ---------------------------------------------------------------------------------------------------------------- */

static void keep_logprob(struct choice *c, int32_t id, double logprob, const struct sampler_top *top, int n_top)
{
    if (c->n_logprob == c->cap_logprob) {
        c->cap_logprob = c->cap_logprob ? 2 * c->cap_logprob : 8;
        c->logprob = xrealloc(c->logprob, c->cap_logprob * sizeof *c->logprob);
    }
    struct choice_logprob *l = &c->logprob[c->n_logprob++];
    l->token = tokenizer_bytes(c->o.tok, id);
    l->logprob = logprob;
    l->n_top = MIN(n_top, SAMPLER_TOP_MAX);
    if (l->n_top)
        memcpy(l->top, top, (size_t)l->n_top * sizeof *l->top);
}

/* Sends text with the log-probabilities that have gathered. */
static void send_text(struct choice *c, struct str text)
{
    size_t n = c->n_logprob;
    if (!n) {
        writer_text(c->o.writer, c->o.index, text, NULL, 0, c->out);
        return;
    }
    struct writer_logprob *lp = xcalloc(n, sizeof *lp);
    struct writer_top *top = xcalloc(n * SAMPLER_TOP_MAX, sizeof *top);
    for (size_t i = 0; i < n; i++) {
        const struct choice_logprob *l = &c->logprob[i];
        struct writer_top *own = top + i * SAMPLER_TOP_MAX;
        for (int k = 0; k < l->n_top; k++)
            own[k] = (struct writer_top){ tokenizer_bytes(c->o.tok, l->top[k].id), l->top[k].logprob };
        lp[i] = (struct writer_logprob){ l->token, l->logprob, own, l->n_top };
    }
    writer_text(c->o.writer, c->o.index, text, lp, n, c->out);
    mem_free(top);
    mem_free(lp);
    c->n_logprob = 0;
}

/* --- parts of the answer -------------------------------------------------------------------------------------------------------------- */

static void on_text(struct choice *c, struct str text)
{
    if (c->sated) {
        if (str_trim(text).n)
            request_cancel(c->run);
        return;
    }
    buf_str(&c->text, text);
    send_text(c, text);
}

static void on_begin(struct choice *c, int tool)
{
    c->call = xrealloc(c->call, (c->n_call + 1) * sizeof *c->call);
    struct choice_call *k = &c->call[c->n_call++];
    *k = (struct choice_call){ .tool = tool };
    writer_call_id(c->o.writer, k->id);
    c->n_logprob = 0; /* those of the call's own tags are nobody's */
    writer_call_begin(c->o.writer, c->o.index, tool, str_from(k->id), c->out);
}

static void on_end(struct choice *c, bool complete)
{
    c->call[c->n_call - 1].complete = complete;
    c->n_logprob = 0;
    writer_call_end(c->o.writer, c->o.index, complete, c->out);
    c->sated = complete && !c->o.request->parallel_calls;
    c->n_said = c->sampled.n;
}

static void on_part(void *arg, const struct toolcall_event *ev)
{
    struct choice *c = arg;
    c->thinking = ev->kind == TOOLCALL_REASONING;
    switch (ev->kind) {
    case TOOLCALL_TEXT:
        on_text(c, ev->text);
        break;
    case TOOLCALL_REASONING:
        buf_str(&c->reasoning, ev->text);
        c->n_logprob = 0;
        writer_reasoning(c->o.writer, c->o.index, ev->text, c->out);
        break;
    case TOOLCALL_BEGIN:
        on_begin(c, ev->tool);
        break;
    case TOOLCALL_ARGS:
        buf_str(&c->call[c->n_call - 1].args, ev->text);
        writer_call_args(c->o.writer, c->o.index, ev->text, c->out);
        break;
    case TOOLCALL_END:
        on_end(c, ev->complete);
        break;
    }
}

static void feed(struct choice *c, struct str text)
{
    if (!text.n)
        return;
    if (c->parser)
        toolcall_feed(c->parser, text);
    else
        on_text(c, text);
}

/* --- events --------------------------------------------------------------------------------------------------------------------------- */

static enum writer_finish finish_of(const struct choice *c, enum answer_finish why)
{
    bool calls = c->n_call && c->call[c->n_call - 1].complete;
    switch (why) {
    case ANSWER_STOP:
        return calls ? WRITER_CALLS : WRITER_STOP_SEQ;
    case ANSWER_LENGTH:
        return c->o.to_the_end ? WRITER_WINDOW : WRITER_LENGTH;
    case ANSWER_REPEAT:
        return WRITER_LENGTH;
    case ANSWER_WINDOW:
        return WRITER_WINDOW;
    case ANSWER_OPEN:
    case ANSWER_EOS:
    case ANSWER_CANCELLED:
        break;
    }
    return calls ? WRITER_CALLS : WRITER_STOP;
}

static void on_finish(struct choice *c, const struct engine_event *ev)
{
    bool ended = ev->finish == ANSWER_EOS || (ev->finish == ANSWER_CANCELLED && c->sated);
    feed(c, ev->text);
    if (ev->finish == ANSWER_CANCELLED && !c->sated) {
        c->failed = true;
        err_set(&c->err, ERR_CANCELLED, "the request was cancelled");
        return;
    }
    if (c->parser)
        toolcall_end(c->parser, !ended);
    c->over = true;
    c->finish = finish_of(c, ev->finish);
    struct str stop = { 0 };
    if (ev->finish == ANSWER_STOP && ev->stop >= 0 && (size_t)ev->stop < c->o.request->n_stop)
        stop = c->o.request->stops[ev->stop];
    writer_choice_finish(c->o.writer, c->o.index, c->finish, stop, c->out);
}

static void on_token(struct choice *c, const struct engine_event *ev)
{
    ids_add(&c->sampled, ev->id);
    if (c->o.request->logprobs)
        keep_logprob(c, ev->id, ev->logprob, ev->top, ev->n_top);
    bool was = c->thinking;
    feed(c, ev->text);
    c->n_reasoning += was && c->parser;
    if (c->sated && ++c->n_after > AFTER_LAST_CALL)
        request_cancel(c->run);
}

/* In pieces of whole characters, so that no event of a stream is as large as the prompt. */
static void echo(struct choice *c, const struct engine_scores *scores)
{
    const struct ids *p = c->o.prompt;
    struct buf text = { 0 };
    struct detok d;
    detok_init(&d, c->o.tok, false);
    for (size_t i = 0; i < p->n; i++) {
        detok_push(&d, p->v[i], &text);
        if (i + 1 == p->n)
            detok_flush(&d, &text);
        if (scores) {
            size_t n_top = i ? (size_t)scores->n_top : 0;
            keep_logprob(c, p->v[i], scores->logprob[i], n_top ? scores->top + i * n_top : NULL, (int)n_top);
        }
        if (i + 1 < p->n && (i + 1) % ECHO_TOKENS)
            continue;
        send_text(c, buf_view(&text));
        buf_reset(&text);
    }
    c->out->failed |= text.failed;
    buf_deinit(&text);
}

void choice_take(struct choice *c, const struct engine_event *ev, struct buf *out)
{
    c->out = out;
    switch (ev->kind) {
    case ENGINE_QUEUED:
        c->figures = ev->figures;
        break;
    case ENGINE_PROGRESS:
        break;
    case ENGINE_PROMPT:
        echo(c, ev->scores);
        break;
    case ENGINE_TOKEN:
        on_token(c, ev);
        break;
    case ENGINE_FINISH:
        c->figures = ev->figures;
        on_finish(c, ev);
        break;
    case ENGINE_ERROR:
        c->figures = ev->figures;
        c->failed = true;
        err_set(&c->err, ev->err->code, "%s", ev->err->msg);
        break;
    }
    c->out = NULL;
}

void choice_echo(struct choice *c, const struct engine_scores *scores, struct buf *out)
{
    c->out = out;
    echo(c, scores);
    c->out = NULL;
}

void choice_end_empty(struct choice *c, struct buf *out)
{
    c->over = true;
    c->finish = WRITER_LENGTH;
    writer_choice_finish(c->o.writer, c->o.index, c->finish, (struct str){ 0 }, out);
}

/* One closing tag, or nothing, but for blanks: what belongs to a call that is over. */
static bool closes(struct str tail)
{
    struct str t = str_trim(tail);
    return !t.n || (str_starts(t, STR("</")) && str_find(t, STR(">")) == (ptrdiff_t)t.n - 1);
}

/* How many of the sampled ids say what the client got: what came behind the one call that was allowed was dropped, and must not come back as
 * something that the model had said. */
static size_t n_shown(const struct choice *c)
{
    struct buf tail = { 0 };
    size_t n = c->n_said;
    if (!c->sated)
        return c->sampled.n;
    for (size_t i = c->n_said; i < c->sampled.n; i++) {
        int32_t id = c->sampled.v[i];
        size_t before = tail.n;
        tokenizer_decode(c->o.tok, &id, 1, true, &tail);
        /* Blanks may already lead to what was dropped, unless the answer ends with them. */
        bool blank = !str_trim(str_sub(buf_view(&tail), before, tail.n)).n && !tokenizer_is_special(c->o.tok, id);
        if (closes(buf_view(&tail)) && !blank)
            n = i + 1;
    }
    buf_deinit(&tail);
    return n;
}

void choice_remember(const struct choice *c, struct replay *r, struct str key_id)
{
    if (!c->over || c->finish == WRITER_STOP_SEQ || !c->sampled.n || !c->parser)
        return;
    struct replay_call *call = xcalloc(c->n_call + 1, sizeof *call);
    bool complete = true;
    for (size_t i = 0; i < c->n_call; i++) {
        const struct choice_call *k = &c->call[i];
        complete &= k->complete;
        call[i] = (struct replay_call){ str_from(k->id), c->o.request->tool[k->tool].shown, buf_view(&k->args) };
    }
    const struct replay_turn t = { .text = buf_view(&c->text),
                                   .reasoning = buf_view(&c->reasoning),
                                   .call = call,
                                   .n_call = c->n_call,
                                   .ids = c->sampled.v,
                                   .n_ids = n_shown(c) };
    if (complete)
        replay_add(r, key_id, &t);
    mem_free(call);
}

/* runner.c - steps: what the batch plans is computed, drawn from, and told to those who asked.
 * SPDX-License-Identifier: MIT */
#include "engine/runner.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/cost.h"
#include "engine/shelf.h"
#include "model/identity.h"

enum {
    SMALL_ROWS = 64,     /* rows of a small step, and of its rows with logits; more where more sequences run */
    PAUSE_NS = 50000000, /* how far apart pauses may be (model.h) */
    STALL_NS = 200000000,
    SCORES_BETWEEN_PAUSES = 16,
};

/* What a step needs besides the plan: where its ids and outputs lie. One for small steps, one for chunks, since they nest. */
struct desk {
    struct model_pass *pass; /* owned */
    struct batch_step plan;
    struct step_seq *seqs; /* owned; [SCHED_MAX_PARTS] */
    int32_t *ids;          /* owned; [n_row] */
    int32_t *out_rows;     /* owned; [n_out] */
    float *logits;         /* owned; [n_logits][n_vocab] */
    int n_logits;
};

struct runner {
    struct runner_opts o;
    struct model *model; /* owned */
    int n_vocab;
    struct kv *kv;       /* owned */
    struct batch *batch; /* owned */
    struct shelf *shelf; /* owned; NULL: nothing on disk */
    struct cost *cost;   /* owned */
    struct request *live;
    struct desk small, chunk;
    int64_t small_end_ns;     /* when the last small step ended */
    int64_t small_ns;         /* spent in small steps so far */
    struct request *in_chunk; /* whose chunk is suspended; NULL: none */
    struct engine_stats stats;
    double hold_ns; /* how long requests held their place: a moving average; 0: none has ended */
};

/* Weight of the last request in the average. */
static const double hold_weight = 0.1;

/* --- making and unmaking ------------------------------------------------------------------------------------------------------- */

/* Room for logits of n rows: what was there is lost. */
static int desk_grow(struct desk *d, int n_vocab, int n, struct err *e)
{
    if (n <= d->n_logits)
        return 0;
    mem_free(d->logits);
    d->n_logits = 0;
    d->logits = mem_try_calloc((size_t)n * (size_t)n_vocab, sizeof *d->logits);
    if (!d->logits)
        return err_set(e, ERR_NOMEM, "no memory for logits of %d rows", n);
    d->n_logits = n;
    return 0;
}

/* For steps of n_row rows, max_out of them with logits; there is room for n_logits, as most steps need no more. */
static int desk_init(struct desk *d, struct model *m, int n_row, int max_out, int n_logits, struct err *e)
{
    d->seqs = xcalloc(SCHED_MAX_PARTS, sizeof *d->seqs);
    d->ids = xcalloc((size_t)n_row, sizeof *d->ids);
    d->out_rows = xcalloc((size_t)max_out, sizeof *d->out_rows);
    int rc = desk_grow(d, model_config(m)->n_vocab, n_logits, e);
    return rc ? rc : model_pass_new(&d->pass, m, n_row, e);
}

static void desk_deinit(struct desk *d)
{
    model_pass_free(d->pass);
    mem_free(d->seqs);
    mem_free(d->ids);
    mem_free(d->out_rows);
    mem_free(d->logits);
}

static int open_shelf(struct runner *r, struct err *e)
{
    const struct engine_opts *o = &r->o.engine;
    struct store_opts s = { .dir = o->cache_dir,
                            .limit = o->cache_disk,
                            .keep = r->o.batch.keep,
                            .on_event = r->o.on_store_event,
                            .arg = r->o.arg };
    if (!o->cache_dir)
        return 0;
    model_identity(r->model, s.identity);
    return shelf_new(&r->shelf, &s, r->batch, r->kv, e);
}

static void copy_page(void *arg, int pool, int32_t from, int32_t to)
{
    struct runner *r = arg;
    (void)pool;
    kv_copy_page(r->kv, from, to);
}

static void on_admit(void *arg, struct batch_seq *s)
{
    struct runner *r = arg;
    struct request *q = s->owner;
    if (!q->admitted_ns)
        q->admitted_ns = clock_ns();
    if (r->shelf && s->n_preempted == 0 && !s->n_score)
        shelf_admitted(r->shelf, s);
}

int runner_new(struct runner **out, struct model *m, const struct runner_opts *o, struct err *e)
{
    struct err own = ERR_INIT;
    e = e ? e : &own;
    *out = NULL;
    struct runner *r = xcalloc(1, sizeof *r);
    r->o = *o;
    r->model = m;
    r->n_vocab = model_config(m)->n_vocab;
    r->cost = cost_new();
    struct batch_opts *b = &r->o.batch;
    int chunk_rows = model_max_rows(m), scored_rows = MIN(MODEL_OUT_ROWS, chunk_rows),
        small_rows = MIN(MAX(SMALL_ROWS, MIN(o->engine.max_running, SCHED_MAX_PARTS)), chunk_rows);
    b->limits = (struct sched_limits){ .small_rows = small_rows,
                                       .small_prompt = small_rows,
                                       .chunk_rows = chunk_rows,
                                       .scored_rows = scored_rows,
                                       .max_running = MIN(o->engine.max_running, small_rows),
                                       .max_out = small_rows };
    b->copy = copy_page;
    b->on_admit = on_admit;
    b->arg = r;
    int n_page = (int)MIN(b->budget / b->keep.pool[0].page_bytes, (size_t)INT32_MAX);
    if (desk_init(&r->small, m, small_rows, small_rows, small_rows, e) ||
        desk_init(&r->chunk, m, chunk_rows, scored_rows, 1, e) || batch_new(&r->batch, b, e) ||
        model_kv_new(&r->kv, m, n_page, e) || open_shelf(r, e)) {
        runner_free(r);
        return e->code;
    }
    r->stats.kv_bytes = b->budget;
    *out = r;
    return 0;
}

/* --- events ------------------------------------------------------------------------------------------------------------------------ */

static void unlink_live(struct runner *r, struct request *q)
{
    struct request **at = &r->live;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
}

static void note_hold(struct runner *r, const struct request *q)
{
    if (!q->admitted_ns)
        return;
    double ns = (double)(clock_ns() - q->admitted_ns);
    r->hold_ns = r->hold_ns > 0 ? r->hold_ns + hold_weight * (ns - r->hold_ns) : ns;
}

/* The request is over: its sequence ends, its last event is queued, and this side lets go. */
static void finish(struct runner *r, struct request *q, const struct engine_event *last)
{
    if (q->seq) {
        if (r->shelf) {
            shelf_forget(r->shelf, q->seq);
            if (!q->no_cache_write && last->kind != ENGINE_ERROR)
                shelf_save(r->shelf, q->seq);
        }
        q->figures.n_preempted = q->seq->n_preempted;
        q->figures.n_cached = q->seq->n_cached;
        note_hold(r, q);
        batch_end(r->batch, q->seq, last->kind != ENGINE_ERROR);
        q->seq = NULL;
    }
    struct engine_event ev = *last;
    int64_t now = clock_ns();
    if (q->first_ns)
        q->figures.decode_ns = now - q->first_ns;
    else
        q->figures.queued_ns = (q->admitted_ns ? q->admitted_ns : now) - q->submitted_ns;
    q->figures.n_token = q->answer.ids.n;
    q->figures.n_generated = q->answer.ids.n + q->answer.eos_drawn;
    ev.figures = q->figures;
    request_emit(q, &ev);
    unlink_live(r, q);
    request_release(q);
}

static void finish_answer(struct runner *r, struct request *q)
{
    enum answer_finish why = q->answer.finish;
    *(why == ANSWER_CANCELLED ? &r->stats.n_cancelled : &r->stats.n_finished) += 1;
    const struct engine_event ev = { .kind = ENGINE_FINISH,
                                     .text = buf_view(&q->answer.piece),
                                     .finish = why,
                                     .stop = why == ANSWER_STOP ? q->answer.stop.hit : -1 };
    finish(r, q, &ev);
}

static void fail(struct runner *r, struct request *q, const struct err *e)
{
    r->stats.n_failed++;
    const struct engine_event ev = { .kind = ENGINE_ERROR, .err = e };
    finish(r, q, &ev);
}

static void fail_answer(struct runner *r, struct request *q)
{
    struct err e = ERR_INIT;
    answer_error(&q->answer, &e);
    fail(r, q, &e);
}

static void cancel(struct runner *r, struct request *q)
{
    answer_end(&q->answer, ANSWER_CANCELLED);
    finish_answer(r, q);
}

/* A token was drawn. The piece of the last one goes with the end of the answer. */
static void emit_token(struct request *q, int32_t id)
{
    const struct answer *a = &q->answer;
    bool is_over = a->finish != ANSWER_OPEN;
    struct engine_event ev = {
        .kind = ENGINE_TOKEN, .id = id, .done = a->ids.n, .logprob = a->logprob, .n_top = a->n_top, .top = a->top
    };
    if (a->eos_drawn)
        return;
    if (!is_over)
        ev.text = buf_view(&a->piece);
    if (!request_emit(q, &ev))
        atomic_store(&q->cancelled, true);
}

/* What is known of its prompt now. */
static void emit_queued(struct runner *r, struct request *q)
{
    const int32_t *ids = q->prompt.v;
    size_t n = q->prompt.n;
    q->figures.n_prompt = n;
    q->figures.match_next = -1;
    struct engine_event ev = { .kind = ENGINE_QUEUED };
    bool takes = !r->o.engine.no_prefix_cache && !q->scorer;
    if (!r->o.engine.no_prefix_cache)
        q->figures.n_match = prefix_match(batch_prefix(r->batch), ids, n, &q->figures.match_next);
    ev.figures = q->figures;
    if (takes)
        ev.figures.n_cached = prefix_probe(batch_prefix(r->batch), ids, n);
    if (r->shelf && !q->scorer)
        ev.figures.n_disk = shelf_probe(r->shelf, ids, n, ev.figures.n_cached);
    q->provisional = ev.figures.n_cached + ev.figures.n_disk;
    request_emit(q, &ev);
}

void runner_accept(struct runner *r, struct request *q)
{
    struct err e = ERR_INIT;
    r->stats.n_request++;
    q->next = r->live;
    r->live = q;
    emit_queued(r, q);
    if (batch_add(r->batch, &q->seq, q->prompt.v, q->prompt.n, q->n_new, q->priority, q->no_cache_write, q, &e)) {
        q->seq = NULL;
        fail(r, q, &e);
        return;
    }
    if (q->scorer)
        batch_score(q->seq);
    r->stats.prompt_tokens += q->prompt.n;
    ids_deinit(&q->prompt);
    if (!r->o.engine.no_draft && !q->prompt_only)
        q->draft = draft_new();
}

void runner_end_cancelled(struct runner *r)
{
    for (struct request *q = r->live, *next; q; q = next) {
        next = q->next;
        if (atomic_load(&q->cancelled) && q != r->in_chunk && !q->in_step)
            cancel(r, q);
    }
}

static void on_read(void *arg, struct batch_seq *s, size_t n_token)
{
    struct runner *r = arg;
    struct request *q = s->owner;
    q->figures.n_disk += n_token;
    r->stats.disk_tokens += n_token;
}

/* --- a step ------------------------------------------------------------------------------------------------------------------------ */

/* Guesses for every decoding sequence, as many as pay. */
static void make_guesses(struct runner *r)
{
    int n_other = batch_n_running(r->batch) - 1;
    for (struct request *q = r->live; q; q = q->next) {
        struct request_guess *g = &q->guess;
        g->n = 0;
        if (!q->draft || !q->seq || q->seq->phase != SCHED_DECODE || q->in_step)
            continue;
        draft_update(q->draft, q->seq->ids.v, q->seq->ids.n);
        g->n = draft_guess(q->draft, g->ids, DRAFT_MAX, &g->match);
        g->n = answer_guess(&q->answer, g->ids, g->n, DRAFT_MAX, &g->n_forced);
        /* What the grammar forces is certain to be right, and always pays. */
        if (!r->o.engine.draft_always)
            g->n = MAX(g->n_forced, MIN(g->n, cost_guess_worth(r->cost, g->match, g->n, n_other)));
        batch_want_draft(q->seq, g->n);
    }
}

/* Lays the plan out as a step of the model; returns its rows with logits. */
static int lay_out(struct desk *d, struct step *s)
{
    int row = 0, n_out = 0;
    for (int i = 0; i < d->plan.n_part; i++) {
        const struct batch_part *p = &d->plan.part[i];
        const struct request *q = p->seq->owner;
        int n_known = p->n_row - p->n_draft;
        d->seqs[i] = (struct step_seq){ .row = row, .n_row = p->n_row, .pos = (int)p->from, .pages = p->seq->page[0] };
        memcpy(d->ids + row, p->seq->ids.v + p->from, (size_t)n_known * sizeof *d->ids);
        memcpy(d->ids + row + n_known, q->guess.ids, (size_t)p->n_draft * sizeof *d->ids);
        for (int k = p->score; k < p->score + p->n_score; k++)
            d->out_rows[n_out++] = row + k;
        for (int k = n_known - 1; p->draws && k < p->n_row; k++)
            d->out_rows[n_out++] = row + k;
        row += p->n_row;
    }
    *s = (struct step){
        .n_tok = row, .ids = d->ids, .n_seq = d->plan.n_part, .seqs = d->seqs, .n_out = n_out, .out_rows = d->out_rows
    };
    return n_out;
}

/* The prompt is computed: what it took, and what the model said of its tokens. */
static void end_prompt(struct request *q, int64_t now)
{
    q->figures.queued_ns = q->admitted_ns - q->submitted_ns;
    q->figures.prompt_ns = now - q->admitted_ns;
    const struct engine_event ev = { .kind = ENGINE_PROMPT, .scores = &q->scores };
    if (!q->scorer || q->scores_told)
        return;
    q->scores_told = true;
    if (!request_emit(q, &ev))
        atomic_store(&q->cancelled, true);
}

/* Draws from the logits of one part: its own row, then as many guessed rows as the tokens drawn agree with. */
static void draw_part(struct runner *r, const struct batch_part *p, const float *logits)
{
    struct request *q = p->seq->owner;
    struct answer *a = &q->answer;
    int64_t now = clock_ns();
    if (!q->first_ns)
        end_prompt(q, now);
    if (q->prompt_only) {
        answer_end(a, ANSWER_LENGTH);
        return;
    }
    if (!q->first_ns) {
        q->first_ns = now;
        q->figures.first_ns = now - q->submitted_ns;
    } else {
        q->figures.n_step++;
    }
    int n_right = 0;
    for (int k = 0;; k++) {
        int32_t id = answer_next(a, logits + (size_t)k * (size_t)r->n_vocab);
        if (a->failed)
            break;
        emit_token(q, id);
        r->stats.decode_tokens++;
        bool guessed = k < p->n_draft && id == q->guess.ids[k];
        n_right += guessed;
        if (a->finish != ANSWER_OPEN)
            break;
        batch_push(r->batch, p->seq, id, guessed);
        if (!guessed)
            break;
    }
    if (p->n_draft) {
        if (!q->guess.n_forced)
            cost_guess(r->cost, q->guess.match, p->n_draft, n_right);
        q->figures.n_drafted += (size_t)p->n_draft;
        q->figures.n_accepted += (size_t)n_right;
        r->stats.drafted_tokens += (uint64_t)p->n_draft;
        r->stats.accepted_tokens += (uint64_t)n_right;
    }
}

static void note_progress(struct runner *r, const struct batch_part *p)
{
    struct request *q = p->seq->owner;
    if (q->progress && !q->first_ns) {
        const struct engine_event ev = { .kind = ENGINE_PROGRESS, .done = p->seq->n_done, .total = p->seq->n_prompt };
        request_emit(q, &ev);
    }
    if (p->draws && !q->first_ns && r->shelf && !q->no_cache_write)
        shelf_save(r->shelf, p->seq);
}

/* After a computed step: tells the batch, the figures, and those who asked. */
static void conclude(struct runner *r, struct desk *d, int64_t ns)
{
    batch_commit(r->batch, &d->plan);
    const float *logits = d->logits;
    for (int i = 0; i < d->plan.n_part; i++) {
        const struct batch_part *p = &d->plan.part[i];
        struct request *q = p->seq->owner;
        q->in_step = false;
        if (!q->first_ns) {
            r->stats.computed_prompt_tokens += (uint64_t)p->n_row;
            q->figures.prompt_step_ns += ns;
        }
        note_progress(r, p);
        logits += (size_t)p->n_score * (size_t)r->n_vocab;
        if (!p->draws)
            continue;
        draw_part(r, p, logits);
        logits += (size_t)(p->n_draft + 1) * (size_t)r->n_vocab;
        if (q->answer.failed)
            fail_answer(r, q);
        else if (q->answer.finish != ANSWER_OPEN)
            finish_answer(r, q);
    }
}

static void set_in_step(const struct desk *d, bool in)
{
    for (int i = 0; i < d->plan.n_part; i++)
        ((struct request *)d->plan.part[i].seq->owner)->in_step = in;
}

/* A step that the model gave up. */
static void give_up(struct runner *r, struct desk *d, const struct err *e)
{
    batch_abort(r->batch, &d->plan);
    set_in_step(d, false);
    for (int i = 0; i < d->plan.n_part; i++) {
        struct request *q = d->plan.part[i].seq->owner;
        if (e->code != ERR_CANCELLED)
            fail(r, q, e);
    }
}

/* How long a running stream may wait for its next token. */
static int64_t stall_ns(const struct runner *r)
{
    int64_t steps = 3 * cost_ns(r->cost, MAX(batch_n_running(r->batch), 1));
    return r->o.engine.stall_ns ? r->o.engine.stall_ns : MAX(STALL_NS, steps);
}

static void run_small(struct runner *r);

static bool pause_chunk(void *arg)
{
    struct runner *r = arg;
    bool stop = r->o.poll(r->o.arg);
    if (r->shelf)
        shelf_poll(r->shelf, on_read, r);
    if (stop || atomic_load(&r->in_chunk->cancelled))
        return true;
    runner_end_cancelled(r);
    int64_t step = cost_ns(r->cost, MAX(batch_n_running(r->batch), 1));
    if (clock_ns() - r->small_end_ns + PAUSE_NS + step >= stall_ns(r))
        run_small(r);
    return false;
}

/* What the model says of the prompts' tokens. A chunk has so many that running streams would wait for it: it pauses here too. */
static int score(struct runner *r, const struct desk *d, struct err *e)
{
    const float *logits = d->logits;
    for (int i = 0; i < d->plan.n_part; i++) {
        const struct batch_part *p = &d->plan.part[i];
        struct request *q = p->seq->owner;
        for (int k = 0; k < p->n_score; k++, logits += r->n_vocab) {
            /* The logits behind a token are about the next one. */
            size_t pos = p->from + (size_t)(p->score + k) + 1;
            sampler_take(q->scorer, p->seq->ids.v[pos], logits, &q->score[pos]);
            if (q->top)
                sampler_top(q->scorer, q->top + pos * (size_t)q->scores.n_top, q->scores.n_top);
            if (d->plan.chunk && k % SCORES_BETWEEN_PAUSES == SCORES_BETWEEN_PAUSES - 1 && pause_chunk(r))
                return err_set(e, ERR_CANCELLED, "given up");
        }
        if (p->draws)
            logits += (size_t)(p->n_draft + 1) * (size_t)r->n_vocab;
    }
    return 0;
}

static int n_scored(const struct desk *d)
{
    int n = 0;
    for (int i = 0; i < d->plan.n_part; i++)
        n += d->plan.part[i].n_score;
    return n;
}

/* Computes the plan on desk d and tells what came of it. */
static void run(struct runner *r, struct desk *d)
{
    struct err e = ERR_INIT;
    struct step s;
    int n_out = lay_out(d, &s);
    set_in_step(d, true);
    int64_t start = clock_ns(), small_ns = r->small_ns;
    bool is_chunk = d->plan.chunk;
    if (is_chunk)
        r->in_chunk = d->plan.part[0].seq->owner;
    int rc = desk_grow(d, r->n_vocab, n_out, &e);
    if (!rc)
        rc = model_forward_in(r->model, d->pass, r->kv, &s, d->logits, is_chunk ? pause_chunk : NULL, r, &e);
    if (!rc)
        rc = score(r, d, &e);
    if (is_chunk)
        r->in_chunk = NULL;
    int64_t ns = clock_ns() - start - (r->small_ns - small_ns); /* without the steps in between */
    r->stats.n_step++;
    if (!is_chunk)
        r->small_ns += ns;
    if (rc) {
        give_up(r, d, &e);
        return;
    }
    /* The output layer over all rows would make prompts look dearer than they are. */
    bool is_usual = n_scored(d) == 0;
    if (is_usual && is_chunk)
        cost_prompt(r->cost, s.n_tok, ns);
    else if (is_usual)
        cost_step(r->cost, s.n_tok, ns);
    conclude(r, d, ns);
}

/* A receiver that could not run since its last event but one waits for a processor, perhaps for one of the model's: without this, until the
 * system's clock ticks. */
static void let_receivers_run(struct runner *r)
{
    bool waits = false;
    for (struct request *q = r->live; q; q = q->next) {
        waits |= q->unread;
        q->unread = false;
    }
    if (waits)
        model_yield(r->model);
}

/* Plans on a desk and computes; false: nothing to do. */
static bool plan_and_run(struct runner *r, bool suspended)
{
    make_guesses(r);
    int64_t room = stall_ns(r) - cost_ns(r->cost, MAX(batch_n_running(r->batch), 1));
    batch_set_small_prompt(r->batch, cost_rows_within(r->cost, MAX(room, 0) / 2));
    struct desk *d = &r->small;
    batch_plan(r->batch, &d->plan, suspended);
    if (!d->plan.n_part)
        return false;
    r->o.planned(r->o.arg);
    if (d->plan.chunk) {
        r->chunk.plan = d->plan;
        d = &r->chunk;
    }
    run(r, d);
    if (d == &r->small)
        r->small_end_ns = clock_ns();
    let_receivers_run(r);
    return true;
}

static void run_small(struct runner *r)
{
    if (!plan_and_run(r, true))
        r->small_end_ns = clock_ns();
}

bool runner_step(struct runner *r)
{
    if (r->shelf)
        shelf_poll(r->shelf, on_read, r);
    return plan_and_run(r, false);
}

/* --- the rest ---------------------------------------------------------------------------------------------------------------------- */

void runner_free(struct runner *r)
{
    if (!r)
        return;
    while (r->live)
        cancel(r, r->live);
    shelf_free(r->shelf);
    batch_free(r->batch);
    kv_free(r->kv);
    desk_deinit(&r->small);
    desk_deinit(&r->chunk);
    cost_free(r->cost);
    model_close(r->model);
    mem_free(r);
}

void runner_stats(const struct runner *r, struct engine_stats *out)
{
    *out = r->stats;
    struct prefix_stats t = prefix_stats(batch_prefix(r->batch));
    out->n_running = batch_n_running(r->batch);
    out->n_waiting = batch_n_waiting(r->batch);
    out->kv_used_bytes = pages_used_bytes(batch_pages(r->batch));
    out->kv_tree_bytes = t.bytes;
    out->tree_tokens = t.n_token;
    out->tree_evicted_tokens = t.n_evicted_tokens;
    out->cached_tokens = batch_cached_tokens(r->batch);
    out->n_preempted = batch_n_preempted(r->batch);
    if (!r->shelf)
        return;
    struct store_stats s = shelf_stats(r->shelf);
    out->disk_bytes = s.bytes;
    out->disk_read_bytes = s.read_bytes;
    out->disk_write_bytes = s.write_bytes;
    out->disk_read_ns = s.read_ns;
}

struct runner_load runner_load(const struct runner *r)
{
    struct runner_load l = { .n_place = r->o.batch.limits.max_running, .hold_ns = (int64_t)r->hold_ns };
    size_t n_row = 0;
    int64_t now = clock_ns();
    for (const struct request *q = r->live; q; q = q->next) {
        const struct batch_seq *s = q->seq;
        if (s->phase == SCHED_WAITING)
            n_row += s->n_target - MIN(q->provisional, s->n_target);
        else
            n_row += s->n_target - MIN(s->n_done, s->n_target);
        if (r->hold_ns <= 0 && q->admitted_ns)
            l.hold_ns = MAX(l.hold_ns, now - q->admitted_ns);
    }
    l.prompt_ns = cost_prompt_ns(r->cost, n_row);
    return l;
}

void runner_clear_cache(struct runner *r)
{
    prefix_clear(batch_prefix(r->batch));
    if (r->shelf)
        shelf_clear(r->shelf);
}

void runner_flush(struct runner *r)
{
    if (r->shelf)
        shelf_drain(r->shelf);
}

/* test_batch.c - admission, sharing, growth and preemption, one property at a time. Everything at once: test_engine_sim.c.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "base/mem.h"
#include "engine/batch.h"

enum { PAGE_BYTES = 10 };

/* A batch over pages without bytes, and what was asked of them. */
struct fixture {
    struct batch *b;
    struct batch_opts o;
    struct batch_step step;
    int n_copy, n_fresh, n_admitted;
    bool loads;
};

static void on_copy(void *arg, int pool, int32_t from, int32_t to)
{
    struct fixture *f = arg;
    assert_true(pool >= 0 && to >= 0 && from != to);
    *(from < 0 ? &f->n_fresh : &f->n_copy) += 1;
}

static void on_admit(void *arg, struct batch_seq *s)
{
    struct fixture *f = arg;
    f->n_admitted++;
    if (f->loads)
        batch_set_loading(s, true);
}

static void open_with(struct fixture *f, const struct keep_plan *keep, size_t n_page)
{
    struct err e = ERR_INIT;
    memset(f, 0, sizeof *f);
    f->o = (struct batch_opts){ .keep = *keep,
                                .budget = n_page * PAGE_BYTES,
                                .limits = { .small_rows = 16,
                                            .small_prompt = 8,
                                            .chunk_rows = 128,
                                            .scored_rows = 50,
                                            .max_running = 8,
                                            .max_out = 16 },
                                .n_ctx = 2000,
                                .copy = on_copy,
                                .on_admit = on_admit,
                                .arg = f };
    assert_int_equal(batch_new(&f->b, &f->o, &e), 0);
}

static const struct keep_plan full = { 1, { { KEEP_FULL, PAGE_BYTES, 0 } } };
static const struct keep_plan full_state = { 2, { { KEEP_FULL, PAGE_BYTES, 0 }, { KEEP_STATE, PAGE_BYTES, 0 } } };

static void open_full(struct fixture *f, size_t n_page)
{
    open_with(f, &full, n_page);
}

/* Everything is given back. */
static void close_all(struct fixture *f)
{
    while (batch_at(f->b, 0))
        batch_end(f->b, batch_at(f->b, 0), true);
    batch_check(f->b, NULL);
    prefix_clear(batch_prefix(f->b));
    assert_int_equal(pages_used_bytes(batch_pages(f->b)), 0);
    batch_free(f->b);
}

static size_t used(const struct fixture *f)
{
    return pages_used_bytes(batch_pages(f->b)) / PAGE_BYTES;
}

/* n tokens: `shared` that all have in common, then `own` repeated. */
static struct batch_seq *add(struct fixture *f, size_t shared, size_t n, int32_t own, size_t n_new)
{
    int32_t ids[2000];
    struct batch_seq *s;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < n; i++)
        ids[i] = i < shared ? (int32_t)i : own;
    assert_int_equal(batch_add(f->b, &s, ids, n, n_new, 0, false, f, &e), 0);
    return s;
}

static void plan(struct fixture *f)
{
    batch_plan(f->b, &f->step, false);
    batch_check(f->b, NULL);
}

/* One step; what draws gets the token 7. */
static void step(struct fixture *f)
{
    plan(f);
    batch_commit(f->b, &f->step);
    for (int k = 0; k < f->step.n_part; k++)
        if (f->step.part[k].draws && f->step.part[k].seq->ids.n < f->step.part[k].seq->n_max)
            batch_push(f->b, f->step.part[k].seq, 7, false);
    batch_check(f->b, NULL);
}

static void step_until(struct fixture *f, const struct batch_seq *s, enum sched_phase phase)
{
    for (int i = 0; s->phase != phase; i++) {
        assert_true(i < 500);
        step(f);
    }
}

static const struct batch_part *part_of(const struct fixture *f, const struct batch_seq *s)
{
    for (int k = 0; k < f->step.n_part; k++)
        if (f->step.part[k].seq == s)
            return &f->step.part[k];
    return NULL;
}

static void what_can_never_fit_is_refused_with_the_numbers(void **state)
{
    (void)state;
    struct fixture f;
    struct batch_seq *s;
    int32_t ids[2001] = { 0 };
    open_full(&f, 10); /* 640 tokens */
    const struct {
        size_t n, n_new;
        int code;
        const char *msg;
    } cases[] = {
        { 0, 5, ERR_ARG, "a prompt of 0 tokens and an answer of at most 5: at least one of each is needed" },
        { 5, 0, ERR_ARG, "a prompt of 5 tokens and an answer of at most 0: at least one of each is needed" },
        { 2001, 1, ERR_LIMIT, "a prompt of 2001 tokens and an answer of up to 1: the context holds 2000" },
        { 1000, 1002, ERR_LIMIT, "a prompt of 1000 tokens and an answer of up to 1002: the context holds 2000" },
        { 1000, SIZE_MAX, ERR_LIMIT, NULL },
        { 600, 42, ERR_LIMIT,
          "a prompt of 600 tokens and an answer of up to 42 need 0.0 MB for keys and values, the budget is "
          "0.0 MB" },
        { 600, 41, 0, NULL },
        { 640, 1, 0, NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(batch_add(f.b, &s, ids, cases[i].n, cases[i].n_new, 0, false, NULL, &e), cases[i].code);
        assert_true((s != NULL) == !cases[i].code);
        if (cases[i].msg)
            assert_string_equal(e.msg, cases[i].msg);
    }
    assert_int_equal(batch_n_waiting(f.b), 2);
    close_all(&f);
}

static void out_of_memory_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 10);
    int32_t ids[100] = { 0 };
    int rc = ERR_NOMEM;
    for (long nth = 1; rc; nth++) {
        struct batch_seq *s;
        struct err e = ERR_INIT;
        mem_fail_after(nth);
        rc = batch_add(f.b, &s, ids, 100, 10, 0, false, NULL, &e);
        mem_fail_after(0);
        assert_true(rc == 0 || rc == ERR_NOMEM);
        assert_int_equal(batch_n_waiting(f.b), !rc);
        assert_true(nth < 10);
    }
    close_all(&f);
}

static void a_prompt_is_computed_in_chunks_and_then_draws(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 20);
    struct batch_seq *s = add(&f, 300, 300, 0, 10);
    const struct {
        size_t from;
        int n_row;
        bool chunk, draws;
    } want[] = { { 0, 128, true, false }, { 128, 128, true, false }, { 256, 44, true, true }, { 300, 1, false, true } };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        plan(&f);
        assert_int_equal(f.step.n_part, 1);
        assert_int_equal(f.step.chunk, want[i].chunk);
        assert_int_equal(f.step.part[0].from, want[i].from);
        assert_int_equal(f.step.part[0].n_row, want[i].n_row);
        assert_int_equal(f.step.part[0].draws, want[i].draws);
        batch_commit(f.b, &f.step);
        if (want[i].draws)
            batch_push(f.b, s, 7, false);
    }
    assert_int_equal(s->n_done, 301);
    assert_int_equal(s->ids.n, 302);
    close_all(&f);
}

/* Takes steps until the prompt of s is computed, gives them up every now and then, and counts how often each row has its logits wanted. */
static void score_all(struct fixture *f, struct batch_seq *s, int *n_wanted)
{
    for (int i = 0; s->phase != SCHED_DECODE; i++) {
        assert_true(i < 500);
        plan(f);
        const struct batch_part *p = part_of(f, s);
        bool aborts = i % 3 == 2 && f->step.chunk;
        for (int k = 0; p && !aborts && k < p->n_score; k++)
            n_wanted[p->from + (size_t)(p->score + k)]++;
        if (p && p->n_score)
            assert_true(p->score >= 0 && p->score + p->n_score <= p->n_row && p->n_row <= 50);
        if (aborts) {
            batch_abort(f->b, &f->step);
            continue;
        }
        batch_commit(f->b, &f->step);
        for (int k = 0; k < f->step.n_part; k++)
            if (f->step.part[k].draws)
                batch_push(f->b, f->step.part[k].seq, 7, false);
    }
}

static void every_row_of_a_scored_prompt_is_wanted_once_whatever_is_known(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 40);
    struct batch_seq *known = add(&f, 300, 300, 0, 10);
    step_until(&f, known, SCHED_DECODE);
    batch_end(f.b, known, true);
    for (int other = 0; other < 2; other++) {
        int n_wanted[310] = { 0 };
        /* Another that computes the same is not waited for. */
        struct batch_seq *o = other ? add(&f, 310, 310, 0, 10) : NULL, *s = add(&f, 310, 310, 0, 10);
        batch_score(s);
        score_all(&f, s, n_wanted);
        for (int i = 0; i < 310; i++)
            assert_int_equal(n_wanted[i], i < 309);
        assert_int_equal(s->n_cached, 0);
        assert_true(!o || o->n_cached > 250);
        batch_end(f.b, s, true);
        if (o)
            batch_end(f.b, o, true);
    }
    close_all(&f);
}

/* What it was told before it gave way is not computed again where the tree still has it. */
static void a_scored_prompt_that_gave_way_goes_on_where_it_was(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 11);
    int n_wanted[400] = { 0 };
    struct batch_seq *a = add(&f, 0, 120, 1, 300), *s = add(&f, 0, 400, 2, 2); /* 2 and 7 pages, 7 for a later */
    batch_score(s);
    for (int i = 0; s->n_preempted == 0; i++) {
        assert_true(i < 500);
        plan(&f);
        const struct batch_part *p = part_of(&f, s);
        /* s is held up: its chunks are given up once 150 rows are told. */
        bool aborts = p && s->n_scored >= 150;
        for (int k = 0; p && !aborts && k < p->n_score; k++)
            n_wanted[p->from + (size_t)(p->score + k)]++;
        if (aborts) {
            batch_abort(f.b, &f.step);
            continue;
        }
        batch_commit(f.b, &f.step);
        if (part_of(&f, a) && part_of(&f, a)->draws)
            batch_push(f.b, a, 7, false);
    }
    assert_int_equal(s->n_scored, 150);
    batch_end(f.b, a, false);
    plan(&f);
    const struct batch_part *first = part_of(&f, s);
    assert_non_null(first);
    assert_int_equal(first->from, 149); /* the last that was told is computed again: a hit leaves one */
    assert_int_equal(first->score, 1);
    batch_abort(f.b, &f.step);
    score_all(&f, s, n_wanted);
    for (int i = 0; i < 400; i++)
        assert_int_equal(n_wanted[i], i < 399);
    close_all(&f);
}

static void rows_that_were_given_up_are_computed_again(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 20);
    struct batch_seq *s = add(&f, 300, 300, 0, 10);
    plan(&f);
    batch_abort(f.b, &f.step);
    assert_int_equal(s->n_done, 0);
    assert_int_equal(s->phase, SCHED_PROMPT);
    assert_int_equal(prefix_stats(batch_prefix(f.b)).n_token, 0);
    step_until(&f, s, SCHED_DECODE);
    plan(&f);
    batch_abort(f.b, &f.step);
    assert_int_equal(s->n_done, 300);
    assert_int_equal(s->phase, SCHED_DECODE);
    close_all(&f);
}

static void a_spoilt_state_begins_again_from_the_tree(void **state)
{
    (void)state;
    struct fixture f;
    open_with(&f, &full_state, 30);
    struct batch_seq *s = add(&f, 300, 300, 0, 10);
    step(&f);
    assert_int_equal(s->n_done, 128);
    plan(&f);
    batch_abort(f.b, &f.step);
    assert_int_equal(s->phase, SCHED_WAITING);
    plan(&f);
    assert_int_equal(f.step.part[0].from, 128);
    assert_int_equal(f.n_fresh, 1);
    batch_abort(f.b, &f.step);
    step_until(&f, s, SCHED_DECODE);
    batch_want_draft(s, 3);
    plan(&f);
    assert_int_equal(f.step.part[0].n_draft, 0);
    batch_abort(f.b, &f.step);
    close_all(&f);
}

static void a_known_beginning_is_shared_and_its_partial_page_copied(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 20);
    struct batch_seq *a = add(&f, 200, 250, 1, 10);
    step_until(&f, a, SCHED_DECODE);
    struct batch_seq *b = add(&f, 200, 250, 2, 10);
    plan(&f);
    if (!part_of(&f, b))
        plan(&f);
    assert_int_equal(b->n_cached, 200);
    assert_int_equal(batch_cached_tokens(f.b), 200);
    assert_int_equal(f.n_copy, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(a->page[0][i], b->page[0][i]);
    assert_int_not_equal(a->page[0][3], b->page[0][3]);
    assert_int_equal(part_of(&f, b)->from, 200);
    batch_abort(f.b, &f.step);
    /* The answer, too, is known once it is over. */
    for (int i = 0; i < 5; i++)
        step(&f);
    batch_end(f.b, a, true);
    int32_t ids[260];
    for (int i = 0; i < 260; i++)
        ids[i] = i < 200 ? i : i < 250 ? 1 : 7;
    assert_true(prefix_probe(batch_prefix(f.b), ids, 260) >= 252);
    close_all(&f);
}

static void what_a_private_request_computes_stays_unknown(void **state)
{
    (void)state;
    struct fixture f;
    struct err e = ERR_INIT;
    open_full(&f, 20);
    int32_t ids[300] = { 0 };
    struct batch_seq *s;
    assert_int_equal(batch_add(f.b, &s, ids, 300, 5, 0, true, NULL, &e), 0);
    step_until(&f, s, SCHED_DECODE);
    batch_end(f.b, s, true);
    assert_int_equal(prefix_stats(batch_prefix(f.b)).n_token, 0);
    s = add(&f, 300, 300, 0, 5);
    step_until(&f, s, SCHED_DECODE);
    batch_end(f.b, s, false); /* its prompt is known by now, its answer not */
    assert_int_equal(prefix_stats(batch_prefix(f.b)).n_token, 300);
    close_all(&f);
}

static void nothing_is_shared_if_told_so(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 20);
    batch_free(f.b);
    struct err e = ERR_INIT;
    f.o.no_share = true;
    assert_int_equal(batch_new(&f.b, &f.o, &e), 0);
    struct batch_seq *a = add(&f, 300, 300, 0, 5), *b = add(&f, 300, 300, 0, 5);
    plan(&f);
    assert_int_equal(batch_n_running(f.b), 2);
    batch_abort(f.b, &f.step);
    step_until(&f, a, SCHED_DECODE);
    step_until(&f, b, SCHED_DECODE);
    assert_int_equal(a->n_cached + b->n_cached, 0);
    close_all(&f);
}

static void a_request_waits_for_what_another_is_about_to_compute(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 60);
    struct batch_seq *a = add(&f, 600, 700, 1, 5), *b = add(&f, 600, 650, 2, 5);
    step(&f);
    assert_int_equal(b->phase, SCHED_WAITING);
    struct batch_seq *c = add(&f, 0, 50, 9, 5); /* another one does not wait for them */
    step(&f);
    assert_int_equal(c->phase, SCHED_PROMPT);
    step_until(&f, b, SCHED_PROMPT);
    assert_true(a->n_done >= 600);
    assert_int_equal(b->n_cached, 600);
    close_all(&f);
}

static void it_goes_on_by_itself_if_the_other_ends(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 60);
    struct batch_seq *a = add(&f, 600, 700, 1, 5), *b = add(&f, 600, 650, 2, 5);
    step(&f);
    assert_int_equal(b->phase, SCHED_WAITING);
    batch_end(f.b, a, false);
    step(&f);
    assert_int_equal(b->phase, SCHED_PROMPT);
    assert_int_equal(b->n_cached, 128);
    close_all(&f);
}

static void the_youngest_gives_way_and_is_resumed(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 11);
    struct batch_seq *a = add(&f, 0, 250, 1, 200), *b = add(&f, 0, 190, 2, 100); /* 4 + 3 pages, up to 8 + 5 */
    step_until(&f, a, SCHED_DECODE);
    step_until(&f, b, SCHED_DECODE);
    step_until(&f, b, SCHED_WAITING);
    assert_int_equal(a->phase, SCHED_DECODE);
    assert_int_equal(b->n_preempted, 1);
    assert_int_equal(batch_n_preempted(f.b), 1);
    size_t n = b->ids.n;
    assert_true(n > 190);
    assert_int_equal(b->n_target, n);
    assert_int_equal(b->n_done, 0);
    while (a->ids.n < 449) {
        step(&f);
        assert_int_equal(a->n_preempted, 0);
    }
    batch_end(f.b, a, true);
    step_until(&f, b, SCHED_DECODE);
    assert_int_equal(b->n_cached, 0); /* of the first admission */
    while (b->ids.n < 289)
        step(&f);
    close_all(&f);
}

static void a_suspended_chunk_keeps_its_pages(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 10);
    struct batch_seq *a = add(&f, 0, 128, 1, 300); /* 2 pages, up to 7 */
    step_until(&f, a, SCHED_DECODE);
    struct batch_seq *b = add(&f, 0, 380, 2, 2); /* 6 pages */
    static struct batch_step chunk;
    batch_plan(f.b, &chunk, false);
    if (!chunk.chunk)
        batch_plan(f.b, &chunk, false);
    assert_true(chunk.chunk);
    assert_ptr_equal(chunk.part[0].seq, b);
    bool stuck = false;
    for (int i = 0; i < 200 && !stuck; i++) {
        batch_plan(f.b, &f.step, true);
        batch_check(f.b, NULL);
        stuck = f.step.n_part == 0;
        batch_commit(f.b, &f.step);
        if (!stuck)
            batch_push(f.b, a, 7, false);
    }
    /* The older one waits, since nobody can give way now; when the chunk is done the younger one does. */
    assert_true(stuck);
    assert_int_equal(a->phase, SCHED_DECODE);
    assert_int_equal(b->phase, SCHED_IDLE);
    batch_commit(f.b, &chunk);
    step(&f);
    assert_int_equal(b->phase, SCHED_WAITING);
    assert_int_equal(a->n_preempted, 0);
    close_all(&f);
}

static void one_alone_may_use_all_memory(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 10);
    struct batch_seq *s = add(&f, 100, 600, 1, 41);
    step_until(&f, s, SCHED_DECODE);
    batch_end(f.b, s, true);
    /* The tree is full of something that it shares a beginning with, which ends in the middle of a page. */
    s = add(&f, 100, 600, 2, 41);
    while (s->ids.n < 640)
        step(&f);
    assert_int_equal(s->n_preempted, 0);
    assert_int_equal(used(&f), 10);
    close_all(&f);
}

static void what_waits_for_memory_evicts_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 20);
    struct batch_seq *s = add(&f, 0, 500, 1, 2);
    step_until(&f, s, SCHED_DECODE);
    batch_end(f.b, s, true);
    size_t n_known = prefix_stats(batch_prefix(f.b)).n_token;
    struct batch_seq *a = add(&f, 0, 300, 2, 50), *b = add(&f, 0, 1100, 3, 2);
    step_until(&f, a, SCHED_DECODE);
    step(&f);
    assert_int_equal(b->phase, SCHED_WAITING);
    assert_int_equal(prefix_stats(batch_prefix(f.b)).n_token, n_known + 300);
    batch_end(f.b, a, true);
    step(&f);
    assert_int_equal(b->phase, SCHED_PROMPT);
    close_all(&f);
}

static void guesses_get_rows_and_right_ones_count(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 20);
    struct batch_seq *s = add(&f, 0, 60, 1, 10); /* 69 tokens at most are computed */
    step_until(&f, s, SCHED_DECODE);
    batch_want_draft(s, 100);
    plan(&f);
    assert_int_equal(f.step.part[0].n_row, 9);
    assert_int_equal(f.step.part[0].n_draft, 8);
    assert_int_equal(s->n_page[0], 2);
    batch_commit(f.b, &f.step);
    assert_int_equal(s->n_done, 61);
    batch_push(f.b, s, 7, true);
    batch_push(f.b, s, 7, true);
    batch_push(f.b, s, 8, false);
    assert_int_equal(s->n_done, 63);
    assert_int_equal(s->ids.n, 64);
    plan(&f); /* a wish is for one plan */
    assert_int_equal(f.step.part[0].n_draft, 0);
    assert_int_equal(f.step.part[0].from, 63);
    batch_abort(f.b, &f.step);
    close_all(&f);
}

static void what_loads_waits_and_others_go_on(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 30);
    f.loads = true;
    struct batch_seq *a = add(&f, 0, 600, 1, 5);
    plan(&f);
    assert_int_equal(f.step.n_part, 0);
    f.loads = false;
    assert_true(batch_reserve(f.b, a, 0, 512));
    struct batch_seq *b = add(&f, 0, 100, 2, 5);
    step_until(&f, b, SCHED_DECODE);
    assert_int_equal(a->n_done, 0);
    batch_loaded(f.b, a, 512);
    batch_set_loading(a, false);
    assert_int_equal(prefix_probe(batch_prefix(f.b), a->ids.v, 600), 512);
    for (int i = 0; i < 2; i++) {
        plan(&f);
        batch_abort(f.b, &f.step);
        if (part_of(&f, a))
            break;
    }
    assert_int_equal(part_of(&f, a)->from, 512);
    close_all(&f);
}

static void pages_to_load_into_are_shared_with_nobody(void **state)
{
    (void)state;
    struct fixture f;
    open_full(&f, 30);
    struct batch_seq *a = add(&f, 200, 300, 1, 5);
    step_until(&f, a, SCHED_DECODE);
    f.loads = true;
    struct batch_seq *b = add(&f, 200, 600, 2, 5);
    plan(&f);
    batch_abort(f.b, &f.step);
    assert_int_equal(b->n_done, 200);
    assert_int_equal(b->page[0][1], a->page[0][1]);
    int32_t last = b->page[0][9];
    assert_true(batch_reserve(f.b, b, 64, 512));
    assert_int_equal(b->n_done, 64);
    assert_int_equal(b->page[0][0], a->page[0][0]);
    for (int i = 1; i < 8; i++)
        assert_int_equal(pages_refs(batch_pages(f.b), 0, b->page[0][i]), 1);
    assert_int_equal(b->page[0][9], last);
    batch_loaded(f.b, b, 64); /* it failed */
    batch_set_loading(b, false);
    batch_check(f.b, NULL);
    assert_int_equal(b->phase, SCHED_PROMPT);
    step_until(&f, b, SCHED_DECODE);
    close_all(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_never_fit_is_refused_with_the_numbers),
        cmocka_unit_test(out_of_memory_is_reported_and_leaves_nothing),
        cmocka_unit_test(a_prompt_is_computed_in_chunks_and_then_draws),
        cmocka_unit_test(every_row_of_a_scored_prompt_is_wanted_once_whatever_is_known),
        cmocka_unit_test(a_scored_prompt_that_gave_way_goes_on_where_it_was),
        cmocka_unit_test(rows_that_were_given_up_are_computed_again),
        cmocka_unit_test(a_spoilt_state_begins_again_from_the_tree),
        cmocka_unit_test(a_known_beginning_is_shared_and_its_partial_page_copied),
        cmocka_unit_test(what_a_private_request_computes_stays_unknown),
        cmocka_unit_test(nothing_is_shared_if_told_so),
        cmocka_unit_test(a_request_waits_for_what_another_is_about_to_compute),
        cmocka_unit_test(it_goes_on_by_itself_if_the_other_ends),
        cmocka_unit_test(the_youngest_gives_way_and_is_resumed),
        cmocka_unit_test(a_suspended_chunk_keeps_its_pages),
        cmocka_unit_test(one_alone_may_use_all_memory),
        cmocka_unit_test(what_waits_for_memory_evicts_nothing),
        cmocka_unit_test(guesses_get_rows_and_right_ones_count),
        cmocka_unit_test(what_loads_waits_and_others_go_on),
        cmocka_unit_test(pages_to_load_into_are_shared_with_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_passes.c - a step that pauses, in which others are computed, and which is given up and begun again, has the bits of one that ran
 * through.
 *
 * A model is opened with parts so short that experts, columns, rows and ranges of attention are cut as far as they can be. Seeds are fixed;
 * $OCTET_TEST_SEED sets another.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "model/model.h"

/* The long sequence: N_BEFORE tokens are computed, then N_ROW at once. The others: N_OTHER sequences of at most N_OTHER_TOK. */
enum {
    N_BEFORE = 90,
    N_ROW = 173,
    N_LONG = N_BEFORE + N_ROW,
    N_OTHER = 3,
    N_OTHER_TOK = 150,
    OTHER_ROWS = 24,
    LONG_PAGES = (N_LONG + KV_PAGE_TOK - 1) / KV_PAGE_TOK + 1,
    OTHER_PAGES = (N_OTHER_TOK + KV_PAGE_TOK - 1) / KV_PAGE_TOK,
    N_PAGE = LONG_PAGES + N_OTHER * OTHER_PAGES,
    N_OUT = 3,
    SAVED_MAX = 2000,
};

static const char *const dirs[] = { "models/octet-mini", "tests/data/quant/affine-4bit-g64",
                                    "tests/data/quant/dense-layer-0" };
/* A part each at least; parts of any size; no cuts at all. */
static const int64_t part_ns[] = { 1, 30000, INT64_MAX / 2 };

static uint64_t seed = 5;

/* Short steps of other sequences, the same series for the same seed. */
struct others {
    struct model *m;
    struct model_pass *pass;
    struct kv *kv;
    struct rng rng;
    int pos[N_OTHER];
    float *saved; /* owned; [SAVED_MAX][n_vocab]; NULL where they are compared with `want` */
    const float *want;
    float *logits; /* owned; [n_vocab] */
    int n_step;
};

/* One model with what a test needs of it. */
struct world {
    struct model *m;
    struct model_pass *pass, *small;
    struct kv *kv;
    int32_t ids[N_LONG], pages[LONG_PAGES], other_pages[N_OTHER][OTHER_PAGES];
    struct step_seq seqs[2];
    int32_t out_rows[N_OUT];
    struct step step;        /* the long one */
    float *want, *got;       /* owned; [N_OUT][n_vocab]: computed at once, without pauses; as computed last */
    uint8_t *want_pages;     /* owned; [LONG_PAGES][page_bytes] */
    struct others *others;   /* in pauses; NULL: none */
    int n_pause, give_up_at; /* 0: never */
    bool called_after_given_up;
};

static size_t n_vocab(const struct world *w)
{
    return (size_t)model_config(w->m)->n_vocab;
}

static void ok(int rc, const struct err *e)
{
    if (rc)
        fail_msg("%s", e->msg);
}

static void open_world(struct world *w, const char *dir, enum precision precision, int64_t ns)
{
    struct err e = ERR_INIT;
    struct model_opts o = model_opts_default;
    struct rng r;
    memset(w, 0, sizeof *w);
    o.precision = precision;
    o.n_threads = dir == dirs[0] ? 1 : 2; /* hundreds of short steps: threads would mostly wait */
    o.chunk = N_ROW;
    o.part_ns = ns;
    ok(model_open(&w->m, dir, &o, &e), &e);
    ok(model_pass_new(&w->pass, w->m, N_ROW, &e), &e);
    ok(model_pass_new(&w->small, w->m, OTHER_ROWS, &e), &e);
    ok(model_kv_new(&w->kv, w->m, N_PAGE, &e), &e);
    rng_init(&r, seed);
    for (int t = 0; t < N_LONG; t++)
        w->ids[t] = (int32_t)rng_below(&r, (uint32_t)n_vocab(w));
    /* Pages of the long sequence in descending order, so that their places are not their numbers. */
    for (int p = 0; p < LONG_PAGES; p++)
        w->pages[p] = LONG_PAGES - 1 - p;
    for (int s = 0; s < N_OTHER; s++)
        for (int p = 0; p < OTHER_PAGES; p++)
            w->other_pages[s][p] = LONG_PAGES + p * N_OTHER + s;
    w->want = xcalloc(N_OUT * n_vocab(w), sizeof *w->want);
    w->got = xcalloc(N_OUT * n_vocab(w), sizeof *w->got);
    w->want_pages = xcalloc(LONG_PAGES, w->kv->page_bytes);
}

static void close_world(struct world *w)
{
    mem_free(w->want);
    mem_free(w->got);
    mem_free(w->want_pages);
    kv_free(w->kv);
    model_pass_free(w->small);
    model_pass_free(w->pass);
    model_close(w->m);
}

/* The long step: N_ROW rows of one sequence, or the last of them as the beginning of another, whose page is the last of LONG_PAGES. */
static void make_step(struct world *w, int n_seq)
{
    int n_first = n_seq == 1 ? N_ROW : N_ROW - 20;
    w->seqs[0] = (struct step_seq){ .row = 0, .n_row = n_first, .pos = N_BEFORE, .pages = w->pages };
    w->seqs[1] = (struct step_seq){ .row = n_first, .n_row = 20, .pos = 0, .pages = w->pages + LONG_PAGES - 1 };
    w->out_rows[0] = 0;
    w->out_rows[1] = 70;
    w->out_rows[2] = N_ROW - 1;
    w->step = (struct step){ .n_tok = N_ROW,
                             .ids = w->ids + N_BEFORE,
                             .n_seq = n_seq,
                             .seqs = w->seqs,
                             .n_out = N_OUT,
                             .out_rows = w->out_rows };
}

/* The tokens before, then what the step gives without pauses. */
static void compute_undisturbed(struct world *w, int n_seq)
{
    struct err e = ERR_INIT;
    const struct step_seq seq = { .n_row = N_BEFORE, .pages = w->pages };
    const struct step before = { .n_tok = N_BEFORE, .ids = w->ids, .n_seq = 1, .seqs = &seq };
    memset(w->kv->base, 0, N_PAGE * w->kv->page_bytes);
    make_step(w, n_seq);
    ok(model_forward(w->m, w->kv, &before, NULL, &e), &e);
    ok(model_forward(w->m, w->kv, &w->step, w->want, &e), &e);
    memcpy(w->want_pages, w->kv->base, LONG_PAGES * w->kv->page_bytes);
    memset(w->kv->base, 0, N_PAGE * w->kv->page_bytes);
    ok(model_forward(w->m, w->kv, &before, NULL, &e), &e);
}

static void check_result(const struct world *w, const char *what)
{
    if (memcmp(w->got, w->want, N_OUT * n_vocab(w) * sizeof *w->got) != 0)
        fail_msg("%s: other logits than undisturbed", what);
    if (memcmp(w->kv->base, w->want_pages, LONG_PAGES * w->kv->page_bytes) != 0)
        fail_msg("%s: other keys and values than undisturbed", what);
}

/* --- other steps ------------------------------------------------------------------------------------------------------------------------- */

static void others_init(struct others *o, struct world *w, struct kv *kv, const float *want)
{
    *o = (struct others){ .m = w->m, .pass = w->small, .kv = kv, .want = want };
    rng_init(&o->rng, seed + 1);
    o->logits = xcalloc(n_vocab(w), sizeof *o->logits);
    if (!want)
        o->saved = xcalloc(SAVED_MAX * n_vocab(w), sizeof *o->saved);
}

static void others_deinit(struct others *o)
{
    mem_free(o->saved);
    mem_free(o->logits);
}

/* A step of one to all of them, each with one to a few rows; a sequence that is full begins again. */
static void other_step(struct others *o, int32_t (*pages)[OTHER_PAGES])
{
    struct err e = ERR_INIT;
    struct step_seq seqs[N_OTHER];
    int32_t ids[OTHER_ROWS], row;
    struct step s = { .ids = ids, .seqs = seqs, .n_out = 1, .out_rows = &row };
    int first = (int)rng_below(&o->rng, N_OTHER);
    for (int k = first; k < N_OTHER; k++) {
        int n = 1 + (int)rng_below(&o->rng, rng_below(&o->rng, 2) ? OTHER_ROWS / N_OTHER : 1);
        if (o->pos[k] + n > N_OTHER_TOK)
            o->pos[k] = 0;
        seqs[s.n_seq++] = (struct step_seq){ .row = s.n_tok, .n_row = n, .pos = o->pos[k], .pages = pages[k] };
        o->pos[k] += n;
        s.n_tok += n;
    }
    uint32_t vocab = (uint32_t)model_config(o->m)->n_vocab;
    for (int t = 0; t < s.n_tok; t++)
        ids[t] = (int32_t)rng_below(&o->rng, vocab);
    row = (int32_t)rng_below(&o->rng, (uint32_t)s.n_tok);
    ok(model_forward_in(o->m, o->pass, o->kv, &s, o->logits, NULL, NULL, &e), &e);
    size_t at = (size_t)o->n_step++ * vocab;
    if (o->n_step > SAVED_MAX)
        return;
    if (o->saved)
        memcpy(o->saved + at, o->logits, vocab * sizeof *o->logits);
    else
        assert_memory_equal(o->want + at, o->logits, vocab * sizeof *o->logits);
}

static bool on_pause(void *arg)
{
    struct world *w = arg;
    w->called_after_given_up = w->called_after_given_up || (w->give_up_at && w->n_pause >= w->give_up_at);
    w->n_pause++;
    if (w->others)
        other_step(w->others, w->other_pages);
    return w->n_pause == w->give_up_at;
}

static int run_with_pauses(struct world *w, int give_up_at, struct err *e)
{
    *e = ERR_INIT;
    w->n_pause = 0;
    w->give_up_at = give_up_at;
    w->called_after_given_up = false;
    int rc = model_forward_in(w->m, w->pass, w->kv, &w->step, w->got, on_pause, w, e);
    assert_false(w->called_after_given_up);
    return rc;
}

/* --- what is tested ---------------------------------------------------------------------------------------------------------------------- */

static int parts_of(int n, int unit, bool cut)
{
    return cut ? (n + unit - 1) / unit : 1;
}

/* Pauses of the long step if everything is cut as far as it can be, or nothing is. */
static int count_pauses(const struct world *w, bool cut)
{
    const struct config *c = model_config(w->m);
    int n = 0;
    for (int l = 0; l < c->n_layer; l++) {
        n += parts_of(N_ROW, 16, cut && w->step.n_seq == 1);
        n += c->is_sparse[l] ? parts_of(c->n_expert, 1, cut) + parts_of(c->n_embd, 64, cut) : parts_of(N_ROW, 16, cut);
    }
    return n;
}

static void check_pauses(const struct world *w, int64_t ns)
{
    int most = count_pauses(w, true), least = count_pauses(w, false);
    if (ns == part_ns[0])
        assert_int_equal(w->n_pause, most);
    else if (ns == INT64_MAX / 2)
        assert_int_equal(w->n_pause, least);
    else
        assert_true(w->n_pause >= least && w->n_pause <= most);
}

/* The long step with others in its pauses, and the others by themselves. */
static void disturb(struct world *w, int n_seq, int64_t ns)
{
    struct err e;
    struct others in_pauses, alone;
    struct kv *kv = w->kv;
    compute_undisturbed(w, n_seq);
    others_init(&in_pauses, w, kv, NULL);
    w->others = &in_pauses;
    ok(run_with_pauses(w, 0, &e), &e);
    check_pauses(w, ns);
    check_result(w, "with other steps in the pauses");
    w->others = NULL;
    uint8_t *pages = kv_page(kv, LONG_PAGES);
    size_t bytes = (N_PAGE - LONG_PAGES) * kv->page_bytes;
    uint8_t *seen = xmalloc(bytes);
    memcpy(seen, pages, bytes);
    memset(kv->base, 0, N_PAGE * kv->page_bytes);
    others_init(&alone, w, kv, in_pauses.saved);
    for (int i = 0; i < in_pauses.n_step; i++)
        other_step(&alone, w->other_pages);
    assert_memory_equal(seen, pages, bytes);
    mem_free(seen);
    others_deinit(&alone);
    others_deinit(&in_pauses);
}

static void each(enum precision precision, void (*check)(struct world *w, int n_seq, int64_t ns))
{
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        for (size_t k = 0; k < ARRAY_LEN(part_ns); k++) {
            struct world w;
            open_world(&w, dirs[i], precision, part_ns[k]);
            for (int n_seq = 1; n_seq <= 2; n_seq++)
                check(&w, n_seq, part_ns[k]);
            close_world(&w);
        }
}

static void other_steps_in_pauses_change_no_bit_int8(void **state)
{
    (void)state;
    each(PRECISION_INT8, disturb);
}

static void other_steps_in_pauses_change_no_bit_f32(void **state)
{
    (void)state;
    each(PRECISION_F32, disturb);
}

/* Given up at some pause, among them the first and the last; then again, to the end. */
static void give_up(struct world *w, int n_seq, int64_t ns)
{
    enum { N_TRY = 4 };
    struct err e;
    struct rng r;
    rng_init(&r, seed + 2);
    compute_undisturbed(w, n_seq);
    int n = count_pauses(w, ns == part_ns[0]);
    for (int i = 0; i < N_TRY; i++) {
        int at = i == 0 ? 1 : i == 1 ? n : 1 + (int)rng_below(&r, (uint32_t)n);
        memset(w->got, 0xff, N_OUT * n_vocab(w) * sizeof *w->got);
        assert_int_equal(run_with_pauses(w, at, &e), ERR_CANCELLED);
        assert_int_equal(w->n_pause, at);
        if (i % 2) {
            e = ERR_INIT;
            ok(model_forward(w->m, w->kv, &w->step, w->got, &e), &e);
        } else {
            ok(run_with_pauses(w, 0, &e), &e);
        }
        check_result(w, "after being given up");
    }
}

static void a_step_that_was_given_up_can_be_repeated_int8(void **state)
{
    (void)state;
    each(PRECISION_INT8, give_up);
}

static void a_step_that_was_given_up_can_be_repeated_f32(void **state)
{
    (void)state;
    each(PRECISION_F32, give_up);
}

static void a_pass_refuses_steps_that_do_not_fit(void **state)
{
    (void)state;
    struct world w;
    struct err e = ERR_INIT;
    open_world(&w, dirs[1], PRECISION_INT8, 1);
    make_step(&w, 1);
    assert_int_equal(model_forward_in(w.m, w.small, w.kv, &w.step, w.got, on_pause, &w, &e), ERR_ARG);
    assert_string_equal(e.msg, "a step of 173 rows, 3 with logits: 1 to 24 rows, at most 256 with logits");
    w.ids[N_BEFORE + 100] = (int32_t)n_vocab(&w);
    assert_int_equal(run_with_pauses(&w, 0, &e), ERR_ARG);
    w.ids[N_BEFORE + 100] = -1;
    assert_int_equal(run_with_pauses(&w, 0, &e), ERR_ARG);
    assert_non_null(strstr(e.msg, "-1 is not in the vocabulary"));
    assert_int_equal(w.n_pause, 0);
    close_world(&w);
}

static void no_memory_for_a_pass_is_reported(void **state)
{
    (void)state;
    struct world w;
    open_world(&w, dirs[2], PRECISION_INT8, 1);
    int rc = ERR_NOMEM;
    long nth = 1;
    for (; rc; nth++) {
        struct model_pass *p = NULL;
        struct err e = ERR_INIT;
        mem_fail_after(nth);
        rc = model_pass_new(&p, w.m, 8, &e);
        mem_fail_after(0);
        assert_true(rc ? rc == ERR_NOMEM && !p : p != NULL);
        model_pass_free(p);
        assert_true(nth < 100);
    }
    assert_true(nth > 10);
    close_world(&w);
}

/* --- pages -------------------------------------------------------------------------------------------------------------------------------- */

/* A sequence goes on from a copy of its pages as from the pages, and what it writes then does not reach them. */
static void copied_pages_hold_the_sequence(void **state)
{
    (void)state;
    for (int type = 0; type < KV_TYPE_N; type++) {
        struct err e = ERR_INIT;
        struct model *m;
        struct kv *kv;
        struct model_opts o = model_opts_default;
        o.n_threads = 1;
        o.chunk = N_ROW;
        o.kv_type = (enum kv_type)type;
        ok(model_open(&m, dirs[2], &o, &e), &e);
        ok(model_kv_new(&kv, m, 9, &e), &e);
        size_t vocab = (size_t)model_config(m)->n_vocab;
        static const int32_t own[3] = { 0, 1, 2 }, copies[3] = { 7, 3, 5 };
        int32_t ids[150];
        for (int t = 0; t < 150; t++)
            ids[t] = (int32_t)((size_t)t * 31 % vocab);
        const int32_t row = 9;
        struct step_seq seq = { .n_row = 140, .pages = own };
        struct step s = { .n_tok = 140, .ids = ids, .n_seq = 1, .seqs = &seq };
        ok(model_forward(m, kv, &s, NULL, &e), &e);
        memset(kv_page(kv, 3), 0xff, 6 * kv->page_bytes);
        for (int p = 0; p < 3; p++)
            kv_copy_page(kv, own[p], copies[p]);
        uint8_t *before = xmalloc(3 * kv->page_bytes);
        memcpy(before, kv->base, 3 * kv->page_bytes);
        float *logits = xcalloc(2 * vocab, sizeof *logits);
        seq = (struct step_seq){ .n_row = 10, .pos = 140, .pages = copies };
        s = (struct step){ .n_tok = 10, .ids = ids + 140, .n_seq = 1, .seqs = &seq, .n_out = 1, .out_rows = &row };
        ok(model_forward(m, kv, &s, logits, &e), &e);
        assert_memory_equal(before, kv->base, 3 * kv->page_bytes);
        for (size_t i = 0; i < kv->page_bytes; i++) {
            assert_int_equal(kv_page(kv, 4)[i], 0xff);
            assert_int_equal(kv_page(kv, 6)[i], 0xff);
            assert_int_equal(kv_page(kv, 8)[i], 0xff);
        }
        seq.pages = own;
        ok(model_forward(m, kv, &s, logits + vocab, &e), &e);
        assert_memory_equal(logits, logits + vocab, vocab * sizeof *logits);
        for (int p = 0; p < 3; p++)
            assert_memory_equal(kv_page(kv, own[p]), kv_page(kv, copies[p]), kv->page_bytes);
        mem_free(logits);
        mem_free(before);
        kv_free(kv);
        model_close(m);
    }
}

int main(void)
{
    const char *given = getenv("OCTET_TEST_SEED");
    seed = given ? strtoull(given, NULL, 0) : seed;
    print_message("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_steps_in_pauses_change_no_bit_int8),
        cmocka_unit_test(other_steps_in_pauses_change_no_bit_f32),
        cmocka_unit_test(a_step_that_was_given_up_can_be_repeated_int8),
        cmocka_unit_test(a_step_that_was_given_up_can_be_repeated_f32),
        cmocka_unit_test(a_pass_refuses_steps_that_do_not_fit),
        cmocka_unit_test(no_memory_for_a_pass_is_reported),
        cmocka_unit_test(copied_pages_hold_the_sequence),
    };
    return cmocka_run_group_tests_name("passes", tests, NULL, NULL);
}

/* bench_guesses.c - octet bench guesses: the same answers with guesses and without.
 *
 * The answers are scripted (engine.h), so that a model of any quality writes the text that is to be measured; every step is computed
 * all the same, and guesses are made, verified and paid for as always. One text is a file that is written again with every tenth line
 * changed, as an agent does; the other has no long repetitions, so that guesses can only cost.
 * SPDX-License-Identifier: MIT */
#include "base/base.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cli/bench.h"
#include "text/tokenizer.h"

struct text {
    const char *name;
    struct ids prompt, answer;
};

/* What one engine gave for one text. */
struct measured {
    size_t n_step, n_drafted, n_accepted;
    struct bench_series per_s; /* tokens of the answer after the first, one for each round */
};

static const char *const words[] = {
    "account", "index", "buffer", "parse", "value",  "write", "length", "name",  "record", "open",
    "close",   "state", "offset", "token", "weight", "field", "symbol", "table", "layer",  "count",
};

static const char *word(struct rng *r)
{
    return words[rng_below(r, ARRAY_LEN(words))];
}

/* A line of a program; `i` makes it like no other. */
static void add_line(struct buf *out, struct rng *r, int64_t i)
{
    buf_printf(out, "    %s_%lld = %s(%s, %u) + %s;\n", word(r), (long long)i, word(r), word(r), rng_below(r, 1000),
               word(r));
}

/* Text in which no four words follow each other twice but by chance. */
static void add_prose(struct buf *out, struct rng *r, int64_t n_line)
{
    for (int64_t i = 0; i < n_line; i++) {
        for (int k = 0; k < 10; k++)
            buf_printf(out, "%s%s%u", k ? " " : "", word(r), rng_below(r, 100000));
        buf_z(out, ".\n");
    }
}

/* The prompt holds a file, the answer is the file with every tenth line changed. */
static void write_file(struct buf *prompt, struct buf *answer, int64_t n_line)
{
    struct rng r, other;
    rng_init(&r, 1);
    rng_init(&other, 2);
    buf_z(prompt, "The file:\n");
    for (int64_t i = 0; i < n_line; i++) {
        size_t at = prompt->n;
        add_line(prompt, &r, i);
        if (i % 10 == 9)
            add_line(answer, &other, i);
        else
            buf_str(answer, str_sub(buf_view(prompt), at, prompt->n));
    }
    buf_z(prompt, "Write it again with every tenth line changed.\n");
}

static int encode(struct text *t, const struct tokenizer *tok, struct buf *prompt, struct buf *answer, struct err *e)
{
    int rc = tokenizer_encode(tok, buf_view(prompt), TOKENIZER_ADDED_NONE, &t->prompt, e);
    if (!rc)
        rc = tokenizer_encode(tok, buf_view(answer), TOKENIZER_ADDED_NONE, &t->answer, e);
    buf_deinit(prompt);
    buf_deinit(answer);
    return rc;
}

static int make_texts(struct text *t, const struct bench_model *b, int64_t n_line, struct err *e)
{
    struct tokenizer *tok;
    struct rng r;
    struct buf prompt = { 0 }, answer = { 0 };
    int rc = tokenizer_open(&tok, b->path, e);
    if (rc)
        return rc;
    t[0].name = "a file, every tenth line new";
    write_file(&prompt, &answer, n_line);
    rc = encode(&t[0], tok, &prompt, &answer, e);
    t[1].name = "text without repetitions";
    rng_init(&r, 3);
    add_prose(&prompt, &r, n_line / 4 + 1);
    add_prose(&answer, &r, n_line / 4 + 1);
    if (!rc)
        rc = encode(&t[1], tok, &prompt, &answer, e);
    tokenizer_close(tok);
    return rc;
}

static int ask(struct engine *g, const struct text *t, struct measured *m, struct err *e)
{
    const int32_t eos = 0;
    const struct engine_request q = { .prompt = t->prompt.v,
                                      .n_prompt = t->prompt.n,
                                      .script = t->answer.v,
                                      .n_script = t->answer.n,
                                      .answer = { .sampling = sampling_greedy, .eos = &eos, .n_eos = 1 } };
    struct request *r;
    struct engine_event ev = { 0 };
    int rc = engine_submit(g, &r, &q, e);
    if (rc)
        return rc;
    while (request_next(r, &ev, -1) && ev.kind != ENGINE_FINISH && ev.kind != ENGINE_ERROR)
        ;
    if (ev.kind == ENGINE_ERROR)
        rc = err_set(e, ev.err->code, "%s", ev.err->msg);
    else if (ev.finish != ANSWER_EOS)
        rc = err_set(e, ERR_LIMIT, "the context holds no prompt of %zu tokens and an answer of %zu", t->prompt.n,
                     t->answer.n);
    request_close(r);
    if (rc)
        return rc;
    m->n_step = ev.figures.n_step;
    m->n_drafted += ev.figures.n_drafted;
    m->n_accepted += ev.figures.n_accepted;
    bench_series_add(&m->per_s, (double)(ev.figures.n_generated - 1) * 1e9 / (double)MAX(ev.figures.decode_ns, 1));
    return 0;
}

static void report(const struct text *t, struct measured *with, struct measured *without, struct buf *out)
{
    double fast = bench_series_at(&with->per_s, 0.5), slow = bench_series_at(&without->per_s, 0.5);
    buf_printf(out, "%-28s  %6zu  %9.1f  %6zu  %9.1f  %6zu  %6.3f  %5.1f %%\n", t->name, t->answer.n, slow,
               without->n_step, fast, with->n_step, fast / slow,
               with->n_drafted ? 100.0 * (double)with->n_accepted / (double)with->n_drafted : 0);
}

int bench_guesses(const struct bench_guesses *c, const struct bench_model *b, struct buf *out, struct err *e)
{
    enum { N_TEXT = 2 };
    struct text t[N_TEXT] = { 0 };
    struct measured m[N_TEXT][2] = { 0 };
    int rc = make_texts(t, b, c->n_line, e);
    /* By turns, so that whatever else the machine does meets both. */
    for (int64_t round = 0; round < c->n_round && !rc; round++)
        for (int off = 0; off < 2 && !rc; off++) {
            struct engine *g;
            struct bench_model own = *b;
            own.engine.no_draft = off;
            rc = bench_open(&g, &own, e);
            if (rc)
                break;
            for (int i = 0; i < N_TEXT && !rc; i++)
                rc = ask(g, &t[i], &m[i][off], e);
            engine_close(g);
        }
    if (!rc)
        buf_printf(out,
                   "%lld rounds, medians                   without guesses      with guesses\n"
                   "answer                        tokens   tokens/s   steps   tokens/s   steps   times    right\n",
                   (long long)c->n_round);
    for (int i = 0; i < N_TEXT; i++) {
        if (!rc)
            report(&t[i], &m[i][0], &m[i][1], out);
        ids_deinit(&t[i].prompt);
        ids_deinit(&t[i].answer);
        bench_series_deinit(&m[i][0].per_s);
        bench_series_deinit(&m[i][1].per_s);
    }
    return rc;
}

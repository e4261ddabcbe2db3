/* test_engine.c - the engine on the demonstration model: whatever is shared, interrupted, evicted, resumed, guessed or read back from disk,
 * every answer is the one that its prompt gets alone, bit for bit.
 *
 * Answers are compared by their tokens, their text, and the log-probabilities of the tokens as the doubles that they are: a single
 * different bit in the logits shows. The order of events is random; the seed is printed.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine.h"
#include "engine/seq.h"
#include "text/grammar/grammar.h"

#define MODEL "models/octet-mini"

enum { N_PROMPT = 12, N_ANSWER = 24, N_LONG = 200, N_TOP = 3 };

/* What the model says of a prompt's tokens. */
struct said {
    size_t n;
    double *logprob;         /* [n]; of the first: NaN */
    struct sampler_top *top; /* [n][N_TOP]; of the first: nothing */
};

/* What one prompt must give. */
struct outcome {
    struct ids ids;
    struct buf text;
    double logprob[N_LONG];
    struct sampler_top top[N_LONG * N_TOP];
    enum answer_finish finish;
    struct engine_figures figures;
    const struct said *said; /* borrowed: what its PROMPT event must tell; NULL: there must be none */
    size_t n_progress, n_queued, n_event, n_said;
    struct engine_figures queued; /* as the first event told them */
    int stop;
};

static struct {
    struct tokenizer *tok;
    struct ids prompts[N_PROMPT];
    enum precision precision;
    int chunk;
    uint32_t scored_percent;           /* of a storm's requests */
    struct outcome alone[2][N_PROMPT]; /* by precision */
    struct said said[2][N_PROMPT];
    uint64_t seed;
    struct rng rng;
} world;

/* --- prompts --------------------------------------------------------------------------------------------------------------------------- */

static const char system_text[] = "<|im_start|>system\nYou are a careful assistant. You have tools to read files, to "
                                  "write files and to run commands. You answer in "
                                  "short sentences, and when you are asked for code you write only code. Never invent "
                                  "the contents of a file: read it first. ";

/* Two families with a shared beginning each, ends of different lengths, and one that is the beginning of another. */
static void make_prompts(void)
{
    struct err e = ERR_INIT;
    for (int i = 0; i < N_PROMPT; i++) {
        struct buf b = { 0 };
        for (int k = 0; k < (i % 2 ? 9 : 3); k++)
            buf_z(&b, k ? system_text + sizeof("<|im_start|>system\n") - 1 : system_text);
        buf_printf(&b, "<|im_end|>\n<|im_start|>user\n");
        for (int k = 0; k <= i / 2; k++)
            buf_printf(&b, "Item %d is number %d. ", k, k * 7 % 10);
        buf_printf(&b, "Say the numbers from %d to 9.<|im_end|>\n<|im_start|>assistant\n", i % 5);
        assert_int_equal(tokenizer_encode(world.tok, buf_view(&b), TOKENIZER_ADDED_ALL, &world.prompts[i], &e), 0);
        buf_deinit(&b);
    }
    world.prompts[10].n = world.prompts[8].n - 5;
    memcpy(world.prompts[10].v, world.prompts[8].v, world.prompts[10].n * sizeof(int32_t));
}

/* --- asking ---------------------------------------------------------------------------------------------------------------------------- */

static struct engine *open_engine(const struct engine_opts *o)
{
    struct model *m;
    struct engine *g;
    struct err e = ERR_INIT;
    struct model_opts mo = model_opts_default;
    mo.precision = world.precision;
    mo.chunk = world.chunk ? world.chunk : 256;
    mo.n_threads = 2;
    if (model_open(&m, MODEL, &mo, &e) || engine_open(&g, m, world.tok, o, &e))
        fail_msg("%s", e.msg);
    return g;
}

static struct engine_request ask(int i)
{
    static const struct str stop = { "nine hundred", 12 };
    const struct engine_request q = {
        .prompt = world.prompts[i].v,
        .n_prompt = world.prompts[i].n,
        .answer = { .sampling = { .temperature = i % 3 ? 0.8 : 0,
                                  .top_p = 0.95,
                                  .repetition_penalty = i % 4 ? 1 : 1.1,
                                  .seed = (uint64_t)i },
                    .stops = &stop,
                    .n_stop = 1,
                    .max_tokens = N_ANSWER,
                    .logprobs = true,
                    .n_top = N_TOP },
        .progress = true,
    };
    return q;
}

/* Bit for bit, and before the first token. */
static void check_said(struct outcome *o, const struct engine_scores *s)
{
    assert_non_null(o->said);
    assert_int_equal(o->n_said++, 0);
    assert_int_equal(o->ids.n, 0);
    assert_int_equal(s->n, o->said->n);
    assert_int_equal(s->n_top, N_TOP);
    assert_true(s->logprob[0] != s->logprob[0]);
    for (size_t i = 1; i < s->n; i++) {
        if (s->logprob[i] != o->said->logprob[i])
            fail_msg("token %zu of %zu has %.17g, expected %.17g (seed %llu)", i, s->n, s->logprob[i],
                     o->said->logprob[i], (unsigned long long)world.seed);
        for (size_t k = i * N_TOP; k < (i + 1) * N_TOP; k++)
            assert_true(s->top[k].id == o->said->top[k].id && s->top[k].logprob == o->said->top[k].logprob);
    }
}

/* Takes one event in; true: it was the last. */
static bool take(struct outcome *o, const struct engine_event *ev)
{
    size_t n = o->ids.n;
    if (ev->kind == ENGINE_ERROR)
        fail_msg("%s", ev->err->msg);
    o->n_progress += ev->kind == ENGINE_PROGRESS;
    o->n_queued += ev->kind == ENGINE_QUEUED;
    if (o->n_event++ == 0)
        o->queued = ev->figures;
    /* First and once. */
    assert_int_equal(o->n_queued, 1);
    if (ev->kind == ENGINE_PROMPT)
        check_said(o, ev->scores);
    buf_str(&o->text, ev->text);
    if (ev->kind == ENGINE_TOKEN) {
        assert_true(n < N_LONG);
        assert_int_equal(ev->n_top, N_TOP);
        o->logprob[n] = ev->logprob;
        memcpy(o->top + n * N_TOP, ev->top, N_TOP * sizeof *ev->top);
        ids_add(&o->ids, ev->id);
        assert_int_equal(ev->done, o->ids.n);
    }
    if (ev->kind != ENGINE_FINISH)
        return false;
    if (ev->finish != ANSWER_CANCELLED)
        assert_int_equal(o->n_said, o->said != NULL);
    o->finish = ev->finish;
    o->figures = ev->figures;
    o->stop = ev->stop;
    return true;
}

static void finish(struct outcome *o, struct request *r)
{
    struct engine_event ev;
    do
        assert_true(request_next(r, &ev, 600000));
    while (!take(o, &ev));
    request_close(r);
}

static void outcome_deinit(struct outcome *o)
{
    ids_deinit(&o->ids);
    buf_deinit(&o->text);
}

/* Index of the first token that differs, with its log-probabilities; the number of tokens where all are equal. */
static size_t n_same(const struct outcome *o, const struct outcome *want)
{
    size_t k = 0;
    for (; k < MIN(o->ids.n, want->ids.n); k++) {
        bool same = o->ids.v[k] == want->ids.v[k] && o->logprob[k] == want->logprob[k];
        for (size_t t = k * N_TOP; same && t < (k + 1) * N_TOP; t++)
            same = o->top[t].id == want->top[t].id && o->top[t].logprob == want->top[t].logprob;
        if (!same)
            break;
    }
    return k;
}

static bool is_equal(const struct outcome *o, const struct outcome *want)
{
    return o->ids.n == want->ids.n && o->finish == want->finish && str_eq(buf_view(&o->text), buf_view(&want->text)) &&
           n_same(o, want) == want->ids.n;
}

static void assert_equal(const struct outcome *o, const struct outcome *want, int i)
{
    size_t k = n_same(o, want);
    if (is_equal(o, want))
        return;
    if (k < MIN(o->ids.n, want->ids.n))
        print_error("prompt %d: token %zu is %d with %.17g, alone %d with %.17g\n", i, k, (int)o->ids.v[k],
                    o->logprob[k], (int)want->ids.v[k], want->logprob[k]);
    fail_msg("prompt %d has another answer than alone: \"%s\", alone \"%s\" (seed %llu)", i, o->text.p, want->text.p,
             (unsigned long long)world.seed);
}

static void assert_same(const struct outcome *o, int i)
{
    assert_equal(o, &world.alone[world.precision][i], i);
}

/* Whose logits they are, and where what they say goes. */
struct listener {
    struct said *said;
    struct sampler *sampler;
    const struct ids *prompt;
    int n_vocab;
};

static void note_said(void *arg, size_t pos, const float *logits)
{
    const struct listener *l = arg;
    double sum = 0;
    if (pos + 1 == l->prompt->n)
        return;
    int32_t id = l->prompt->v[pos + 1];
    double *logprob = &l->said->logprob[pos + 1];
    sampler_take(l->sampler, id, logits, logprob);
    sampler_top(l->sampler, l->said->top + (pos + 1) * N_TOP, N_TOP);
    /* By the definition: the natural logarithm of a softmax. */
    for (int i = 0; i < l->n_vocab; i++)
        sum += exp((double)logits[i] - (double)logits[id]);
    assert_true(fabs(*logprob + log(sum)) < 1e-5);
}

/* What model_forward alone says of prompt i, at the precision in use: worked out once. */
static const struct said *said_of(int i)
{
    struct said *s = &world.said[world.precision][i];
    const struct ids *prompt = &world.prompts[i];
    struct model *m;
    struct seq *seq;
    struct sampler *sampler;
    struct err e = ERR_INIT;
    struct model_opts mo = model_opts_default;
    if (s->n)
        return s;
    mo.precision = world.precision;
    mo.chunk = 128;
    mo.n_threads = 2;
    if (model_open(&m, MODEL, &mo, &e) || seq_new(&seq, m, prompt->n, &e))
        fail_msg("%s", e.msg);
    int n_vocab = model_config(m)->n_vocab;
    assert_int_equal(sampler_new(&sampler, &sampling_greedy, n_vocab, NULL, &e), 0);
    size_t *want = xcalloc(prompt->n, sizeof *want);
    for (size_t k = 0; k < prompt->n; k++)
        want[k] = k;
    *s = (struct said){ .n = prompt->n,
                        .logprob = xcalloc(prompt->n, sizeof *s->logprob),
                        .top = xcalloc(prompt->n * N_TOP, sizeof *s->top) };
    struct listener l = { s, sampler, prompt, n_vocab };
    const struct seq_feed feed = {
        .ids = prompt->v, .n = prompt->n, .want = want, .n_want = prompt->n, .on_logits = note_said, .arg = &l
    };
    if (seq_feed(seq, &feed, &e))
        fail_msg("%s", e.msg);
    mem_free(want);
    sampler_free(sampler);
    seq_free(seq);
    model_close(m);
    return s;
}

/* Submits the prompts in random order, `n_at_once` at a time, `n` altogether, and some that are cancelled; checks every answer. */
static void storm(struct engine *g, int n, int n_at_once, int cancel_percent)
{
    struct request *running[16] = { 0 };
    struct outcome got[16];
    int which[16];
    bool cancelled[16];
    int started = 0, over = 0;
    memset(got, 0, sizeof got);
    while (over < n) {
        int k = (int)rng_below(&world.rng, (uint32_t)n_at_once);
        struct engine_event ev;
        struct err e = ERR_INIT;
        if (!running[k] && started < n) {
            which[k] = (int)rng_below(&world.rng, N_PROMPT);
            cancelled[k] = false;
            struct engine_request q = ask(which[k]);
            q.priority = (int)rng_below(&world.rng, 2);
            q.prompt_logprobs = rng_below(&world.rng, 100) < world.scored_percent;
            got[k].said = q.prompt_logprobs ? said_of(which[k]) : NULL;
            if (engine_submit(g, &running[k], &q, &e))
                fail_msg("%s", e.msg);
            started++;
        } else if (running[k] && rng_below(&world.rng, 100) < (uint32_t)cancel_percent) {
            request_cancel(running[k]);
            cancelled[k] = true;
        } else if (running[k] && request_next(running[k], &ev, 20) && take(&got[k], &ev)) {
            request_close(running[k]);
            running[k] = NULL;
            over++;
            if (got[k].finish != ANSWER_CANCELLED)
                assert_same(&got[k], which[k]);
            else
                assert_true(cancelled[k]);
            outcome_deinit(&got[k]);
            memset(&got[k], 0, sizeof got[k]);
        }
    }
}

/* --- the tests --------------------------------------------------------------------------------------------------------------------------- */

static void answers_in_a_batch_are_those_alone(void **state)
{
    (void)state;
    static const int at_once[] = { 1, 3, 8 };
    for (size_t i = 0; i < ARRAY_LEN(at_once); i++) {
        struct engine *g = open_engine(&(struct engine_opts){ .no_prefix_cache = true, .no_draft = true });
        storm(g, 16, at_once[i], 0);
        engine_close(g);
    }
}

static void shared_prefixes_change_nothing_but_the_work(void **state)
{
    (void)state;
    struct engine_stats s;
    struct engine *g = open_engine(&(struct engine_opts){ .stall_ns = 1000000 });
    storm(g, 60, 8, 3);
    engine_stats(g, &s);
    assert_true(s.prompt_tokens > 0 && s.cached_tokens * 2 > s.prompt_tokens);
    engine_close(g);
}

static void guesses_change_nothing(void **state)
{
    (void)state;
    struct engine_stats s;
    struct engine *g = open_engine(&(struct engine_opts){ .draft_always = true });
    storm(g, 40, 4, 0);
    engine_stats(g, &s);
    assert_true(s.drafted_tokens > 0 && s.accepted_tokens > 0 && s.accepted_tokens < s.drafted_tokens);
    engine_close(g);
}

/* Bytes for the pages of n tokens and some more. */
static uint64_t memory_for(size_t n_tok, size_t more_pages)
{
    struct engine *g = open_engine(&(struct engine_opts){ 0 });
    size_t page = model_kv_bytes_per_token(engine_model(g)) * KV_PAGE_TOK;
    engine_close(g);
    return page * ((n_tok + KV_PAGE_TOK - 1) / KV_PAGE_TOK + more_pages);
}

/* Memory for little more than one long prompt: everything is evicted again and again. */
static void eviction_changes_nothing(void **state)
{
    (void)state;
    struct engine_stats s;
    size_t longest = 0;
    for (int i = 0; i < N_PROMPT; i++)
        longest = MAX(longest, world.prompts[i].n);
    struct engine *g = open_engine(&(struct engine_opts){ .kv_memory = memory_for(longest + N_ANSWER, 3) });
    storm(g, 60, 8, 3);
    engine_stats(g, &s);
    assert_true(s.kv_used_bytes <= s.kv_bytes && s.tree_evicted_tokens > 0);
    engine_close(g);
}

/* Four answers of 200 tokens where there is room for little more than one: those that came last give way and go on later. */
static void preemption_changes_nothing(void **state)
{
    (void)state;
    enum { N = 4 };
    struct outcome alone[N], together[N];
    struct request *r[N];
    struct err e = ERR_INIT;
    struct engine_stats s;
    memset(alone, 0, sizeof alone);
    memset(together, 0, sizeof together);
    for (int tight = 0; tight < 2; tight++) {
        const struct engine_opts o = { .no_prefix_cache = !tight,
                                       .no_draft = !tight,
                                       .max_running = tight ? 0 : 1,
                                       .kv_memory = tight ? memory_for(world.prompts[2 * N].n + N_LONG, 2) : 0 };
        struct engine *g = open_engine(&o);
        for (int i = 0; i < N; i++) {
            struct engine_request q = ask(2 * i);
            q.answer.max_tokens = N_LONG;
            q.answer.n_eos = 0;
            if (engine_submit(g, &r[i], &q, &e))
                fail_msg("%s", e.msg);
        }
        for (int i = 0; i < N; i++)
            finish(tight ? &together[i] : &alone[i], r[i]);
        engine_stats(g, &s);
        assert_true(tight ? s.n_preempted > 0 : s.n_preempted == 0);
        engine_close(g);
    }
    for (int i = 0; i < N; i++) {
        assert_int_equal(alone[i].ids.n, N_LONG);
        assert_equal(&together[i], &alone[i], 2 * i);
        outcome_deinit(&alone[i]);
        outcome_deinit(&together[i]);
    }
}

static void remove_tree(const char *dir)
{
    char **names;
    size_t n;
    struct err e = ERR_INIT;
    if (file_list(&names, &n, dir, &e))
        return;
    for (size_t i = 0; i < n; i++) {
        char *path = file_join(dir, names[i]);
        if (file_is_dir(path))
            remove_tree(path);
        else
            unlink(path);
        mem_free(path);
    }
    file_list_free(names, n);
    rmdir(dir);
}

static void prefixes_come_back_from_disk(void **state)
{
    (void)state;
    char dir[] = "/tmp/octet-engine-XXXXXX";
    struct engine_stats s;
    assert_non_null(mkdtemp(dir));
    for (int run = 0; run < 2; run++) {
        struct engine *g = open_engine(&(struct engine_opts){ .cache_dir = dir });
        storm(g, 24, 4, 0);
        engine_flush(g);
        engine_stats(g, &s);
        assert_true(run ? s.disk_tokens > 0 : s.disk_write_bytes > 0);
        engine_close(g);
    }
    remove_tree(dir);
}

static void damaged_blocks_are_left_out(void **state)
{
    (void)state;
    char dir[] = "/tmp/octet-engine-XXXXXX";
    struct err e = ERR_INIT;
    char **subs, **names;
    size_t n_sub, n_name;
    assert_non_null(mkdtemp(dir));
    struct engine *g = open_engine(&(struct engine_opts){ .cache_dir = dir });
    storm(g, 24, 4, 0);
    engine_close(g);
    assert_int_equal(file_list(&subs, &n_sub, dir, &e), 0);
    for (size_t i = 0; i < n_sub; i++) {
        char *sub = file_join(dir, subs[i]);
        assert_int_equal(file_list(&names, &n_name, sub, &e), 0);
        for (size_t k = 0; k < n_name; k++) {
            char *path = file_join(sub, names[k]);
            FILE *f = fopen(path, "r+b");
            assert_non_null(f);
            /* By turns shorter, or with another byte somewhere. */
            if ((i + k) % 2)
                assert_int_equal(ftruncate(fileno(f), 5000), 0);
            fseek(f, 4000 + (long)rng_below(&world.rng, 200000), SEEK_SET);
            if ((i + k) % 2 == 0)
                fputs("damaged", f);
            fclose(f);
            mem_free(path);
        }
        file_list_free(names, n_name);
        mem_free(sub);
    }
    file_list_free(subs, n_sub);
    g = open_engine(&(struct engine_opts){ .cache_dir = dir });
    storm(g, 12, 4, 0);
    engine_close(g);
    remove_tree(dir);
}

static void a_cancelled_prompt_stays_known(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *r;
    struct outcome first = { 0 }, second = { 0 };
    struct engine *g = open_engine(&(struct engine_opts){ 0 });
    struct engine_request q = ask(9);
    q.answer.max_tokens = 2000;
    q.answer.n_eos = 0;
    struct engine_event ev;
    assert_int_equal(engine_submit(g, &r, &q, &e), 0);
    while (request_next(r, &ev, 60000) && ev.kind != ENGINE_TOKEN)
        ;
    request_cancel(r);
    while (request_next(r, &ev, 60000) && ev.kind != ENGINE_FINISH)
        ;
    assert_int_equal(ev.finish, ANSWER_CANCELLED);
    request_close(r);
    q = ask(9);
    assert_int_equal(engine_submit(g, &r, &q, &e), 0);
    finish(&second, r);
    assert_int_equal(second.figures.n_cached, world.prompts[9].n - 1);
    assert_same(&second, 9);
    outcome_deinit(&first);
    outcome_deinit(&second);
    engine_close(g);
}

/* A prompt of many chunks does not hold up an answer that is under way: tokens come while it is computed. */
static void answers_go_on_during_a_long_prompt(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *stream, *prompt;
    struct ids longer = { 0 };
    struct engine_event ev;
    struct engine *g = open_engine(&(struct engine_opts){ .stall_ns = 1000000, .no_draft = true });
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < N_PROMPT; k++)
            ids_append(&longer, world.prompts[(i + k) % N_PROMPT].v, world.prompts[(i + k) % N_PROMPT].n);
    struct engine_request q = ask(0), p = ask(1);
    q.answer.max_tokens = 4000;
    p.prompt = longer.v;
    p.n_prompt = longer.n;
    assert_int_equal(engine_submit(g, &stream, &q, &e), 0);
    while (request_next(stream, &ev, 60000) && ev.kind != ENGINE_TOKEN)
        ;
    assert_int_equal(engine_submit(g, &prompt, &p, &e), 0);
    int during = 0;
    for (bool begun = false; !begun;) {
        struct engine_event from_prompt;
        begun = request_next(prompt, &from_prompt, 0) && from_prompt.kind == ENGINE_TOKEN;
        if (!begun && request_next(stream, &ev, 10))
            during += ev.kind == ENGINE_TOKEN;
    }
    assert_true(during > 10);
    request_close(stream);
    request_close(prompt);
    ids_deinit(&longer);
    engine_close(g);
}

static void what_cannot_fit_is_refused_before_any_work(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *r;
    struct engine *g = open_engine(&(struct engine_opts){ .n_ctx = 300 });
    assert_int_equal(engine_context(g), 300);
    struct engine_request q = ask(11);
    assert_true(q.n_prompt > 300);
    assert_int_equal(engine_submit(g, &r, &q, &e), ERR_LIMIT);
    assert_non_null(strstr(e.msg, "300"));
    const int32_t wrong[] = { 5, 1 << 24 };
    q.prompt = wrong;
    q.n_prompt = 2;
    err_clear(&e);
    assert_int_equal(engine_submit(g, &r, &q, &e), ERR_ARG);
    q.n_prompt = 0;
    err_clear(&e);
    assert_int_equal(engine_submit(g, &r, &q, &e), ERR_ARG);
    q.n_prompt = 1;
    q.answer.sampling.top_p = 7;
    err_clear(&e);
    assert_int_equal(engine_submit(g, &r, &q, &e), ERR_ARG);
    engine_close(g);
}

static void requests_beyond_the_queue_are_refused(void **state)
{
    (void)state;
    enum { N_QUEUED = 5 };
    struct err e = ERR_INIT;
    struct request *first, *more[N_QUEUED], *one;
    struct engine_event ev = { 0 };
    struct engine_stats s;
    struct engine *g = open_engine(&(struct engine_opts){ .max_queued = N_QUEUED, .max_running = 1 });
    struct engine_request q = ask(0);
    q.answer.max_tokens = 8000;
    assert_int_equal(engine_submit(g, &first, &q, &e), 0);
    while (request_next(first, &ev, 60000) && ev.kind != ENGINE_TOKEN)
        ;
    for (int i = 0; i < N_QUEUED; i++) {
        assert_int_equal(engine_submit(g, &more[i], &q, &e), 0);
        if (i % 2)
            nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(engine_submit(g, &one, &q, &e), ERR_BUSY);
        assert_null(one);
        assert_string_equal(e.msg, "5 requests are waiting already: try again later");
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    }
    engine_stats(g, &s);
    assert_int_equal(s.n_waiting, N_QUEUED);
    assert_int_equal(s.n_running, 1);
    assert_true(engine_expected_wait_ns(g) > 0);
    request_close(first);
    for (int i = 0; i < N_QUEUED; i++)
        request_close(more[i]);
    engine_close(g);
}

/* One place to wait is free as soon as the one who had it is told a token. */
static void an_answered_request_does_not_wait_any_more(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct engine *g = open_engine(&(struct engine_opts){ .max_queued = 1, .max_running = 1 });
    for (int i = 0; i < 200; i++) {
        struct request *first, *second;
        struct engine_event ev = { 0 };
        struct engine_stats s;
        struct engine_request q = ask(0);
        q.answer.max_tokens = 8000;
        assert_int_equal(engine_submit(g, &first, &q, &e), 0);
        while (request_next(first, &ev, 60000) && ev.kind != ENGINE_TOKEN)
            ;
        engine_stats(g, &s);
        assert_int_equal(s.n_waiting, 0);
        assert_int_equal(engine_submit(g, &second, &q, &e), 0);
        request_close(second);
        request_close(first);
        while (engine_stats(g, &s), s.n_running + s.n_waiting > 0)
            sched_yield();
    }
    engine_close(g);
}

/* The first event tells what will be found again, the figures where a prompt left what was known. */
static void a_request_knows_at_once_what_is_cached(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *r;
    struct engine *g = open_engine(&(struct engine_opts){ 0 });
    assert_int_equal(engine_expected_wait_ns(g), 0);
    for (int round = 0; round < 3; round++) {
        struct outcome o = { 0 };
        struct ids prompt = { 0 };
        ids_append(&prompt, world.prompts[7].v, world.prompts[7].n);
        size_t n = prompt.n, at = n - 9;
        if (round == 2)
            prompt.v[at] = prompt.v[at] == 65 ? 66 : 65;
        struct engine_request q = ask(7);
        q.prompt = prompt.v;
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        finish(&o, r);
        assert_int_equal(o.queued.n_prompt, n);
        assert_int_equal(o.queued.n_cached, round == 0 ? 0 : round == 1 ? n - 1 : at);
        assert_int_equal(o.figures.n_cached, o.queued.n_cached);
        assert_int_equal(o.queued.n_match, round == 0 ? 0 : round == 1 ? n : at);
        assert_int_equal(o.queued.match_next, round == 2 ? world.prompts[7].v[at] : -1);
        assert_int_equal(o.figures.n_match, o.queued.n_match);
        if (round < 2)
            assert_same(&o, 7);
        outcome_deinit(&o);
        ids_deinit(&prompt);
    }
    engine_close(g);
}

#define SAID "Alpha beta gamma delta. Alpha beta gamma delta. Alpha beta gamma delta."

static void a_scripted_answer_ends_as_it_is_written(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *r;
    struct ids script = { 0 };
    static const struct str stops[] = { { "never", 5 }, { "halt", 4 } };
    const int32_t eos = world.prompts[0].v[0];
    assert_int_equal(tokenizer_encode(world.tok, STR(SAID), TOKENIZER_ADDED_ALL, &script, &e), 0);
    for (int round = 0; round < 4; round++) {
        struct outcome o = { 0 };
        struct engine *g = open_engine(
            &(struct engine_opts){ .draft_always = round == 1, .n_ctx = round == 3 ? world.prompts[0].n + 2 : 0 });
        struct engine_request q = ask(0);
        if (round == 2)
            assert_int_equal(tokenizer_encode(world.tok, STR(" halt it"), TOKENIZER_ADDED_ALL, &script, &e), 0);
        q.script = script.v;
        q.n_script = script.n;
        q.answer.eos = &eos;
        q.answer.n_eos = 1;
        q.answer.stops = stops;
        q.answer.n_stop = 2;
        q.answer.max_tokens = 100;
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        finish(&o, r);
        assert_int_equal(o.finish, round == 2 ? ANSWER_STOP : round == 3 ? ANSWER_WINDOW : ANSWER_EOS);
        assert_int_equal(o.stop, round == 2 ? 1 : -1);
        assert_int_equal(o.figures.n_generated, o.figures.n_token + (round < 2));
        assert_int_equal(o.figures.n_token, o.ids.n);
        if (round == 1)
            assert_true(o.figures.n_drafted > 0 && o.figures.n_step < o.ids.n);
        if (round < 2)
            assert_int_equal(o.ids.n, script.n);
        if (round < 3)
            assert_string_equal(o.text.p, round < 2 ? SAID : SAID " ");
        else
            assert_int_equal(o.ids.n, 3);
        outcome_deinit(&o);
        engine_close(g);
    }
    ids_deinit(&script);
}

/* "yes" or "no", then what leaves no choice, then up to twenty letters and spaces, then a full stop. */
static bool is_of_grammar(struct str s)
{
    static const struct str begins[] = { { "yes, because it is ", 19 }, { "no, because it is ", 18 } };
    struct str rest = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(begins); i++)
        if (str_starts(s, begins[i]))
            rest = str_sub(s, begins[i].n, s.n);
    if (rest.n < 2 || rest.n > 21 || rest.p[rest.n - 1] != '.')
        return false;
    for (size_t i = 0; i + 1 < rest.n; i++)
        if (!((rest.p[i] >= 'a' && rest.p[i] <= 'z') || rest.p[i] == ' '))
            return false;
    return true;
}

/* One grammar, many answers at once, with guesses and without: all keep to it, and both give the same. */
static void answers_keep_to_their_grammar(void **state)
{
    (void)state;
    enum { N = 8 };
    struct err e = ERR_INIT;
    struct grammar *grammar;
    struct token_trie *trie;
    struct outcome o[2][N];
    const int32_t eos = tokenizer_find_added(world.tok, STR("<|im_end|>"));
    memset(o, 0, sizeof o);
    if (grammar_regex(&grammar, STR("(yes|no), because it is [a-z ]{1,20}\\."), &e) ||
        token_trie_new(&trie, world.tok, &eos, 1, &e))
        fail_msg("%s", e.msg);
    for (int guesses = 0; guesses < 2; guesses++) {
        struct request *r[N];
        struct engine *g = open_engine(&(struct engine_opts){ .no_draft = !guesses, .draft_always = guesses });
        for (int i = 0; i < N; i++) {
            struct engine_request q = ask(i);
            assert_int_equal(matcher_new(&q.matcher, grammar, trie, &e), 0);
            q.answer.eos = &eos;
            q.answer.n_eos = 1;
            q.answer.n_stop = 0;
            q.answer.max_tokens = 100;
            if (engine_submit(g, &r[i], &q, &e))
                fail_msg("%s", e.msg);
        }
        size_t n_step = 0, n_token = 0;
        for (int i = 0; i < N; i++) {
            struct outcome *x = &o[guesses][i];
            finish(x, r[i]);
            assert_int_equal(x->finish, ANSWER_EOS);
            if (!is_of_grammar(buf_view(&x->text)))
                fail_msg("\"%.*s\" is not of the grammar", (int)x->text.n, x->text.p);
            n_step += x->figures.n_step;
            n_token += x->figures.n_token;
            if (guesses)
                assert_equal(x, &o[0][i], i);
        }
        /* What the grammar forces takes no steps of its own. */
        if (guesses)
            assert_true(n_step + 3 * N < n_token);
        engine_close(g);
    }
    /* It is freed also where the request is refused. */
    struct engine *g = open_engine(&(struct engine_opts){ .n_ctx = 300 });
    struct request *none;
    for (int i = 0; i < 2; i++) {
        struct engine_request q = ask(11);
        err_clear(&e);
        assert_int_equal(matcher_new(&q.matcher, grammar, trie, &e), 0);
        q.n_prompt = i ? 5 : q.n_prompt;
        q.answer.sampling.top_p = i ? 7 : 1;
        assert_int_equal(engine_submit(g, &none, &q, &e), i ? ERR_ARG : ERR_LIMIT);
    }
    engine_close(g);
    for (int i = 0; i < 2 * N; i++)
        outcome_deinit(&o[i / N][i % N]);
    grammar_release(grammar);
    token_trie_free(trie);
}

/* A chunk of thousands of tokens is given up at one of its pauses: nothing of it counts as computed, though a step was begun; and from its first
 * pause on its request is told of as running. The moment of the cancel is not ours to choose, so several are tried. */
static void a_cancel_is_seen_within_a_chunk(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct engine *g;
    struct model *m;
    struct model_opts mo = model_opts_default;
    struct ids longer = { 0 };
    bool seen = false, told = false;
    mo.chunk = ENGINE_CHUNK;
    mo.n_threads = 1;
    const struct engine_opts o = { .no_prefix_cache = true };
    if (model_open(&m, MODEL, &mo, &e) || engine_open(&g, m, world.tok, &o, &e))
        fail_msg("%s", e.msg);
    while (longer.n < 2 * ENGINE_CHUNK)
        ids_append(&longer, world.prompts[9].v, world.prompts[9].n);
    for (int i = 0; i < 40 && !(seen && told); i++) {
        struct request *r;
        struct engine_event ev = { 0 };
        struct engine_stats before, during, after;
        struct engine_request q = ask(9);
        q.prompt = longer.v;
        q.n_prompt = longer.n;
        engine_stats(g, &before);
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        assert_true(request_next(r, &ev, 60000));
        assert_int_equal(ev.kind, ENGINE_QUEUED);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 * (i + 1) }, NULL);
        engine_stats(g, &during);
        told |= during.n_running == 1 && during.n_step == before.n_step;
        request_cancel(r);
        while (ev.kind != ENGINE_FINISH)
            assert_true(request_next(r, &ev, 60000));
        assert_int_equal(ev.finish, ANSWER_CANCELLED);
        request_close(r);
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        engine_stats(g, &after);
        seen |= after.n_step > before.n_step && after.computed_prompt_tokens == before.computed_prompt_tokens;
    }
    assert_true(seen);
    assert_true(told);
    ids_deinit(&longer);
    engine_close(g);
}

/* Reads to the end; false: the request ended with an error, which then is about memory. */
static bool survives(struct request *r, struct outcome *o)
{
    struct engine_event ev;
    do {
        assert_true(request_next(r, &ev, 600000));
        if (ev.kind == ENGINE_ERROR)
            assert_int_equal(ev.err->code, ERR_NOMEM);
    } while (ev.kind != ENGINE_ERROR && !take(o, &ev));
    bool whole = ev.kind == ENGINE_FINISH;
    request_close(r);
    return whole;
}

/* From the nth allocation on everything fails: the request is refused, or ends with an error, or is right; the next one is right. */
static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    int refused = 0, ended = 0, whole = 0;
    for (long nth = 1; nth <= 80 && whole < 3; nth++) {
        struct err e = ERR_INIT;
        struct request *r;
        struct outcome during = { 0 }, after = { 0 };
        struct engine *g = open_engine(&(struct engine_opts){ .draft_always = true });
        struct engine_request q = ask(9);
        mem_fail_after(nth);
        int rc = engine_submit(g, &r, &q, &e);
        if (rc) {
            assert_int_equal(rc, ERR_NOMEM);
            refused++;
        } else if (!survives(r, &during)) {
            ended++;
        } else {
            whole++;
            assert_same(&during, 9);
        }
        mem_fail_after(0);
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        finish(&after, r);
        assert_same(&after, 9);
        outcome_deinit(&during);
        outcome_deinit(&after);
        engine_close(g);
    }
    print_message("%d refused, %d ended, %d whole\n", refused, ended, whole);
    assert_true(refused > 0 && whole > 0);
}

/* Log-probabilities of a prompt are those of model_forward, in chunks of any size, whatever is cached, and beside others; its answer is the usual
 * one, and nobody else's changes. */
static void a_prompts_log_probabilities_are_the_models(void **state)
{
    (void)state;
    static const int chunks[] = { 64, 256, 1024 };
    for (size_t c = 0; c < ARRAY_LEN(chunks); c++) {
        struct err e = ERR_INIT;
        world.chunk = chunks[c];
        struct engine *g = open_engine(&(struct engine_opts){ 0 });
        world.chunk = 0;
        for (int round = 0; round < 4; round++) {
            /* A long one and a short one, each twice, and then as usual: it is cached, and was not taken from there. */
            int i = round % 2 ? 9 : 0;
            struct outcome o = { .said = said_of(i) }, usual = { 0 };
            struct request *r;
            struct engine_request q = ask(i);
            q.prompt_logprobs = true;
            assert_int_equal(engine_submit(g, &r, &q, &e), 0);
            finish(&o, r);
            assert_same(&o, i);
            assert_int_equal(o.queued.n_cached, 0);
            assert_int_equal(o.figures.n_cached, 0);
            q.prompt_logprobs = false;
            assert_int_equal(engine_submit(g, &r, &q, &e), 0);
            finish(&usual, r);
            assert_same(&usual, i);
            assert_int_equal(usual.figures.n_cached, world.prompts[i].n - 1);
            outcome_deinit(&o);
            outcome_deinit(&usual);
        }
        engine_close(g);
    }
    world.scored_percent = 30;
    struct engine *g = open_engine(&(struct engine_opts){ .stall_ns = 1000000 });
    storm(g, 40, 8, 3);
    engine_close(g);
    world.scored_percent = 0;
}

/* The same where memory is out, guesses are made, and prefixes lie on disk. */
static void log_probabilities_survive_eviction_and_the_disk(void **state)
{
    (void)state;
    char dir[] = "/tmp/octet-engine-XXXXXX";
    struct engine_stats s;
    size_t longest = 0;
    for (int i = 0; i < N_PROMPT; i++)
        longest = MAX(longest, world.prompts[i].n);
    assert_non_null(mkdtemp(dir));
    world.scored_percent = 50;
    struct engine *g = open_engine(&(struct engine_opts){
        .kv_memory = memory_for(longest + N_ANSWER, 3), .cache_dir = dir, .draft_always = true, .stall_ns = 1000000 });
    storm(g, 40, 8, 3);
    engine_stats(g, &s);
    assert_true(s.tree_evicted_tokens > 0);
    engine_close(g);
    world.scored_percent = 0;
    remove_tree(dir);
}

static void a_prompt_alone_ends_without_an_answer(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    size_t n = world.prompts[9].n;
    struct engine *g = open_engine(&(struct engine_opts){ .n_ctx = n });
    for (int round = 0; round < 4; round++) {
        bool scored = round % 2;
        struct outcome o = { .said = scored ? said_of(9) : NULL };
        struct request *r;
        struct engine_request q = ask(9);
        q.prompt_only = true;
        q.prompt_logprobs = scored;
        q.answer.max_tokens = round < 2 ? 0 : 7;
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        finish(&o, r);
        assert_int_equal(o.finish, ANSWER_LENGTH);
        assert_int_equal(o.ids.n, 0);
        assert_int_equal(o.text.n, 0);
        assert_int_equal(o.figures.n_generated, 0);
        assert_int_equal(o.figures.n_cached, round && !scored ? n - 1 : 0);
        assert_true(o.figures.prompt_ns > 0);
        outcome_deinit(&o);
    }
    engine_close(g);
}

/* One by one allocations fail while a prompt's log-probabilities are worked out: it is refused, or ends with an error, and the next one is right. */
static void memory_may_run_out_for_log_probabilities(void **state)
{
    (void)state;
    int refused = 0, ended = 0, whole = 0;
    for (long nth = 1; nth <= 80 && whole < 2; nth++) {
        struct err e = ERR_INIT;
        struct request *r;
        struct outcome during = { .said = said_of(9) }, after = { .said = said_of(9) };
        struct engine *g = open_engine(&(struct engine_opts){ .no_draft = true });
        struct engine_request q = ask(9);
        q.prompt_logprobs = true;
        mem_fail_after(nth);
        int rc = engine_submit(g, &r, &q, &e);
        if (rc) {
            assert_int_equal(rc, ERR_NOMEM);
            refused++;
        } else if (!survives(r, &during)) {
            ended++;
        } else {
            whole++;
        }
        mem_fail_after(0);
        q.prompt_only = true;
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        finish(&after, r);
        outcome_deinit(&during);
        outcome_deinit(&after);
        engine_close(g);
    }
    print_message("%d refused, %d ended, %d whole\n", refused, ended, whole);
    assert_true(refused > 0 && ended > 0 && whole > 0);
}

/* A receiver that does not read loses its request, and nobody else notices. */
static void a_full_queue_ends_its_request(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *deaf, *other;
    struct outcome o = { 0 };
    struct engine_event ev = { 0 };
    struct engine *g = open_engine(&(struct engine_opts){ .max_events = 40 });
    struct engine_request q = ask(0), p = ask(1);
    q.answer.max_tokens = 4000;
    assert_int_equal(engine_submit(g, &deaf, &q, &e), 0);
    assert_int_equal(engine_submit(g, &other, &p, &e), 0);
    finish(&o, other);
    assert_same(&o, 1);
    struct engine_stats s;
    do {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
        engine_stats(g, &s);
    } while (s.n_cancelled == 0);
    while (request_next(deaf, &ev, 60000) && ev.kind != ENGINE_FINISH)
        ;
    assert_int_equal(ev.finish, ANSWER_CANCELLED);
    request_close(deaf);
    outcome_deinit(&o);
    engine_close(g);
}

static void a_repeating_answer_can_be_ended(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    struct request *r;
    struct engine_event ev = { 0 };
    struct engine *g = open_engine(&(struct engine_opts){ 0 });
    struct engine_request q = ask(0);
    /* One token is so much likelier than all else that nothing else is drawn. */
    static const struct sampling_bias bias = { .id = 65, .value = 1e6f };
    q.answer.sampling = sampling_greedy;
    q.answer.sampling.bias = &bias;
    q.answer.sampling.n_bias = 1;
    q.answer.max_tokens = 500;
    q.answer.repeat = (struct repeat_opts){ .max_period = 8, .times = 8, .min_tokens = 40 };
    assert_int_equal(engine_submit(g, &r, &q, &e), 0);
    while (request_next(r, &ev, 60000) && ev.kind != ENGINE_FINISH)
        ;
    assert_int_equal(ev.finish, ANSWER_REPEAT);
    assert_int_equal(ev.figures.n_token, 40);
    request_close(r);
    engine_close(g);
}

/* --- many threads ------------------------------------------------------------------------------------------------------------------------ */

struct client {
    struct engine *g;
    uint64_t seed;
    int64_t end_ns;
    /* What came of it. */
    int n_request, n_whole, n_wrong;
    struct err first;
};

static void note_wrong(struct client *c, const char *what, int i)
{
    c->n_wrong++;
    err_set(&c->first, ERR_FORMAT, "%s (prompt %d)", what, i);
}

/* Reads at most `patience` events. */
static void read_some(struct client *c, struct request *r, int i, int patience, int timeout_ms)
{
    struct outcome o;
    struct engine_event ev = { 0 };
    memset(&o, 0, sizeof o);
    bool over = false;
    while (!over && patience-- > 0 && request_next(r, &ev, timeout_ms)) {
        over = ev.kind == ENGINE_FINISH || ev.kind == ENGINE_ERROR;
        if (ev.kind == ENGINE_ERROR)
            note_wrong(c, ev.err->msg, i);
        else
            (void)take(&o, &ev);
    }
    if (over && ev.kind == ENGINE_FINISH) {
        c->n_whole++;
        if (!is_equal(&o, &world.alone[world.precision][i]))
            note_wrong(c, "another answer than alone", i);
    }
    outcome_deinit(&o);
}

/* Submits, reads a while, cancels or not, closes: at random. */
static void *live(void *arg)
{
    struct client *c = arg;
    struct rng rng;
    struct engine_stats s;
    rng_init(&rng, c->seed);
    while (clock_ns() < c->end_ns) {
        struct err e = ERR_INIT;
        struct request *r;
        int i = (int)rng_below(&rng, N_PROMPT);
        struct engine_request q = ask(i);
        q.priority = (int)rng_below(&rng, 3);
        q.no_cache_write = rng_below(&rng, 8) == 0;
        if (engine_submit(c->g, &r, &q, &e)) {
            if (e.code != ERR_BUSY)
                note_wrong(c, e.msg, i);
            nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
            continue;
        }
        c->n_request++;
        int patience = (int)rng_below(&rng, 60);
        read_some(c, r, i, patience, rng_below(&rng, 2) ? 60000 : (int)rng_below(&rng, 30));
        if (rng_below(&rng, 2))
            request_cancel(r);
        request_close(r);
        switch (rng_below(&rng, 30)) {
        case 0:
            engine_clear_cache(c->g);
            break;
        case 1:
            engine_flush(c->g);
            break;
        case 2:
            engine_stats(c->g, &s);
            if (s.kv_used_bytes > s.kv_bytes)
                note_wrong(c, "more memory than there is", i);
            break;
        default:
            break;
        }
    }
    return NULL;
}

/* With everything on, and little memory: guesses, preemption, eviction, and the disk. */
static void threads_submit_and_cancel_at_random(void **state)
{
    (void)state;
    enum { N_CLIENT = 8 };
    char dir[] = "/tmp/octet-engine-XXXXXX";
    const char *seconds = getenv("OCTET_TEST_SECONDS");
    int64_t end_ns = clock_ns() + (int64_t)(seconds ? atoi(seconds) : 3) * 1000000000;
    pthread_t thread[N_CLIENT];
    struct client client[N_CLIENT];
    size_t longest = 0;
    int n_request = 0, n_whole = 0;
    for (int i = 0; i < N_PROMPT; i++)
        longest = MAX(longest, world.prompts[i].n);
    assert_non_null(mkdtemp(dir));
    struct engine *g = open_engine(&(struct engine_opts){ .stall_ns = 1000000,
                                                          .kv_memory = memory_for(2 * (longest + N_ANSWER), 3),
                                                          .max_queued = 6,
                                                          .max_running = 4,
                                                          .draft_always = true,
                                                          .cache_dir = dir });
    for (int i = 0; i < N_CLIENT; i++) {
        client[i] = (struct client){ .g = g, .seed = world.seed + (uint64_t)i, .end_ns = end_ns };
        assert_int_equal(pthread_create(&thread[i], NULL, live, &client[i]), 0);
    }
    for (int i = 0; i < N_CLIENT; i++) {
        pthread_join(thread[i], NULL);
        n_request += client[i].n_request;
        n_whole += client[i].n_whole;
    }
    print_message("%d requests, %d of them read to the end\n", n_request, n_whole);
    for (int i = 0; i < N_CLIENT; i++)
        if (client[i].n_wrong)
            fail_msg("%d times wrong, first: %s (seed %llu)", client[i].n_wrong, client[i].first.msg,
                     (unsigned long long)world.seed);
    assert_true(n_whole > 0);
    storm(g, 6, 2, 0);
    engine_close(g);
    remove_tree(dir);
}

/* --- set-up --------------------------------------------------------------------------------------------------------------------------------- */

static int open_world(void **state)
{
    struct err e = ERR_INIT;
    (void)state;
    if (tokenizer_open(&world.tok, MODEL, &e)) {
        print_error("%s\n", e.msg);
        return -1;
    }
    make_prompts();
    const char *given = getenv("OCTET_TEST_SEED");
    world.seed = given ? (uint64_t)atoll(given) : (uint64_t)clock_ns();
    print_message("seed %llu (OCTET_TEST_SEED)\n", (unsigned long long)world.seed);
    rng_init(&world.rng, world.seed);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++)
        for (int i = 0; i < N_PROMPT; i++)
            outcome_deinit(&world.alone[p][i]);
    for (int i = 0; i < 2 * N_PROMPT; i++) {
        mem_free(world.said[i / N_PROMPT][i % N_PROMPT].logprob);
        mem_free(world.said[i / N_PROMPT][i % N_PROMPT].top);
    }
    for (int i = 0; i < N_PROMPT; i++)
        ids_deinit(&world.prompts[i]);
    tokenizer_close(world.tok);
    return 0;
}

/* Before the first test on a path: what each prompt gives alone. */
static int use(enum precision precision)
{
    struct err e = ERR_INIT;
    world.precision = precision;
    if (world.alone[precision][0].ids.n)
        return 0;
    struct engine *g =
        open_engine(&(struct engine_opts){ .no_prefix_cache = true, .no_draft = true, .max_running = 1 });
    for (int i = 0; i < N_PROMPT; i++) {
        struct request *r;
        struct engine_request q = ask(i);
        assert_int_equal(engine_submit(g, &r, &q, &e), 0);
        finish(&world.alone[precision][i], r);
    }
    engine_close(g);
    return 0;
}

static int use_int8(void **state)
{
    (void)state;
    return use(PRECISION_INT8);
}

static int use_f32(void **state)
{
    (void)state;
    return use(PRECISION_F32);
}

#define ON_BOTH_PATHS(f)                                                                                               \
    cmocka_unit_test_setup(f, use_int8),                                                                               \
    {                                                                                                                  \
#f "_f32", f, use_f32, NULL, NULL                                                                              \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_BOTH_PATHS(answers_in_a_batch_are_those_alone),
        ON_BOTH_PATHS(shared_prefixes_change_nothing_but_the_work),
        ON_BOTH_PATHS(guesses_change_nothing),
        ON_BOTH_PATHS(eviction_changes_nothing),
        ON_BOTH_PATHS(preemption_changes_nothing),
        ON_BOTH_PATHS(prefixes_come_back_from_disk),
        cmocka_unit_test_setup(damaged_blocks_are_left_out, use_int8),
        cmocka_unit_test_setup(a_cancelled_prompt_stays_known, use_int8),
        cmocka_unit_test_setup(answers_go_on_during_a_long_prompt, use_int8),
        cmocka_unit_test_setup(what_cannot_fit_is_refused_before_any_work, use_int8),
        cmocka_unit_test_setup(requests_beyond_the_queue_are_refused, use_int8),
        cmocka_unit_test_setup(an_answered_request_does_not_wait_any_more, use_int8),
        cmocka_unit_test_setup(a_request_knows_at_once_what_is_cached, use_int8),
        cmocka_unit_test_setup(a_scripted_answer_ends_as_it_is_written, use_int8),
        cmocka_unit_test_setup(answers_keep_to_their_grammar, use_int8),
        cmocka_unit_test_setup(a_cancel_is_seen_within_a_chunk, use_int8),
        cmocka_unit_test_setup(memory_may_run_out_anywhere, use_int8),
        ON_BOTH_PATHS(a_prompts_log_probabilities_are_the_models),
        cmocka_unit_test_setup(log_probabilities_survive_eviction_and_the_disk, use_int8),
        cmocka_unit_test_setup(a_prompt_alone_ends_without_an_answer, use_int8),
        cmocka_unit_test_setup(memory_may_run_out_for_log_probabilities, use_int8),
        cmocka_unit_test_setup(a_full_queue_ends_its_request, use_int8),
        cmocka_unit_test_setup(a_repeating_answer_can_be_ended, use_int8),
        cmocka_unit_test_setup(threads_submit_and_cancel_at_random, use_int8),
    };
    cmocka_set_test_filter(getenv("OCTET_TEST_FILTER"));
    return cmocka_run_group_tests_name("engine", tests, open_world, close_world);
}

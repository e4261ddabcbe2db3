/* sampler.c - from logits to the next token.
 *
 * A real distribution is peaked: of 151,936 tokens a few hundred hold all but a millionth of the mass. So nothing here sorts
 * the vocabulary: top-k keeps a heap of k, and top-p and min-p first drop, in one pass, what a bound shows can never be kept.
 * SPDX-License-Identifier: MIT */
#include "engine/sampler.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/rng.h"

const struct sampling sampling_greedy = { .top_p = 1, .repetition_penalty = 1 };

/* A token that is still in the running. */
struct candidate {
    float x;
    int32_t id;
    double p; /* exp((x - best x) / temperature): in proportion to its probability */
};

struct sampler_scratch {
    float *x;               /* owned; [n_vocab]: logits as changed by steps 1 to 3 */
    struct candidate *cand; /* owned; [n_vocab] */
    int n_vocab;
};

struct sampler {
    struct sampling set;
    struct rng rng;
    int n_vocab, n_draw;         /* ids below n_draw may be drawn */
    const uint32_t *mask;        /* borrowed, during a draw; NULL: none */
    struct sampler_scratch *own; /* owned; NULL: borrows somebody's */
    float *x;                    /* of the scratch */
    struct candidate *cand;      /* of the scratch; NULL when greedy */
    /* For the penalties; all NULL where there are none. */
    uint32_t *count; /* owned; [n_vocab] occurrences in the answer */
    bool *seen;      /* owned; [n_vocab] */
    int32_t *ids;    /* owned; [n_vocab]: the n_ids distinct tokens seen */
    size_t n_ids;
    double log_norm; /* of the last logits: logprob = x - log_norm, where asked for */
};

struct sampling sampling_from_config(const struct config *c)
{
    const struct config_sampling *g = &c->sampling;
    return (struct sampling){
        .temperature = g->do_sample ? g->temperature : 0,
        .top_k = g->top_k,
        .top_p = g->top_p,
        .min_p = g->min_p,
        .repetition_penalty = g->repetition_penalty,
    };
}

static int out_of_range(const char *field, double found, const char *expected, struct err *e)
{
    return err_set(e, ERR_ARG, "%s: found %g, expected %s", field, found, expected);
}

/* The comparisons are written so that NaN fails them. */
int sampling_check(const struct sampling *s, int n_vocab, struct err *e)
{
    if (!(s->temperature >= 0 && s->temperature <= 1e6))
        return out_of_range("temperature", s->temperature, "0 to 1e6", e);
    if (s->top_k < 0)
        return out_of_range("top_k", s->top_k, "0 (off) or more", e);
    if (!(s->top_p >= 0 && s->top_p <= 1))
        return out_of_range("top_p", s->top_p, "0 to 1", e);
    if (!(s->min_p >= 0 && s->min_p <= 1))
        return out_of_range("min_p", s->min_p, "0 to 1", e);
    if (!(s->repetition_penalty > 0 && s->repetition_penalty <= 1e6))
        return out_of_range("repetition_penalty", s->repetition_penalty, "more than 0, at most 1e6", e);
    if (!(fabs(s->presence_penalty) <= 1e6))
        return out_of_range("presence_penalty", s->presence_penalty, "-1e6 to 1e6", e);
    if (!(fabs(s->frequency_penalty) <= 1e6))
        return out_of_range("frequency_penalty", s->frequency_penalty, "-1e6 to 1e6", e);
    for (size_t i = 0; i < s->n_bias; i++) {
        if (s->bias[i].id < 0 || s->bias[i].id >= n_vocab)
            return err_set(e, ERR_ARG, "logit_bias: token id %d is not in the vocabulary of %d", (int)s->bias[i].id,
                           n_vocab);
        if (isnan(s->bias[i].value))
            return err_set(e, ERR_ARG, "logit_bias: the value of token id %d is not a number", (int)s->bias[i].id);
    }
    return 0;
}

int sampler_scratch_new(struct sampler_scratch **out, int n_vocab, struct err *e)
{
    struct sampler_scratch *w = xcalloc(1, sizeof *w);
    w->n_vocab = n_vocab;
    w->x = mem_try_calloc((size_t)n_vocab, sizeof *w->x);
    w->cand = mem_try_calloc((size_t)n_vocab, sizeof *w->cand);
    *out = w;
    if (w->x && w->cand)
        return 0;
    sampler_scratch_free(w);
    *out = NULL;
    return err_set(e, ERR_NOMEM, "no memory to sample from %d tokens", n_vocab);
}

void sampler_scratch_free(struct sampler_scratch *w)
{
    if (!w)
        return;
    mem_free(w->x);
    mem_free(w->cand);
    mem_free(w);
}

/* What the penalties remember. */
static bool remember(struct sampler *s)
{
    size_t n = (size_t)s->n_vocab;
    s->count = mem_try_calloc(n, sizeof *s->count);
    s->seen = mem_try_calloc(n, sizeof *s->seen);
    s->ids = mem_try_calloc(n, sizeof *s->ids);
    return s->count && s->seen && s->ids;
}

int sampler_new(struct sampler **out, const struct sampling *set, int n_vocab, struct sampler_scratch *scratch,
                struct err *e)
{
    *out = NULL;
    if (sampling_check(set, n_vocab, e))
        return ERR_ARG;
    assert(!scratch || scratch->n_vocab == n_vocab);
    bool penalties = set->repetition_penalty != 1 || set->presence_penalty != 0 || set->frequency_penalty != 0;
    struct sampler *s = xcalloc(1, sizeof *s);
    s->set = *set;
    s->n_vocab = s->n_draw = n_vocab;
    rng_init(&s->rng, set->seed);
    int rc = scratch ? 0 : sampler_scratch_new(&s->own, n_vocab, e);
    scratch = scratch ? scratch : s->own;
    if (rc || !scratch || (penalties && !remember(s))) {
        sampler_free(s);
        return err_set(e, ERR_NOMEM, "no memory for a sampler over %d tokens", n_vocab);
    }
    s->x = scratch->x;
    s->cand = set->temperature > 0 ? scratch->cand : NULL;
    *out = s;
    return 0;
}

void sampler_free(struct sampler *s)
{
    if (!s)
        return;
    sampler_scratch_free(s->own);
    mem_free(s->count);
    mem_free(s->seen);
    mem_free(s->ids);
    mem_free(s);
}

void sampler_limit(struct sampler *s, int n)
{
    s->n_draw = MIN(n, s->n_vocab);
}

static void note_seen(struct sampler *s, int32_t id)
{
    if (s->seen[id])
        return;
    s->seen[id] = true;
    s->ids[s->n_ids++] = id;
}

void sampler_prompt(struct sampler *s, const int32_t *ids, size_t n)
{
    for (size_t i = 0; s->seen && i < n; i++)
        if (ids[i] >= 0 && ids[i] < s->n_vocab)
            note_seen(s, ids[i]);
}

/* Steps 1 to 3, into s->x, where every value is finite or minus infinity. */
static void adjust(struct sampler *s, const float *logits)
{
    const struct sampling *set = &s->set;
    for (int i = 0; i < s->n_vocab; i++)
        s->x[i] = isnan(logits[i]) ? -INFINITY : MIN(logits[i], FLT_MAX);
    for (size_t i = 0; i < set->n_bias; i++) {
        float *x = &s->x[set->bias[i].id];
        /* A barred token stays barred whatever else is added to it. */
        *x = *x == -INFINITY ? *x : MIN(*x + set->bias[i].value, FLT_MAX);
    }
    for (size_t i = 0; i < s->n_ids; i++) {
        int32_t id = s->ids[i];
        double x = (double)s->x[id], r = set->repetition_penalty;
        x = x < 0 ? x * r : x / r;
        if (s->count[id])
            x -= set->presence_penalty + set->frequency_penalty * s->count[id];
        s->x[id] = (float)MIN(x, (double)FLT_MAX);
    }
}

static int32_t argmax(const float *x, int n)
{
    int32_t best = 0;
    for (int32_t i = 1; i < n; i++)
        if (x[i] > x[best])
            best = i;
    return best;
}

/* The first id at or behind `id` that may be drawn; n_draw if there is none. */
static inline int32_t allowed_from(const struct sampler *s, int32_t id)
{
    if (!s->mask)
        return id;
    for (; id < s->n_draw; id = (id | 31) + 1) {
        uint32_t word = s->mask[id / 32] >> (id % 32);
        if (word)
            return MIN(id + __builtin_ctz(word), s->n_draw);
    }
    return s->n_draw;
}

/* The best of those that may be drawn; -1: none may. */
static int32_t best_allowed(const struct sampler *s)
{
    if (!s->mask)
        return argmax(s->x, s->n_draw);
    int32_t best = -1;
    for (int32_t id = allowed_from(s, 0); id < s->n_draw; id = allowed_from(s, id + 1))
        if (best < 0 || s->x[id] > s->x[best])
            best = id;
    return best;
}

/* Sum of exp(x - best), so that log-probability = x - best - log(sum). */
static double sum_exp(const float *x, int n, float best)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)expf(x[i] - best);
    return sum;
}

/* Whether a ranks before b. */
static bool before(const struct candidate *a, const struct candidate *b)
{
    return a->x > b->x || (a->x == b->x && a->id < b->id);
}

static int by_rank(const void *a, const void *b)
{
    return before(a, b) ? -1 : 1;
}

/* Restores the heap below i, whose root is the last in rank. */
static void sift_down(struct candidate *heap, size_t n, size_t i)
{
    for (;;) {
        size_t last = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n; child++)
            if (before(&heap[last], &heap[child]))
                last = child;
        if (last == i)
            return;
        struct candidate c = heap[i];
        heap[i] = heap[last];
        heap[last] = c;
        i = last;
    }
}

/* The k first in rank, in rank order; fewer if fewer may be drawn. */
static size_t take_top_k(struct sampler *s, size_t k)
{
    struct candidate *heap = s->cand;
    size_t n = 0;
    int32_t id = allowed_from(s, 0);
    for (; n < k && id < s->n_draw; id = allowed_from(s, id + 1))
        heap[n++] = (struct candidate){ .x = s->x[id], .id = id };
    for (size_t i = n / 2; i-- > 0;)
        sift_down(heap, n, i);
    for (; id < s->n_draw; id = allowed_from(s, id + 1)) {
        /* Among equals the earlier index stays, and id is later than all in the heap. */
        if (s->x[id] <= heap[0].x)
            continue;
        heap[0] = (struct candidate){ .x = s->x[id], .id = id };
        sift_down(heap, n, 0);
    }
    qsort(heap, n, sizeof *heap, by_rank);
    return n;
}

/* All that may be drawn, in the order of the index. */
static size_t take_all(struct sampler *s)
{
    size_t n = 0;
    for (int32_t id = allowed_from(s, 0); id < s->n_draw; id = allowed_from(s, id + 1))
        s->cand[n++] = (struct candidate){ .x = s->x[id], .id = id };
    return n;
}

/* Fills `p` of n candidates and returns their sum. */
static double weigh(struct candidate *c, size_t n, float best, double temperature)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        /* best is finite unless everything is barred; then all are equal. */
        c[i].p = c[i].x == best ? 1 : (double)expf((float)(((double)c[i].x - (double)best) / temperature));
        sum += c[i].p;
    }
    return sum;
}

/* The head of n ranked candidates whose share of `total` reaches top_p. */
static size_t cut_top_p(const struct candidate *c, size_t n, double total, double top_p)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += c[i].p;
        if (sum >= top_p * total)
            return i + 1;
    }
    return n;
}

/* Drops, without ranking, what top-p cannot keep: tokens with less than (1 - top_p) / n of the mass hold less than 1 - top_p together,
 * so that those before them reach top_p already. The bound is halved to stand clear of rounding. */
static size_t drop_tail(struct candidate *c, size_t n, double total, double top_p)
{
    double floor = total * (1 - top_p) / (double)n / 2;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (c[i].p >= floor)
            c[kept++] = c[i];
    return kept;
}

/* Steps 5 to 8: leaves the n candidates to draw from in s->cand, with their weights, and returns n. */
static size_t choose(struct sampler *s, float best)
{
    const struct sampling *set = &s->set;
    bool top_k = set->top_k > 0 && set->top_k < s->n_vocab;
    size_t n = top_k ? take_top_k(s, (size_t)set->top_k) : take_all(s);
    double total = weigh(s->cand, n, best, set->temperature);
    if (set->top_p < 1) {
        if (!top_k) {
            n = drop_tail(s->cand, n, total, set->top_p);
            qsort(s->cand, n, sizeof *s->cand, by_rank);
        }
        n = cut_top_p(s->cand, n, total, set->top_p);
    }
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (s->cand[i].p >= set->min_p)
            s->cand[kept++] = s->cand[i];
    return kept;
}

static int32_t draw(struct sampler *s, size_t n)
{
    double sum = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        sum += s->cand[i].p;
    double u = rng_unit(&s->rng) * sum;
    int32_t last = s->cand[0].id;
    for (size_t i = 0; i < n; i++) {
        if (s->cand[i].p <= 0)
            continue;
        at += s->cand[i].p;
        last = s->cand[i].id;
        if (u < at)
            break;
    }
    return last;
}

static double log_probability(const struct sampler *s, int32_t id)
{
    if (isnan(s->log_norm))
        return -log(s->n_vocab); /* everything is barred alike */
    return (double)s->x[id] - s->log_norm;
}

/* Of the adjusted logits; a constant of theirs is worked out where it is asked for. */
static void note_logprob(struct sampler *s, int32_t id, double *logprob)
{
    if (!logprob)
        return;
    float best = s->x[argmax(s->x, s->n_vocab)];
    s->log_norm = (double)best + log(sum_exp(s->x, s->n_vocab, best));
    *logprob = log_probability(s, id);
}

static void count(struct sampler *s, int32_t id)
{
    if (!s->seen)
        return;
    note_seen(s, id);
    s->count[id]++;
}

int32_t sampler_next_of(struct sampler *s, const float *logits, const uint32_t *mask, double *logprob)
{
    adjust(s, logits);
    s->mask = mask;
    int32_t best = best_allowed(s), id = best;
    if (best >= 0 && s->cand)
        id = draw(s, choose(s, s->x[best]));
    s->mask = NULL;
    if (id < 0)
        return -1;
    note_logprob(s, id, logprob);
    count(s, id);
    return id;
}

int32_t sampler_next(struct sampler *s, const float *logits, double *logprob)
{
    return sampler_next_of(s, logits, NULL, logprob);
}

void sampler_take(struct sampler *s, int32_t id, const float *logits, double *logprob)
{
    if (s->cand)
        (void)rng_unit(&s->rng);
    if (logprob)
        adjust(s, logits);
    note_logprob(s, id, logprob);
    count(s, id);
}

void sampler_top(const struct sampler *s, struct sampler_top *out, int n)
{
    int kept = 0;
    for (int32_t id = 0; id < s->n_vocab; id++) {
        if (kept == n && (n == 0 || s->x[id] <= s->x[out[n - 1].id]))
            continue;
        int at = kept < n ? kept++ : n - 1;
        for (; at > 0 && s->x[id] > s->x[out[at - 1].id]; at--)
            out[at] = out[at - 1];
        out[at].id = id;
    }
    for (int i = 0; i < kept; i++)
        out[i].logprob = log_probability(s, out[i].id);
}

/* sampler.h - from logits to the next token.
 *
 * The steps, in the order of transformers' generate (which mlx-lm and vLLM share but for the place of the temperature, see below):
 *
 *   1 bias                 x[t] += bias[t]
 *   2 repetition penalty   of every distinct token of prompt and answer: x < 0 ? x * r : x / r   (Keskar et al. 2019, as transformers)
 *   3 presence, frequency  of every distinct token of the answer: x -= presence + frequency * count   (as OpenAI; the prompt does not count)
 *   4 temperature 0        the largest x; nothing below matters
 *   5 temperature          p = softmax(x / temperature)
 *   6 top-k                the k most probable
 *   7 top-p                of those, renormalised: the fewest most probable whose sum reaches p (Holtzman et al. 2019)
 *   8 min-p                those at least min_p times as probable as the best (Nguyen et al. 2024)
 *   9 draw                 with one number of the seeded generator for each token
 *
 * mlx-lm cuts top-p and min-p before the temperature is applied; here, as in transformers and vLLM, after it. The most probable token
 * is never cut. Equal values are ranked by index, lower first, so that everything is deterministic: same seed, same logits, same
 * token. NaN counts as minus infinity.
 *
 * A mask leaves only some tokens to steps 4 to 9; what it refuses takes no part in them, whatever its logit. Log-probabilities do not know
 * of it: they are those of the model.
 *
 * Steps 6 to 8 all keep a head of the ranking; a full sort of the vocabulary is made only where top-p without top-k meets an
 * almost flat distribution. A sampler belongs to one thread.
 * SPDX-License-Identifier: MIT */
#ifndef ENGINE_SAMPLER_H
#define ENGINE_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/config.h"

struct sampling_bias {
    int32_t id;
    float value; /* added to the logit; -INFINITY bars the token */
};

struct sampling {
    double temperature;        /* 0: greedy */
    int top_k;                 /* 0: off */
    double top_p;              /* 1: off */
    double min_p;              /* 0: off */
    double repetition_penalty; /* 1: off */
    double presence_penalty;   /* 0: off */
    double frequency_penalty;  /* 0: off */
    uint64_t seed;
    const struct sampling_bias *bias; /* borrowed: outlives the sampler */
    size_t n_bias;
};

extern const struct sampling sampling_greedy;

/* What generation_config.json asks for; do_sample false or absent: greedy (its repetition penalty counts all the same). */
struct sampling sampling_from_config(const struct config *c);
/* ERR_ARG, with the field, the value and the range, for what no sampler can do. */
MUST_CHECK int sampling_check(const struct sampling *s, int n_vocab, struct err *e);

struct sampler;

enum { SAMPLER_TOP_MAX = 20 };

/* A token and the natural logarithm of its probability after step 3, at temperature 1, before anything is cut. */
struct sampler_top {
    int32_t id;
    double logprob;
};

/* What a sampler works in while it draws: some 20 bytes a token of the vocabulary, shared by the samplers of one thread. */
struct sampler_scratch;
MUST_CHECK int sampler_scratch_new(struct sampler_scratch **out, int n_vocab, struct err *e);
void sampler_scratch_free(struct sampler_scratch *w);

/* Copies *s (not its biases). `scratch` is borrowed and outlives the sampler; NULL: it has its own. */
MUST_CHECK int sampler_new(struct sampler **out, const struct sampling *s, int n_vocab, struct sampler_scratch *scratch,
                           struct err *e);
void sampler_free(struct sampler *s);
/* Tells the penalties about the tokens of the prompt; those that sampler_next returns are counted by themselves. */
void sampler_prompt(struct sampler *s, const int32_t *ids, size_t n);
/* The next token. `logprob`, unless NULL: natural logarithm of its probability after step 3, at temperature 1, before anything is
 * cut. logits [n_vocab]. */
int32_t sampler_next(struct sampler *s, const float *logits, double *logprob);
/* Ids from n on stand for no token and are never drawn; until it is called all of the vocabulary may be. */
void sampler_limit(struct sampler *s, int n);
/* The same, of the tokens whose bit in `mask` is set (bit id % 32 of word id / 32, for every id that may be drawn; borrowed for the call); NULL:
 * all. -1, and nothing was drawn, if the mask allows none. */
int32_t sampler_next_of(struct sampler *s, const float *logits, const uint32_t *mask, double *logprob);
/* The next token is `id`, which somebody else chose: counts it as sampler_next does, with one number of the generator, so that what is drawn
 * afterwards is the same whether a token was chosen or drawn. */
void sampler_take(struct sampler *s, int32_t id, const float *logits, double *logprob);
/* The n (at most SAMPLER_TOP_MAX, and what the vocabulary has) most probable tokens of the last sampler_next, best first; of equals the
 * lower index. For one that was asked for `logprob`, before another sampler draws in the same
 * scratch. */
void sampler_top(const struct sampler *s, struct sampler_top *out, int n);

#endif

/* sampling_opts.c - the options that say how tokens are drawn and where an answer ends.
 * SPDX-License-Identifier: MIT */
#include "cli/sampling_opts.h"

#include <inttypes.h>
#include <math.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/mem.h"

/* An answer that never ends is of no use to anyone; the largest context of today's models is beyond it. */
enum { DEFAULT_MAX_TOKENS = 4096, MAX_MAX_TOKENS = 1 << 24 };

void sampling_cli_init(struct sampling_cli *c)
{
    *c = (struct sampling_cli){
        .temperature = (double)NAN,
        .top_p = (double)NAN,
        .min_p = (double)NAN,
        .repetition = (double)NAN,
        .presence = (double)NAN,
        .frequency = (double)NAN,
        .top_k = -1,
        .seed = -1,
        .max_tokens = DEFAULT_MAX_TOKENS,
        .table = { OPT_INT('n', "max-tokens", &c->max_tokens, 1, MAX_MAX_TOKENS, "N",
                           "most tokens of the answer (4096)"),
                   OPT_FLOAT(0, "temperature", &c->temperature, 0, 100, "T", "0: always the most probable token"),
                   OPT_INT(0, "top-k", &c->top_k, 0, INT32_MAX, "K",
                           "draw from the K most probable tokens; 0: from all"),
                   OPT_FLOAT(0, "top-p", &c->top_p, 0, 1, "P", "draw from the most probable tokens that make up P"),
                   OPT_FLOAT(0, "min-p", &c->min_p, 0, 1, "P",
                             "draw from the tokens at least P times as probable as the best"),
                   OPT_FLOAT(0, "repetition-penalty", &c->repetition, 0.01, 100, "R",
                             "divide the logits of tokens of prompt and answer by R; 1: off"),
                   OPT_FLOAT(0, "presence-penalty", &c->presence, -100, 100, "X",
                             "subtract X from the logits of the answer's tokens"),
                   OPT_FLOAT(0, "frequency-penalty", &c->frequency, -100, 100, "X",
                             "subtract X for each time that a token occurs in the answer"),
                   OPT_LIST(0, "logit-bias", &c->bias, "ID=X", "add X to the logit of token ID; may be repeated"),
                   OPT_INT(0, "seed", &c->seed, 0, INT64_MAX, "N", "same seed, same answer (another one each time)"),
                   OPT_LIST(0, "stop", &c->stop, "TEXT", "end the answer before TEXT; may be repeated"),
                   OPT_FLAG(0, "ignore-eos", &c->ignore_eos, "go on where the model would end its answer") },
        .group = { "Answer (defaults from the model's generation_config.json)", c->table, SAMPLING_OPTS_N },
        .draw = { "Answers, where a request does not say (defaults from the model's generation_config.json)",
                  c->table + SAMPLING_OPTS_DRAW, SAMPLING_OPTS_DRAW_N },
    };
}

void sampling_cli_deinit(struct sampling_cli *c)
{
    opt_list_deinit(&c->stop);
    opt_list_deinit(&c->bias);
    mem_free(c->biases);
    mem_free(c->stops);
    c->biases = NULL;
    c->stops = NULL;
}

static int parse_biases(struct sampling_cli *c, const struct model *m, struct err *e)
{
    mem_free(c->biases);
    c->biases = xcalloc(MAX(c->bias.n, 1), sizeof *c->biases);
    for (size_t i = 0; i < c->bias.n; i++) {
        struct str value = str_from(c->bias.v[i]), id;
        int64_t n;
        double x;
        if (!str_cut(&value, '=', &id) || !str_to_i64(id, &n) || !str_to_double(value, &x))
            return err_set(e, ERR_ARG, "--logit-bias: found \"%s\", expected ID=X such as 151645=-5", c->bias.v[i]);
        if (n < 0 || n >= model_config(m)->n_vocab)
            return err_set(e, ERR_ARG, "--logit-bias: token id %" PRId64 " is not in the vocabulary of %d", n,
                           model_config(m)->n_vocab);
        c->biases[i] = (struct sampling_bias){ (int32_t)n, (float)x };
    }
    return 0;
}

static void override(double *to, double given)
{
    if (!isnan(given))
        *to = given;
}

struct sampling sampling_cli_defaults(const struct sampling_cli *c, const struct config *config)
{
    struct sampling s = sampling_from_config(config);
    override(&s.temperature, c->temperature);
    override(&s.top_p, c->top_p);
    override(&s.min_p, c->min_p);
    override(&s.repetition_penalty, c->repetition);
    override(&s.presence_penalty, c->presence);
    override(&s.frequency_penalty, c->frequency);
    if (c->top_k >= 0)
        s.top_k = (int)c->top_k;
    return s;
}

int sampling_cli_answer(struct answer_opts *o, struct sampling_cli *c, const struct model *m, struct err *e)
{
    const struct config *config = model_config(m);
    struct sampling *s = &o->sampling;
    if (parse_biases(c, m, e))
        return e->code;
    *s = sampling_cli_defaults(c, config);
    s->seed = c->seed >= 0 ? (uint64_t)c->seed : (uint64_t)clock_ns() & INT64_MAX;
    s->bias = c->biases;
    s->n_bias = c->bias.n;
    mem_free(c->stops);
    c->stops = xcalloc(MAX(c->stop.n, 1), sizeof *c->stops);
    for (size_t i = 0; i < c->stop.n; i++)
        c->stops[i] = str_from(c->stop.v[i]);
    o->stops = c->stops;
    o->n_stop = c->stop.n;
    o->eos = config->eos;
    o->n_eos = c->ignore_eos ? 0 : config->n_eos;
    o->max_tokens = (size_t)c->max_tokens;
    return 0;
}

/* read_options.c - the fields that all dialects have: sampling, stops, options of streams, and those beyond the APIs.
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>

#include "api/read_common.h"
#include "base/mem.h"
#include "engine/stop.h"

/* One of the ids of logit_bias. OpenAI: -100 bars a token. */
static int read_bias(struct reader *rd, struct str key, const struct json *value, struct sampling_bias *out)
{
    char path[READ_PATH_BYTES];
    uint64_t id;
    read_path(path, "logit_bias.%.*s", (int)(key.n < 20 ? key.n : 20), key.p);
    if (!str_to_u64(key, &id) || id >= (uint64_t)rd->def->n_vocab) {
        api_error_set(rd->x, API_ERR_INVALID, "logit_bias", "%s: expected the id of a token, from 0 to %d", path,
                      rd->def->n_vocab - 1);
        return -1;
    }
    double x = json_double(value);
    if ((json_type(value) != JSON_INT && json_type(value) != JSON_DOUBLE) || !(x >= -100 && x <= 100)) {
        read_bad(rd, path, "a number from -100 to 100", value);
        (void)snprintf(rd->x->param, sizeof rd->x->param, "logit_bias");
        return -1;
    }
    *out = (struct sampling_bias){ (int32_t)id, x <= -100 ? -INFINITY : (float)x };
    return 0;
}

static int read_biases(struct reader *rd)
{
    const struct json *biases = NULL;
    struct json_iter it;
    if (read_object(rd, rd->r->body, "", "logit_bias", &biases))
        return -1;
    size_t n = 0;
    if (!biases || !json_first(&it, biases))
        return 0;
    rd->r->bias = xcalloc(json_len(biases), sizeof *rd->r->bias);
    do {
        if (read_bias(rd, it.key, it.value, &rd->r->bias[n++]))
            return -1;
    } while (json_next(&it));
    rd->r->sampling.bias = rd->r->bias;
    rd->r->sampling.n_bias = n;
    return 0;
}

static int read_seed(struct reader *rd)
{
    int64_t seed = -1;
    if (read_int(rd, rd->r->body, "", "seed", INT64_MIN, INT64_MAX, &seed))
        return -1;
    /* -1 is how llama.cpp's clients ask for a random one. */
    rd->r->has_seed = json_get(rd->r->body, "seed") && seed != -1;
    if (rd->r->has_seed)
        rd->r->sampling.seed = (uint64_t)seed;
    return 0;
}

static int read_sampling(struct reader *rd)
{
    struct sampling *s = &rd->r->sampling;
    const struct json *body = rd->r->body;
    int64_t top_k = s->top_k;
    if (read_double(rd, body, "", "temperature", 0, 2, &s->temperature) ||
        read_double(rd, body, "", "top_p", 0, 1, &s->top_p) || read_double(rd, body, "", "min_p", 0, 1, &s->min_p) ||
        read_int(rd, body, "", "top_k", -1, INT32_MAX, &top_k) ||
        read_double(rd, body, "", "repeat_penalty", 0.01, 100, &s->repetition_penalty) ||
        read_double(rd, body, "", "repetition_penalty", 0.01, 100, &s->repetition_penalty) ||
        read_double(rd, body, "", "presence_penalty", -2, 2, &s->presence_penalty) ||
        read_double(rd, body, "", "frequency_penalty", -2, 2, &s->frequency_penalty) || read_seed(rd) ||
        read_biases(rd))
        return -1;
    s->top_k = top_k < 0 ? 0 : (int)top_k;
    return 0;
}

int read_shared_fields(struct reader *rd)
{
    struct api_request *r = rd->r;
    const struct json *body = r->body;
    if (read_str(rd, body, "", "model", &r->model) || read_bool(rd, body, "", "stream", &r->stream) ||
        read_sampling(rd) || read_object(rd, body, "", "chat_template_kwargs", &r->template_vars) ||
        read_bool(rd, body, "", "enable_thinking", &r->thinking) ||
        read_bool(rd, body, "", "ignore_eos", &r->ignore_eos) ||
        read_bool(rd, body, "", "return_progress", &r->progress) ||
        read_bool(rd, body, "", "tool_grammar", &r->tool_grammar) ||
        read_str(rd, body, "", "prompt_cache_key", &r->cache_key) || read_format_extensions(rd))
        return -1;
    return 0;
}

bool read_is_unlimited(const struct json *v)
{
    int64_t n;
    return json_i64(v, &n) && n == -1;
}

int read_max(struct reader *rd, const char *key, int64_t min)
{
    const struct json *v = json_get(rd->r->body, key);
    return v && read_is_unlimited(v) ? 0 : read_count(rd, rd->r->body, "", key, min, &rd->r->max_tokens);
}

int read_stream_options(struct reader *rd)
{
    const struct json *options = NULL;
    if (read_object(rd, rd->r->body, "", "stream_options", &options))
        return -1;
    return read_bool(rd, options, "stream_options.", "include_usage", &rd->r->include_usage);
}

static int add_stop(struct reader *rd, const struct json *v, const char *at)
{
    if (json_type(v) != JSON_STRING)
        return read_bad(rd, at, "a string", v);
    struct str s = json_str(v);
    if (s.n > STOP_MAX_BYTES) {
        api_error_set(rd->x, API_ERR_INVALID, at, "%s: a stop string of %zu bytes, the limit is %d", at, s.n,
                      STOP_MAX_BYTES);
        return -1;
    }
    /* An empty one would stop before the first character; clients send it for "none". */
    if (s.n)
        rd->r->stops[rd->r->n_stop++] = s;
    return 0;
}

int read_stops(struct reader *rd, const char *key)
{
    const struct json *v = json_get(rd->r->body, key);
    char path[READ_PATH_BYTES];
    if (!v)
        return 0;
    size_t n = json_type(v) == JSON_ARRAY ? json_len(v) : 1;
    if (n > STOP_MAX_STRINGS) {
        api_error_set(rd->x, API_ERR_INVALID, key, "%s: %zu stop strings, the limit is %d", key, n, STOP_MAX_STRINGS);
        return -1;
    }
    rd->r->stops = xcalloc(n + 1, sizeof *rd->r->stops);
    if (json_type(v) == JSON_STRING)
        return add_stop(rd, v, key);
    if (json_type(v) != JSON_ARRAY)
        return read_bad(rd, key, "a string or a list of strings", v);
    for (size_t i = 0; i < n; i++)
        if (json_at(v, i) && add_stop(rd, json_at(v, i), read_path(path, "%s[%zu]", key, i)))
            return -1;
    return 0;
}

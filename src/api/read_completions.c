/* read_completions.c - the body of /v1/completions.
 * SPDX-License-Identifier: MIT */
#include "api/read_common.h"
#include "base/mem.h"
#include "engine/sampler.h"

/* Prompts times choices of one request. */
enum { MAX_ANSWERS = 128 };

static int read_ids(struct reader *rd, const struct json *ids, const char *at, struct api_prompt *out)
{
    char path[READ_PATH_BYTES];
    out->is_ids = true;
    for (size_t i = 0; i < json_len(ids); i++) {
        const struct json *v = json_at(ids, i);
        int64_t id;
        if (json_type(v) != JSON_INT || !json_i64(v, &id) || id < 0 || id >= rd->def->n_vocab)
            return read_bad(rd, read_path(path, "%s[%zu]", at, i), "the id of a token", v);
        ids_add(&out->ids, (int32_t)id);
    }
    return 0;
}

static int read_prompt(struct reader *rd, const struct json *v, const char *at)
{
    struct api_prompt *p = &rd->r->prompt[rd->r->n_prompt++];
    if (json_type(v) == JSON_ARRAY)
        return read_ids(rd, v, at, p);
    if (json_type(v) != JSON_STRING)
        return read_bad(rd, at, "a string or a list of token ids", v);
    p->text = json_str(v);
    return 0;
}

static int read_prompts(struct reader *rd)
{
    const struct json *v = json_get(rd->r->body, "prompt");
    char path[READ_PATH_BYTES];
    if (json_type(v) != JSON_STRING && (json_type(v) != JSON_ARRAY || !json_len(v)))
        return read_bad(rd, "prompt", "a string, a list of strings or of token ids", v);
    enum json_type first = json_type(v) == JSON_ARRAY ? json_type(json_at(v, 0)) : JSON_STRING;
    /* A list of numbers is one prompt. */
    bool single = json_type(v) == JSON_STRING || (first != JSON_STRING && first != JSON_ARRAY);
    size_t n = single ? 1 : json_len(v);
    if (n * (size_t)rd->r->n > MAX_ANSWERS) {
        api_error_set(rd->x, API_ERR_INVALID, "prompt", "prompt: %zu prompts with %d choices each, the limit is %d", n,
                      rd->r->n, MAX_ANSWERS);
        return -1;
    }
    rd->r->prompt = xcalloc(n, sizeof *rd->r->prompt);
    if (single)
        return read_prompt(rd, v, "prompt");
    for (size_t i = 0; i < n; i++)
        if (read_prompt(rd, json_at(v, i), read_path(path, "prompt[%zu]", i)))
            return -1;
    return 0;
}

static int read_suffix(struct reader *rd)
{
    if (read_str(rd, rd->r->body, "", "suffix", &rd->r->suffix))
        return -1;
    if (!rd->r->suffix.n || rd->def->has_fim)
        return 0;
    api_error_set(rd->x, API_ERR_INVALID, "suffix",
                  "suffix: the model's vocabulary has no tokens to fill in the middle");
    return -1;
}

int read_completions(struct reader *rd)
{
    struct api_request *r = rd->r;
    const struct json *body = r->body, *format = NULL;
    int64_t n = 1, top = -1;
    const struct json *max = json_get(body, "max_tokens");
    if (read_shared_fields(rd) || read_stream_options(rd) || read_max(rd, "max_tokens", 0) ||
        read_int(rd, body, "", "n", 1, rd->def->max_n, &n) ||
        read_int(rd, body, "", "logprobs", 0, SAMPLER_TOP_MAX, &top) || read_bool(rd, body, "", "echo", &r->echo) ||
        read_bool(rd, body, "", "parse_special", &r->added_tokens) || read_stops(rd, "stop") ||
        read_object(rd, body, "", "response_format", &format) || (format && read_format(rd, format, "response_format")))
        return -1;
    r->n = (int)n;
    r->logprobs = top >= 0;
    r->top_logprobs = (int)MAX(top, 0);
    r->prompt_only = max && !read_is_unlimited(max) && r->max_tokens == 0;
    if (read_suffix(rd))
        return -1;
    return read_prompts(rd);
}

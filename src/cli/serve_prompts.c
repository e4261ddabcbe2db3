/* serve_prompts.c - conversations, made or read.
 * SPDX-License-Identifier: MIT */
#include "cli/serve_prompts.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/json.h"

static const char *const words[] = {
    "file",   "read",   "the",  "test",    "write",  "a",      "function", "and",    "number", "of",    "line",  "list",
    "answer", "value",  "code", "is",      "return", "string", "in",       "result", "name",   "error", "check", "to",
    "short",  "change", "when", "message", "one",    "path",   "never",    "with",   "each",   "first", "all",   "it",
};

static void add_words(struct buf *out, size_t n, struct rng *r)
{
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%s%s", i ? " " : "", words[rng_below(r, ARRAY_LEN(words))]);
}

static void add(struct serve_prompts *p, struct buf *messages)
{
    p->v = xrealloc(p->v, (p->n + 1) * sizeof *p->v);
    p->v[p->n++] = buf_take(messages);
}

void serve_prompts_make(struct serve_prompts *p, size_t n, size_t n_shared, size_t n_own, uint64_t seed)
{
    *p = (struct serve_prompts){ 0 };
    for (size_t i = 0; i < n; i++) {
        struct buf b = { 0 };
        struct rng r;
        rng_init(&r, seed);
        buf_z(&b, "[");
        if (n_shared) {
            buf_z(&b, "{\"role\": \"system\", \"content\": \"");
            add_words(&b, n_shared, &r);
            buf_z(&b, "\"}, ");
        }
        rng_init(&r, seed + 1 + i);
        buf_printf(&b, "{\"role\": \"user\", \"content\": \"Task %zu: ", i);
        add_words(&b, n_own, &r);
        buf_z(&b, "\"}]");
        add(p, &b);
    }
}

static int add_one(struct serve_prompts *p, const struct json *list, size_t i, struct err *e)
{
    const struct json *v = json_at(list, i), *prompt = v;
    struct buf b = { 0 };
    if (json_type(v) == JSON_OBJECT) {
        const struct json *messages = json_get(v, "messages");
        prompt = json_get(v, "prompt");
        if (json_type(messages) == JSON_ARRAY) {
            json_write(&b, messages);
            add(p, &b);
            return 0;
        }
    }
    if (json_type(prompt) != JSON_STRING)
        return json_expected_at(list, i, "a text, or an object with \"messages\" or \"prompt\"", e);
    buf_z(&b, "[{\"role\": \"user\", \"content\": ");
    json_write_str(&b, json_str(prompt));
    buf_z(&b, "}]");
    add(p, &b);
    return 0;
}

int serve_prompts_read(struct serve_prompts *p, const char *path, size_t most, struct err *e)
{
    struct json *root;
    *p = (struct serve_prompts){ 0 };
    int rc = json_read(&root, path, &json_limits_default, e);
    if (rc)
        return rc;
    if (json_type(root) != JSON_ARRAY || !json_len(root))
        rc = json_expected(root, NULL, "an array of prompts", e);
    for (size_t i = 0; !rc && i < MIN(json_len(root), most); i++)
        rc = add_one(p, root, i, e);
    json_free(root);
    if (rc)
        serve_prompts_deinit(p);
    return rc;
}

void serve_prompts_deinit(struct serve_prompts *p)
{
    for (size_t i = 0; i < p->n; i++)
        mem_free(p->v[i]);
    mem_free(p->v);
    *p = (struct serve_prompts){ 0 };
}

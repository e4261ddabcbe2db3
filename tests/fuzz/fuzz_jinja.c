/* fuzz_jinja.c - any bytes as a chat template, parsed and rendered with small limits: it renders or says why not, and every span of the
 * result lies in its text.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>

#include "text/template/jinja.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char vars_text[] =
    "{\"messages\": [{\"role\": \"user\", \"content\": \"hi <|im_end|>\"}, {\"role\": \"assistant\", \"content\": "
    "null, \"tool_calls\": "
    "[{\"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1.50, \"b\": [true, null, \"x\"]}}}]}], "
    "\"add_generation_prompt\": true, "
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", \"parameters\": {\"type\": \"object\"}}}]}";

static const struct jinja_limits limits = {
    .fuel = 200000, .depth = 200, .output_bytes = 1 << 16, .memory_bytes = 8 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct jinja *t = NULL;
    struct json *vars = NULL;
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    if (jinja_parse(&t, (struct str){ (const char *)data, size }, "fuzz", &e)) {
        if (!e.code || !e.msg[0])
            abort();
        return 0;
    }
    if (json_parse(&vars, (struct str){ vars_text, sizeof vars_text - 1 }, "vars", &json_limits_default, NULL))
        abort();
    if (jinja_render(t, vars, NULL, 0, &limits, &out, &e) && !e.msg[0])
        abort();
    for (size_t i = 0; i < out.n_span; i++)
        if (out.spans[i].from >= out.spans[i].to || out.spans[i].to > out.text.n ||
            (i && out.spans[i].from <= out.spans[i - 1].to))
            abort();
    marked_deinit(&out);
    json_free(vars);
    jinja_free(t);
    return 0;
}

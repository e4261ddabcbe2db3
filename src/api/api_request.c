/* api_request.c - a request's beginning and end.
 * SPDX-License-Identifier: MIT */
#include "api/api_request.h"

#include <string.h>

#include "base/mem.h"

void api_request_init(struct api_request *r, enum api_dialect d, const struct api_defaults *def)
{
    memset(r, 0, sizeof *r);
    r->dialect = d;
    r->sampling = def->sampling;
    r->tool_choice = API_TOOLS_AUTO;
    r->parallel_calls = true;
    r->tool_grammar = def->tool_grammar;
    r->n = 1;
    r->thinking = true;
    r->added_tokens = d == API_COMPLETIONS;
}

void api_request_deinit(struct api_request *r)
{
    for (size_t i = 0; i < r->n_prompt; i++)
        ids_deinit(&r->prompt[i].ids);
    mem_free(r->prompt);
    mem_free(r->tool);
    mem_free(r->bias);
    mem_free(r->stops);
    json_free(r->made);
    json_free(r->body);
    memset(r, 0, sizeof *r);
}

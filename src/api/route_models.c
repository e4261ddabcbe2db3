/* route_models.c - which models there are, in the shapes of OpenAI, Anthropic and LM Studio.
 *
 * There is one model under several names. Its context length has a name in every client's vocabulary, and is the same number in all.
 * SPDX-License-Identifier: MIT */
#include <time.h>

#include "api/routes.h"
#include "api/service_state.h"
#include "format/json.h"

static struct str name_at(const struct service *s, size_t i)
{
    return i ? s->o.aliases[i - 1] : s->o.model_name;
}

static bool known(const struct service *s, struct str name)
{
    for (size_t i = 0; i <= s->o.n_alias; i++) {
        if (str_eq(name, name_at(s, i)))
            return true;
    }
    return false;
}

static void openai_model(const struct service *s, struct str name, struct buf *out)
{
    unsigned long long n = s->context;
    buf_z(out, "{\"id\": ");
    json_write_str(out, name);
    buf_printf(out,
               ", \"object\": \"model\", \"created\": %lld, \"owned_by\": \"octet\", \"context_length\": %llu, "
               "\"loaded_context_length\": %llu, \"max_context_length\": %llu, \"max_model_len\": %llu",
               (long long)s->created, n, n, n, n);
    buf_z(out, ", \"root\": ");
    json_write_str(out, s->o.model_name);
    buf_z(out, ", \"parent\": null}");
}

static void anthropic_model(const struct service *s, struct str name, struct buf *out)
{
    char when[32];
    time_t t = (time_t)s->created;
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    buf_z(out, "{\"type\": \"model\", \"id\": ");
    json_write_str(out, name);
    buf_z(out, ", \"display_name\": ");
    json_write_str(out, name);
    buf_printf(out, ", \"created_at\": \"%s\", \"max_input_tokens\": %zu, \"max_tokens\": %zu}", when, s->context,
               s->context);
}

static void lmstudio_model(const struct service *s, struct str name, struct buf *out)
{
    buf_z(out, "{\"id\": ");
    json_write_str(out, name);
    buf_printf(out,
               ", \"object\": \"model\", \"type\": \"llm\", \"publisher\": \"octet\", \"compatibility_type\": \"mlx\", "
               "\"state\": \"loaded\", \"max_context_length\": %zu, \"loaded_context_length\": %zu",
               s->context, s->context);
    if (s->format)
        buf_z(out, ", \"capabilities\": [\"tool_use\"]");
    buf_char(out, '}');
}

typedef void model_fn(const struct service *s, struct str name, struct buf *out);

static void all_models(const struct service *s, model_fn *one, struct buf *out)
{
    buf_z(out, "\"data\": [");
    for (size_t i = 0; i <= s->o.n_alias; i++) {
        if (i)
            buf_z(out, ", ");
        one(s, name_at(s, i), out);
    }
    buf_char(out, ']');
}

static bool is_anthropic(const struct exchange_head *h)
{
    return h->header && h->header(h->arg, "anthropic-version").n;
}

static bool not_found(struct str name, struct api_error *x)
{
    api_error_set(x, API_ERR_MODEL, "model", "there is no model \"%.*s\" here; GET /v1/models lists what there is",
                  (int)MIN(name.n, 200), name.p);
    return false;
}

bool route_models(struct service *s, const struct exchange_head *h, struct str rest, struct str body, struct reply *out,
                  struct api_error *x)
{
    (void)rest, (void)body, (void)x;
    if (!is_anthropic(h)) {
        buf_z(&out->body, "{\"object\": \"list\", ");
        all_models(s, openai_model, &out->body);
        buf_char(&out->body, '}');
        return true;
    }
    buf_char(&out->body, '{');
    all_models(s, anthropic_model, &out->body);
    buf_z(&out->body, ", \"has_more\": false, \"first_id\": ");
    json_write_str(&out->body, name_at(s, 0));
    buf_z(&out->body, ", \"last_id\": ");
    json_write_str(&out->body, name_at(s, s->o.n_alias));
    buf_char(&out->body, '}');
    return true;
}

bool route_model(struct service *s, const struct exchange_head *h, struct str rest, struct str body, struct reply *out,
                 struct api_error *x)
{
    (void)body;
    if (!known(s, rest))
        return not_found(rest, x);
    (is_anthropic(h) ? anthropic_model : openai_model)(s, rest, &out->body);
    return true;
}

bool route_lmstudio_models(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                           struct reply *out, struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    buf_z(&out->body, "{\"object\": \"list\", ");
    all_models(s, lmstudio_model, &out->body);
    buf_char(&out->body, '}');
    return true;
}

bool route_lmstudio_model(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                          struct reply *out, struct api_error *x)
{
    (void)h, (void)body;
    if (!known(s, rest))
        return not_found(rest, x);
    lmstudio_model(s, rest, &out->body);
    return true;
}

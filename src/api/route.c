/* route.c - the table of paths.
 * SPDX-License-Identifier: MIT */
#include "api/route.h"

#include "api/routes.h"
#include "base/base.h"

static const struct route routes[] = {
    { "POST", "/chat/completions", ROUTE_GENERATE, API_CHAT, false, true, NULL },
    { "POST", "/completions", ROUTE_GENERATE, API_COMPLETIONS, false, true, NULL },
    { "POST", "/responses", ROUTE_GENERATE, API_RESPONSES, false, true, NULL },
    { "POST", "/messages", ROUTE_GENERATE, API_MESSAGES, false, true, NULL },
    { "POST", "/responses/input_tokens", ROUTE_REPLY, API_RESPONSES, false, true, route_input_tokens },
    { "POST", "/messages/count_tokens", ROUTE_REPLY, API_MESSAGES, false, true, route_count_tokens },
    { "GET", "/models", ROUTE_REPLY, API_CHAT, false, false, route_models },
    { "GET", "/models/*", ROUTE_REPLY, API_CHAT, false, false, route_model },
    { "GET", "/api/v0/models", ROUTE_REPLY, API_CHAT, false, false, route_lmstudio_models },
    { "GET", "/api/v0/models/*", ROUTE_REPLY, API_CHAT, false, false, route_lmstudio_model },
    { "GET", "/health", ROUTE_REPLY, API_CHAT, true, false, route_health },
    { "GET", "/cluster/health", ROUTE_REPLY, API_CHAT, false, false, route_health },
    { "GET", "/ready", ROUTE_REPLY, API_CHAT, true, false, route_ready },
    { "GET", "/metrics", ROUTE_REPLY, API_CHAT, false, false, route_metrics },
    { "GET", "/version", ROUTE_REPLY, API_CHAT, false, false, route_version },
    { "POST", "/tokenize", ROUTE_REPLY, API_CHAT, false, true, route_tokenize },
    { "POST", "/detokenize", ROUTE_REPLY, API_CHAT, false, true, route_detokenize },
    { "POST", "/apply-template", ROUTE_REPLY, API_CHAT, false, true, route_apply_template },
    { "GET", "/cache", ROUTE_REPLY, API_CHAT, false, false, route_cache },
    { "GET", "/cluster/cache", ROUTE_REPLY, API_CHAT, false, false, route_cache },
    { "DELETE", "/cache", ROUTE_REPLY, API_CHAT, false, false, route_cache_clear },
    { "POST", "/cache/warm", ROUTE_WARM, API_CHAT, false, true, NULL },
    { "POST", "/cluster/cache/warm", ROUTE_WARM, API_CHAT, false, true, NULL },
    { "HEAD", "/", ROUTE_REPLY, API_MESSAGES, true, false, route_nothing },
    { "GET", "/", ROUTE_REPLY, API_CHAT, false, false, route_page },
    { "HEAD", "/api/hello", ROUTE_REPLY, API_MESSAGES, false, false, route_nothing },
    { "GET", "/api/hello", ROUTE_REPLY, API_MESSAGES, false, false, route_nothing },
    { "POST", "/api/event_logging/*", ROUTE_REPLY, API_MESSAGES, false, false, route_nothing },
    { "POST", "/embeddings", ROUTE_REPLY, API_CHAT, false, false, route_embeddings },
};

/* Whether `path` is the route's; *rest: what stands for its star. */
static bool matches(const struct route *r, struct str path, struct str *rest)
{
    struct str own = str_from(r->path);
    *rest = (struct str){ path.p, 0 };
    if (own.n < 2 || own.p[own.n - 1] != '*')
        return str_eq(path, own);
    own.n--;
    if (!str_starts(path, own) || path.n == own.n)
        return false;
    *rest = str_sub(path, own.n, path.n);
    return true;
}

static struct str without_version(struct str path)
{
    return str_starts(path, STR("/v1/")) && path.n > 4 ? str_sub(path, 3, path.n) : path;
}

/* The methods of a path; HEAD goes wherever GET does. */
static const char *methods(struct str path)
{
    bool get = false, head = false, post = false, del = false;
    struct str rest;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!matches(&routes[i], path, &rest))
            continue;
        get |= str_eqz(STR("GET"), routes[i].method);
        head |= str_eqz(STR("HEAD"), routes[i].method);
        post |= str_eqz(STR("POST"), routes[i].method);
        del |= str_eqz(STR("DELETE"), routes[i].method);
    }
    if (get)
        return del ? "GET, HEAD, DELETE" : "GET, HEAD";
    return post ? "POST" : head ? "HEAD" : NULL;
}

/* Errors speak the language of whoever calls: by the path, and on shared paths by the header that Anthropic's clients send. */
static enum api_dialect dialect_of(const struct exchange_head *h, struct str path)
{
    if (str_starts(path, STR("/messages")) || str_starts(path, STR("/api/event_logging")) ||
        str_eq(path, STR("/api/hello")))
        return API_MESSAGES;
    if (str_starts(path, STR("/responses")))
        return API_RESPONSES;
    if (str_starts(path, STR("/models")) && h->header && h->header(h->arg, "anthropic-version").n)
        return API_MESSAGES;
    return API_CHAT;
}

const struct route *route_find(const struct exchange_head *h, struct str *rest, enum api_dialect *dialect,
                               const char **allow)
{
    struct str path = without_version(h->path);
    const struct route *get = NULL;
    struct str behind;
    *dialect = dialect_of(h, path);
    *allow = NULL;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!matches(&routes[i], path, &behind))
            continue;
        if (str_eqz(h->method, routes[i].method)) {
            *rest = behind;
            return &routes[i];
        }
        if (str_eqz(STR("GET"), routes[i].method)) {
            get = &routes[i];
            *rest = behind;
        }
    }
    if (get && str_eqz(h->method, "HEAD"))
        return get;
    *allow = methods(path);
    return NULL;
}

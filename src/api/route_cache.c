/* route_cache.c - what is remembered of prompts: its size, and an end to it.
 * SPDX-License-Identifier: MIT */
#include "api/routes.h"
#include "api/service_state.h"

bool route_cache(struct service *s, const struct exchange_head *h, struct str rest, struct str body, struct reply *out,
                 struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    struct engine_stats e;
    struct replay_stats r;
    struct constrain_stats g;
    engine_stats(s->o.engine, &e);
    replay_stats(s->replay, &r);
    constrain_stats(s->constrain, &g);
    pthread_mutex_lock(&s->mu);
    struct service_warm warm = s->warm;
    pthread_mutex_unlock(&s->mu);
    struct buf *b = &out->body;
    buf_printf(b, "{\"tokens\": %llu, \"systemPromptHash\": \"%s\", \"lastUpdated\": %lld, \"warmed\": %s",
               (unsigned long long)e.tree_tokens, warm.hash, (long long)warm.updated_ms,
               warm.hash[0] ? "true" : "false");
    buf_printf(b, ", \"bytes\": %llu, \"capacity_bytes\": %llu, \"disk_bytes\": %llu, \"evicted_tokens\": %llu",
               (unsigned long long)e.kv_tree_bytes, (unsigned long long)e.kv_bytes, (unsigned long long)e.disk_bytes,
               (unsigned long long)e.tree_evicted_tokens);
    buf_printf(b, ", \"prompt_tokens\": %llu, \"hit_tokens\": %llu, \"disk_hit_tokens\": %llu",
               (unsigned long long)e.prompt_tokens, (unsigned long long)e.cached_tokens,
               (unsigned long long)e.disk_tokens);
    buf_printf(b,
               ", \"answers\": {\"count\": %zu, \"bytes\": %zu}, \"grammars\": {\"compiled\": %llu, \"reused\": %llu}}",
               r.turns, r.bytes, (unsigned long long)g.n_compiled, (unsigned long long)g.n_reused);
    return true;
}

bool route_cache_clear(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                       struct reply *out, struct api_error *x)
{
    (void)h, (void)rest, (void)body, (void)x;
    engine_clear_cache(s->o.engine);
    replay_clear(s->replay);
    pthread_mutex_lock(&s->mu);
    s->warm = (struct service_warm){ 0 };
    pthread_mutex_unlock(&s->mu);
    buf_z(&out->body, "{\"status\": \"ok\", \"cleared\": true}");
    return true;
}

/* routes.h - the answers that need no generation, one function for each endpoint, by file.
 * SPDX-License-Identifier: MIT */
#ifndef API_ROUTES_H
#define API_ROUTES_H

#include "api/route.h"

/* route_models.c */
route_fn route_models, route_model, route_lmstudio_models, route_lmstudio_model;
/* route_status.c */
route_fn route_health, route_ready, route_metrics, route_version, route_page, route_nothing, route_embeddings;
/* route_text.c */
route_fn route_tokenize, route_detokenize, route_apply_template, route_count_tokens, route_input_tokens;
/* route_cache.c */
route_fn route_cache, route_cache_clear;

#endif

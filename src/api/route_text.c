/* route_text.c - what the model would see: tokens of a text, text of tokens, a rendered conversation, and their counts.
 * SPDX-License-Identifier: MIT */
#include <time.h>

#include "api/body_scan.h"
#include "api/prompt.h"
#include "api/read.h"
#include "api/routes.h"
#include "api/service_state.h"
#include "base/utf8.h"
#include "format/json.h"

enum { VALUES_MAX = 1000000 };

static bool failed(struct api_error *x, const struct err *e, const char *param)
{
    api_error_from(x, e, param);
    return false;
}

/* Reads and renders a conversation as a generation would. Both are to be deinitialised whatever comes. */
static bool render(struct service *s, const struct exchange_head *h, enum api_dialect d, struct str body,
                   struct api_request *r, struct prompt *p, struct api_error *x)
{
    struct err e = ERR_INIT;
    const struct prompt_opts o = { .replay = s->replay, .key_id = h->key_id, .now = (int64_t)time(NULL) };
    const struct api_defaults def = service_defaults(s, h->key_id);
    *p = (struct prompt){ 0 };
    if (read_request(r, d, body, &def, x) || !service_knows_model(s, r->model, x))
        return false;
    if (prompt_build(p, s->prompts, r, &o, &e))
        return failed(x, &e, d == API_RESPONSES ? "input" : "messages");
    return true;
}

static bool count(struct service *s, const struct exchange_head *h, enum api_dialect d, struct str body,
                  const char *before, struct reply *out, struct api_error *x)
{
    struct api_request r;
    struct prompt p;
    bool ok = render(s, h, d, body, &r, &p, x);
    if (ok)
        buf_printf(&out->body, "{%s\"input_tokens\": %zu}", before, p.ids.n);
    prompt_deinit(&p);
    api_request_deinit(&r);
    return ok;
}

bool route_count_tokens(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                        struct reply *out, struct api_error *x)
{
    (void)rest;
    return count(s, h, API_MESSAGES, body, "", out, x);
}

bool route_input_tokens(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                        struct reply *out, struct api_error *x)
{
    (void)rest;
    return count(s, h, API_RESPONSES, body, "\"object\": \"response.input_tokens\", ", out, x);
}

bool route_apply_template(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                          struct reply *out, struct api_error *x)
{
    struct api_request r;
    struct prompt p;
    (void)rest;
    bool ok = render(s, h, API_CHAT, body, &r, &p, x);
    if (ok) {
        buf_z(&out->body, "{\"prompt\": ");
        json_write_str(&out->body, buf_view(&p.text.text));
        buf_char(&out->body, '}');
    }
    prompt_deinit(&p);
    api_request_deinit(&r);
    return ok;
}

/* --- tokens --------------------------------------------------------------------------------------------------------------------------- */

static bool parse(struct json **j, struct str body, struct api_error *x)
{
    struct err e = ERR_INIT;
    struct body_scan scan;
    if (body_scan(&scan, body, VALUES_MAX, &e) || json_parse(j, body, "body", &body_limits, &e))
        return failed(x, &e, NULL);
    if (json_type(*j) == JSON_OBJECT)
        return true;
    json_expected(*j, NULL, "an object", &e);
    return failed(x, &e, NULL);
}

/* A token may be part of a character: a list of its bytes then. */
static void write_piece(struct buf *out, struct str bytes)
{
    if (utf8_valid(bytes)) {
        json_write_str(out, bytes);
        return;
    }
    buf_char(out, '[');
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(out, i ? ", %d" : "%d", (unsigned char)bytes.p[i]);
    buf_char(out, ']');
}

static void write_ids(struct buf *out, const struct tokenizer *tok, const struct ids *ids, bool pieces)
{
    for (size_t i = 0; i < ids->n; i++) {
        if (i)
            buf_z(out, ", ");
        if (!pieces) {
            buf_printf(out, "%d", (int)ids->v[i]);
            continue;
        }
        buf_printf(out, "{\"id\": %d, \"piece\": ", (int)ids->v[i]);
        write_piece(out, tokenizer_bytes(tok, ids->v[i]));
        buf_char(out, '}');
    }
}

static void write_tokens(struct service *s, const struct ids *ids, bool pieces, bool strs, struct buf *out)
{
    buf_printf(out, "{\"count\": %zu, \"max_model_len\": %zu, \"tokens\": [", ids->n, s->context);
    write_ids(out, s->o.tok, ids, pieces);
    buf_char(out, ']');
    if (strs) {
        buf_z(out, ", \"token_strs\": [");
        for (size_t i = 0; i < ids->n; i++) {
            buf_z(out, i ? ", " : "");
            json_write_str(out, tokenizer_bytes(s->o.tok, ids->v[i]));
        }
        buf_char(out, ']');
    }
    buf_char(out, '}');
}

static bool read_flag(const struct json *j, const char *key, bool *out, struct api_error *x)
{
    struct err e = ERR_INIT;
    return !json_opt_bool(j, key, out, &e) || failed(x, &e, key);
}

static bool tokenize_text(struct service *s, const struct json *j, struct ids *ids, struct api_error *x)
{
    struct err e = ERR_INIT;
    struct str text = { 0 };
    bool special = true;
    const char *key = json_get(j, "content") ? "content" : "prompt";
    if (json_req_str(j, key, &text, &e))
        return failed(x, &e, key);
    if (!read_flag(j, "parse_special", &special, x))
        return false;
    if (tokenizer_encode(s->o.tok, text, special ? TOKENIZER_ADDED_ALL : TOKENIZER_ADDED_NONE, ids, &e))
        return failed(x, &e, key);
    return true;
}

static bool tokenize_chat(struct service *s, const struct exchange_head *h, struct str body, struct ids *ids,
                          struct api_error *x)
{
    struct api_request r;
    struct prompt p;
    bool ok = render(s, h, API_CHAT, body, &r, &p, x);
    if (ok)
        ids_append(ids, p.ids.v, p.ids.n);
    prompt_deinit(&p);
    api_request_deinit(&r);
    return ok;
}

bool route_tokenize(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                    struct reply *out, struct api_error *x)
{
    struct json *j = NULL;
    struct ids ids = { 0 };
    bool pieces = false, strs = false;
    (void)rest;
    bool ok =
        parse(&j, body, x) && read_flag(j, "with_pieces", &pieces, x) && read_flag(j, "return_token_strs", &strs, x);
    if (ok)
        ok = json_get(j, "messages") ? tokenize_chat(s, h, body, &ids, x) : tokenize_text(s, j, &ids, x);
    if (ok)
        write_tokens(s, &ids, pieces, strs, &out->body);
    ids_deinit(&ids);
    json_free(j);
    return ok;
}

static bool read_ids(struct service *s, const struct json *j, struct ids *ids, struct api_error *x)
{
    struct err e = ERR_INIT;
    const struct json *a = NULL;
    int64_t id;
    if (json_req_array(j, "tokens", &a, &e))
        return failed(x, &e, "tokens");
    for (size_t i = 0; i < json_len(a); i++) {
        if (!json_i64(json_at(a, i), &id) || id < 0 || id >= tokenizer_size(s->o.tok)) {
            json_expected_at(a, i, "a token id of this vocabulary", &e);
            return failed(x, &e, "tokens");
        }
        ids_add(ids, (int32_t)id);
    }
    return true;
}

bool route_detokenize(struct service *s, const struct exchange_head *h, struct str rest, struct str body,
                      struct reply *out, struct api_error *x)
{
    struct json *j = NULL;
    struct ids ids = { 0 };
    struct buf text = { 0 };
    (void)h, (void)rest;
    bool ok = parse(&j, body, x) && read_ids(s, j, &ids, x);
    if (ok) {
        tokenizer_decode(s->o.tok, ids.v, ids.n, false, &text);
        buf_z(&out->body, "{\"content\": ");
        json_write_str(&out->body, buf_view(&text));
        buf_z(&out->body, ", \"prompt\": ");
        json_write_str(&out->body, buf_view(&text));
        buf_char(&out->body, '}');
    }
    buf_deinit(&text);
    ids_deinit(&ids);
    json_free(j);
    return ok;
}

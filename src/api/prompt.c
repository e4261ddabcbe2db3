/* prompt.c - prompts: what a template can do, messages made fit for it, ids with remembered answers in their places.
 * SPDX-License-Identifier: MIT */
#include "api/prompt.h"

#include <string.h>

#include "base/mem.h"
#include "format/json.h"

/* The begin and the end of an answer in a rendered history, found by rendering a small one. */
struct turn_form {
    struct buf header; /* owned: "<|im_start|>assistant\n"; it begins with an added token. Empty: not known */
    size_t n_head;     /* bytes of that added token */
    struct buf end;    /* owned: the added token that ends an answer */
    int32_t end_id;
};

struct prompt_maker {
    const struct chat *chat;     /* borrowed */
    const struct tokenizer *tok; /* borrowed */
    struct turn_form form;
    int32_t fim[3];       /* prefix, suffix, middle; -1: not in the vocabulary */
    bool developer_role;  /* the template has turns of that role */
    bool system_first;    /* it takes a system turn at the beginning */
    bool system_anywhere; /* and elsewhere, in its place */
    bool user_twice;      /* two turns of the user in a row */
};

/* --- what a template does --- */

/* Appends the rendering of messages in JSON text; false if the template refuses them. */
static bool probe(const struct chat *chat, const char *messages, bool go_on, struct marked *out)
{
    struct buf text = { 0 };
    struct json *vars = NULL;
    marked_reset(out);
    buf_printf(&text, "{\"messages\": %s, \"add_generation_prompt\": %s}", messages, go_on ? "true" : "false");
    bool ok = json_parse(&vars, buf_view(&text), "probe", NULL, NULL) == 0 &&
              chat_render(chat, vars, 0, out, NULL) == 0 && !out->text.failed;
    json_free(vars);
    buf_deinit(&text);
    return ok;
}

/* Both are there, the first before the second. */
static bool in_order(const struct marked *m, const char *first, const char *second)
{
    ptrdiff_t a = str_find(buf_view(&m->text), str_from(first)), b = str_find(buf_view(&m->text), str_from(second));
    return a >= 0 && b > a;
}

/* The bytes between two words of the text; false if they are not there. */
static bool between(const struct marked *m, const char *first, const char *second, struct str *out)
{
    struct str text = buf_view(&m->text);
    ptrdiff_t a = str_find(text, str_from(first));
    if (a < 0)
        return false;
    *out = str_sub(text, (size_t)a + strlen(first), text.n);
    if (!*second)
        return true;
    ptrdiff_t b = str_find(*out, str_from(second));
    *out = str_sub(*out, 0, b < 0 ? 0 : (size_t)b);
    return b >= 0;
}

/* The added token with which text begins; empty if it does with another. */
static struct str leading_added(const struct tokenizer *tok, struct str text, int32_t *id)
{
    struct ids ids = { 0 };
    struct str out = { 0 };
    if (tokenizer_encode(tok, text, TOKENIZER_ADDED_ALL, &ids, NULL) == 0 && ids.n &&
        tokenizer_is_added(tok, ids.v[0])) {
        out = tokenizer_bytes(tok, ids.v[0]);
        *id = ids.v[0];
    }
    ids_deinit(&ids);
    return str_starts(text, out) ? out : (struct str){ 0 };
}

static size_t common_prefix(struct str a, struct str b)
{
    size_t n = 0;
    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

/* A header is what a history and a generation prompt put before an answer, behind the end of the user's turn. */
static void find_form(struct prompt_maker *m)
{
    static const char one[] = "[{\"role\": \"user\", \"content\": \"Uq1\"}]";
    static const char three[] = "[{\"role\": \"user\", \"content\": \"Uq1\"}, {\"role\": \"assistant\", \"content\": "
                                "\"Aq2\"}, {\"role\": \"user\", \"content\": \"Uq3\"}]";
    struct marked closed = { 0 }, open = { 0 }, history = { 0 };
    struct str user_end, tail, before, after;
    if (probe(m->chat, one, false, &closed) && probe(m->chat, one, true, &open) &&
        probe(m->chat, three, false, &history) && between(&closed, "Uq1", "", &user_end) &&
        between(&open, "Uq1", "", &tail) && between(&history, "Uq1", "Aq2", &before) &&
        between(&history, "Aq2", "Uq3", &after) && str_starts(tail, user_end) && str_starts(before, user_end)) {
        struct str header = str_sub(before, user_end.n, common_prefix(tail, before));
        int32_t id;
        struct str head = leading_added(m->tok, header, &id), end = leading_added(m->tok, after, &m->form.end_id);
        if (head.n && end.n) {
            m->form.n_head = head.n;
            buf_str(&m->form.header, header);
            buf_str(&m->form.end, end);
        }
    }
    marked_deinit(&closed);
    marked_deinit(&open);
    marked_deinit(&history);
}

/* A template knows a role if it treats it in another way than one that nobody knows. */
static bool knows_developer(const struct chat *chat)
{
    static const char developer[] = "[{\"role\": \"developer\", \"content\": \"Dq1\"}, {\"role\": \"user\", "
                                    "\"content\": \"Uq2\"}]";
    static const char unknown[] = "[{\"role\": \"devqloqqr\", \"content\": \"Dq1\"}, {\"role\": \"user\", "
                                  "\"content\": \"Uq2\"}]";
    struct marked a = { 0 }, b = { 0 };
    bool known = probe(chat, developer, false, &a) && in_order(&a, "Dq1", "Uq2");
    if (known && probe(chat, unknown, false, &b)) {
        ptrdiff_t at = str_find(buf_view(&b.text), STR("devqloqqr"));
        if (at >= 0)
            memcpy(b.text.p + at, "developer", 9);
        known = !str_eq(buf_view(&a.text), buf_view(&b.text));
    }
    marked_deinit(&a);
    marked_deinit(&b);
    return known;
}

static void find_roles(struct prompt_maker *m)
{
    struct marked out = { 0 };
    m->developer_role = knows_developer(m->chat);
    m->system_first = probe(m->chat,
                            "[{\"role\": \"system\", \"content\": \"Sq1\"}, {\"role\": \"user\", \"content\": "
                            "\"Uq2\"}]",
                            true, &out) &&
                      in_order(&out, "Sq1", "Uq2");
    m->user_twice =
        probe(m->chat, "[{\"role\": \"user\", \"content\": \"Uq1\"}, {\"role\": \"user\", \"content\": \"Uq2\"}]", true,
              &out) &&
        in_order(&out, "Uq1", "Uq2");
    m->system_anywhere =
        probe(m->chat,
              "[{\"role\": \"system\", \"content\": \"Sq1\"}, {\"role\": \"user\", \"content\": \"Uq2\"}, {\"role\": "
              "\"system\", \"content\": \"Sq3\"}, {\"role\": \"assistant\", \"content\": \"Aq4\"}, {\"role\": "
              "\"user\", \"content\": \"Uq5\"}]",
              true, &out) &&
        in_order(&out, "Sq1", "Uq2") && in_order(&out, "Uq2", "Sq3") && in_order(&out, "Sq3", "Aq4");
    marked_deinit(&out);
}

static int32_t find_either(const struct tokenizer *tok, const char *a, const char *b)
{
    int32_t id = tokenizer_find_added(tok, str_from(a));
    return id >= 0 ? id : tokenizer_find_added(tok, str_from(b));
}

struct prompt_maker *prompt_maker_new(const struct chat *chat, const struct tokenizer *tok)
{
    struct prompt_maker *m = xcalloc(1, sizeof *m);
    m->chat = chat;
    m->tok = tok;
    m->fim[0] = find_either(tok, "<|fim_prefix|>", "<fim_prefix>");
    m->fim[1] = find_either(tok, "<|fim_suffix|>", "<fim_suffix>");
    m->fim[2] = find_either(tok, "<|fim_middle|>", "<fim_middle>");
    if (chat_has_template(chat)) {
        find_form(m);
        find_roles(m);
    }
    return m;
}

void prompt_maker_free(struct prompt_maker *m)
{
    if (!m)
        return;
    buf_deinit(&m->form.header);
    buf_deinit(&m->form.end);
    mem_free(m);
}

void prompt_maker_defaults(const struct prompt_maker *m, struct api_defaults *def)
{
    def->n_vocab = tokenizer_size(m->tok);
    def->has_fim = m->fim[0] >= 0 && m->fim[1] >= 0 && m->fim[2] >= 0;
    def->developer_role = m->developer_role;
}

void prompt_deinit(struct prompt *p)
{
    ids_deinit(&p->ids);
    marked_deinit(&p->text);
    *p = (struct prompt){ 0 };
}

/* --- messages fit for the template --- */

/* The messages that are rendered: those of the request, or stand-ins. */
struct shown {
    const struct json **v; /* owned array */
    size_t n;
    struct json **made; /* owned, with its documents: stand-ins */
    size_t n_made;
};

static void shown_deinit(struct shown *s)
{
    for (size_t i = 0; i < s->n_made; i++)
        json_free(s->made[i]);
    mem_free(s->made);
    mem_free(s->v);
}

static bool has_role(const struct json *message, const char *role)
{
    return str_eqz(json_str(json_get(message, "role")), role);
}

/* A user's turn of one or two texts. */
static int make_user(struct shown *s, struct str a, struct str b, const struct json **out, struct err *e)
{
    struct buf text = { 0 }, content = { 0 };
    buf_str(&content, a);
    if (b.n)
        buf_z(&content, a.n ? "\n\n" : "");
    buf_str(&content, b);
    buf_z(&text, "{\"role\": \"user\", \"content\": ");
    json_write_str(&text, buf_view(&content));
    buf_char(&text, '}');
    int rc = json_parse(&s->made[s->n_made], buf_view(&text), "message", NULL, e);
    if (rc == 0)
        *out = s->made[s->n_made++];
    buf_deinit(&content);
    buf_deinit(&text);
    return rc;
}

/* Appends one message as the template can take it: a system turn where it takes none is a turn of the user in that place, and turns of the user that may not follow each
 * other are one. */
static int show(const struct prompt_maker *m, struct shown *s, const struct json *message, struct err *e)
{
    bool user = has_role(message, "user");
    if (has_role(message, "system") && !(s->n ? m->system_anywhere : m->system_first))
        user = true;
    const struct json *last = s->n ? s->v[s->n - 1] : NULL;
    struct str text = json_str(json_get(message, "content"));
    if (user && last && has_role(last, "user") && !m->user_twice)
        return make_user(s, json_str(json_get(last, "content")), text, &s->v[s->n - 1], e);
    s->v[s->n++] = message;
    if (user && !has_role(message, "user"))
        return make_user(s, text, STR(""), &s->v[s->n - 1], e);
    return 0;
}

static int show_all(const struct prompt_maker *m, const struct api_request *r, struct shown *s, struct err *e)
{
    size_t n = json_len(r->messages) - (r->prefill ? 1 : 0);
    s->v = mem_try_calloc(n + 1, sizeof(struct json *));
    s->made = mem_try_calloc(n + 1, sizeof(struct json *));
    if (!s->v || !s->made)
        return err_set(e, ERR_NOMEM, "messages: no memory for %zu messages", n);
    for (size_t i = 0; i < n; i++) {
        int rc = show(m, s, json_at(r->messages, i), e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- rendering --- */

/* Variables that a request may not set by chat_template_kwargs. */
static bool is_ours(struct str key)
{
    return str_eqz(key, "messages") || str_eqz(key, "tools") || str_eqz(key, "add_generation_prompt");
}

/* *flags is a document that the variables borrow from. */
static struct json *template_vars(const struct api_request *r, const struct json *messages, struct json **flags)
{
    size_t n = 0;
    struct json_iter it;
    struct json_member *v = xcalloc(json_len(r->template_vars) + 4, sizeof *v);
    if (json_parse(flags, STR("{\"yes\": true, \"no\": false}"), "flags", NULL, NULL) != 0)
        *flags = NULL;
    if (!r->thinking)
        v[n++] = (struct json_member){ "enable_thinking", json_get(*flags, "no") };
    for (bool more = r->template_vars && json_first(&it, r->template_vars); more; more = json_next(&it))
        if (!is_ours(it.key))
            v[n++] = (struct json_member){ it.key.p, it.value };
    v[n++] = (struct json_member){ "messages", messages };
    if (r->shown_tools)
        v[n++] = (struct json_member){ "tools", r->shown_tools };
    v[n++] = (struct json_member){ "add_generation_prompt", json_get(*flags, "yes") };
    struct json *vars = json_join_object(v, n);
    mem_free(v);
    return vars;
}

static int render(const struct prompt_maker *m, const struct api_request *r, const struct shown *s, int64_t now,
                  struct marked *out, struct err *e)
{
    struct json *flags = NULL, *messages = json_join_array(s->v, s->n);
    struct json *vars = messages ? template_vars(r, messages, &flags) : NULL;
    int rc = vars ? chat_render(m->chat, vars, now, out, e) : err_set(e, ERR_NOMEM, "messages: no memory to render");
    if (rc == 0)
        rc = buf_check(&out->text, "the rendered prompt", e);
    json_free(vars);
    json_free(messages);
    json_free(flags);
    return rc;
}

/* Where the template's own text behind the last value begins. */
static size_t own_tail(const struct marked *m)
{
    return m->n_span ? m->spans[m->n_span - 1].to : 0;
}

static ptrdiff_t find_last(struct str s, struct str what)
{
    ptrdiff_t last = -1;
    for (size_t from = 0; from < s.n;) {
        ptrdiff_t at = str_find(str_sub(s, from, s.n), what);
        if (at < 0)
            break;
        last = (ptrdiff_t)from + at;
        from = (size_t)last + 1;
    }
    return last;
}

/* The text ends with <think> and white space, in the template's own words. */
static bool ends_in_think(const struct marked *m)
{
    static const struct str open = { "<think>", 7 };
    struct str tail = str_sub(buf_view(&m->text), own_tail(m), m->text.n);
    ptrdiff_t at = find_last(tail, open);
    return at >= 0 && str_trim(str_sub(tail, (size_t)at + open.n, tail.n)).n == 0;
}

/* The answer goes on behind what the last message holds of it. */
static void add_prefill(const struct json *message, struct prompt *p)
{
    const struct json *reasoning = json_get(message, "reasoning_content");
    struct str text = json_str(json_get(message, "content"));
    if (p->opens_think && text.n) {
        marked_add(&p->text, reasoning ? json_str(reasoning) : STR(""), true);
        marked_add(&p->text, STR("\n</think>\n\n"), false);
        p->opens_think = false;
    } else if (p->opens_think && reasoning) {
        marked_add(&p->text, json_str(reasoning), true);
    }
    marked_add(&p->text, text, true);
}

/* --- ids --- */

struct encoding {
    const struct prompt_maker *m;
    const struct prompt_opts *o;
    struct prompt *p;
    size_t done; /* bytes of the text that are in the ids, or have stand-ins there */
    size_t span; /* spans that end before them */
};

/* Encodes the text up to `to`, and goes on at `next`. */
static int encode_up_to(struct encoding *x, size_t to, size_t next, struct err *e)
{
    struct marked part = { 0 };
    const struct marked *m = &x->p->text;
    struct str all = buf_view(&m->text);
    size_t at = x->done;
    for (; x->span < m->n_span && m->spans[x->span].from < to; x->span++) {
        size_t a = MAX(m->spans[x->span].from, at), b = MIN(m->spans[x->span].to, to);
        if (a < b) {
            marked_add(&part, str_sub(all, at, a), false);
            marked_add(&part, str_sub(all, a, b), true);
            at = b;
        }
        if (m->spans[x->span].to > to)
            break;
    }
    marked_add(&part, str_sub(all, at, to), false);
    int rc = buf_check(&part.text, "the rendered prompt", e);
    if (rc == 0)
        rc = tokenizer_encode_marked(x->m->tok, &part, &x->p->ids, e);
    marked_deinit(&part);
    x->done = next;
    return rc;
}

/* An answer in the rendered text: the bytes behind its header up to its end token. */
struct place {
    size_t from, to;
};

/* Where the template itself wrote `what` next, from `at` on; its first n_own bytes are no value's. *span moves on with it. */
static bool find_own(const struct marked *m, struct str what, size_t n_own, size_t at, size_t *span, size_t *out)
{
    struct str all = buf_view(&m->text);
    for (;;) {
        ptrdiff_t next = str_find(str_sub(all, at, all.n), what);
        if (next < 0)
            return false;
        at += (size_t)next;
        while (*span < m->n_span && m->spans[*span].to <= at)
            ++*span;
        if (*span == m->n_span || m->spans[*span].from >= at + n_own) {
            *out = at;
            return true;
        }
        at++;
    }
}

/* The places of n answers; false if headers and answers do not pair. *tail: what the generation prompt has behind its header. */
static bool find_places(const struct turn_form *f, const struct marked *m, struct place *v, size_t n, struct str *tail)
{
    size_t span = 0, at = 0;
    struct str header = buf_view(&f->header), end = buf_view(&f->end);
    for (size_t i = 0; i < n; i++) {
        size_t begin;
        if (!find_own(m, header, f->n_head, at, &span, &begin))
            return false;
        v[i].from = begin + header.n;
        if (!find_own(m, end, end.n, v[i].from, &span, &v[i].to))
            return false;
        at = v[i].to;
    }
    size_t begin, more;
    if (!find_own(m, header, f->n_head, at, &span, &begin))
        return false;
    *tail = str_sub(buf_view(&m->text), begin + header.n, m->text.n);
    return !find_own(m, header, f->n_head, begin + header.n, &span, &more);
}

/* The place is that of this message: text and names of calls are there. */
static bool shows(struct str rendered, const struct json *message)
{
    const struct json *calls = json_get(message, "tool_calls");
    bool ok = str_find(rendered, str_trim(json_str(json_get(message, "content")))) >= 0;
    for (size_t i = 0; ok && i < json_len(calls); i++)
        ok = str_find(rendered, json_str(json_get(json_get(json_at(calls, i), "function"), "name"))) >= 0;
    return ok;
}

/* Whether sampled ids may stand for a rendering, and from where on: *from moves behind what the generation prompt had put there. */
static bool fits(const struct prompt_maker *m, struct str rendered, struct str tail, const struct json *message,
                 const struct ids *ids, size_t *from)
{
    struct str reasoning = str_trim(json_str(json_get(message, "reasoning_content")));
    if (!shows(rendered, message))
        return false;
    if (reasoning.n && str_find(rendered, reasoning) < 0)
        return false; /* the template leaves it out */
    if (tail.n && str_starts(rendered, tail))
        *from += tail.n;
    else if (str_find(tail, STR("<think>")) >= 0 && str_find(tail, STR("</think>")) < 0)
        return false; /* it was sampled inside <think>, and is not shown there */
    for (size_t i = 0; i < ids->n; i++)
        if (tokenizer_is_special(m->tok, ids->v[i]))
            return false;
    /* What the ids say is the message: else they were sampled with another vocabulary, or inside a <think> that is not shown. */
    struct buf text = { 0 };
    tokenizer_decode(m->tok, ids->v, ids->n, false, &text);
    bool ok = shows(buf_view(&text), message) && str_find(buf_view(&text), reasoning) >= 0;
    if (ok && !reasoning.n)
        ok = str_find(buf_view(&text), STR("</think>")) < 0 || str_find(rendered, STR("</think>")) >= 0;
    buf_deinit(&text);
    return ok;
}

/* Puts the ids of a remembered answer in place of its rendering, if there is one and it fits. */
static int encode_answer(struct encoding *x, const struct json *message, const struct place *place, struct str tail,
                         struct err *e)
{
    struct ids ids = { 0 };
    struct str rendered = str_sub(buf_view(&x->p->text.text), place->from, place->to);
    size_t from = place->from;
    int rc = 0;
    bool found = replay_find(x->o->replay, x->o->key_id, message, &ids);
    if (found && ids.n && tokenizer_is_special(x->m->tok, ids.v[ids.n - 1]))
        ids.n--; /* the end token, which the template writes */
    if (found && fits(x->m, rendered, tail, message, &ids, &from)) {
        rc = encode_up_to(x, from, place->to, e);
        ids_append(&x->p->ids, ids.v, ids.n);
        x->p->n_replayed++;
    }
    ids_deinit(&ids);
    return rc;
}

static int encode_answers(struct encoding *x, const struct shown *s, struct err *e)
{
    const struct turn_form *f = &x->m->form;
    struct str tail;
    size_t n = 0, k = 0;
    int rc = 0;
    for (size_t i = 0; i < s->n; i++)
        n += has_role(s->v[i], "assistant");
    struct place *places = mem_try_calloc(n + 1, sizeof *places);
    if (!places)
        return err_set(e, ERR_NOMEM, "messages: no memory for %zu answers", n);
    if (find_places(f, &x->p->text, places, n, &tail))
        for (size_t i = 0; rc == 0 && i < s->n; i++)
            if (has_role(s->v[i], "assistant"))
                rc = encode_answer(x, s->v[i], &places[k++], tail, e);
    mem_free(places);
    return rc;
}

static int build_chat(struct prompt *out, const struct prompt_maker *m, const struct api_request *r,
                      const struct prompt_opts *o, struct err *e)
{
    struct shown s = { 0 };
    struct encoding x = { m, o, out, 0, 0 };
    int rc = show_all(m, r, &s, e);
    if (rc == 0)
        rc = render(m, r, &s, o->now, &out->text, e);
    if (rc == 0 && o->replay && m->form.header.n)
        rc = encode_answers(&x, &s, e);
    if (rc == 0) {
        out->opens_think = ends_in_think(&out->text);
        if (r->prefill)
            add_prefill(json_at(r->messages, json_len(r->messages) - 1), out);
        rc = encode_up_to(&x, out->text.text.n, out->text.text.n, e);
    }
    shown_deinit(&s);
    return rc;
}

/* --- /v1/completions --- */

static int add_text(struct prompt *out, const struct prompt_maker *m, const struct api_request *r, struct str text,
                    struct err *e)
{
    marked_add(&out->text, text, !r->added_tokens);
    return tokenizer_encode(m->tok, text, r->added_tokens ? TOKENIZER_ADDED_ALL : TOKENIZER_ADDED_NONE, &out->ids, e);
}

static void add_token(struct prompt *out, const struct prompt_maker *m, int32_t id)
{
    marked_add(&out->text, tokenizer_bytes(m->tok, id), false);
    ids_add(&out->ids, id);
}

static int build_completion(struct prompt *out, const struct prompt_maker *m, const struct api_request *r, size_t which,
                            struct err *e)
{
    const struct api_prompt *p = &r->prompt[which];
    if (p->is_ids) {
        ids_append(&out->ids, p->ids.v, p->ids.n);
        return 0;
    }
    if (!r->suffix.n)
        return add_text(out, m, r, p->text, e);
    add_token(out, m, m->fim[0]);
    int rc = add_text(out, m, r, p->text, e);
    add_token(out, m, m->fim[1]);
    if (rc == 0)
        rc = add_text(out, m, r, r->suffix, e);
    add_token(out, m, m->fim[2]);
    return rc;
}

int prompt_build(struct prompt *out, const struct prompt_maker *m, const struct api_request *r,
                 const struct prompt_opts *o, struct err *e)
{
    *out = (struct prompt){ 0 };
    int rc = r->dialect == API_COMPLETIONS ? build_completion(out, m, r, o->which, e) : build_chat(out, m, r, o, e);
    if (rc != 0)
        prompt_deinit(out);
    return rc;
}

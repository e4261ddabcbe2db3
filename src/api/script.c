/* script.c - answers laid down in advance, to test clients with.
 * SPDX-License-Identifier: MIT */
#include "api/script.h"

#include <pthread.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { MOST_BYTES = 64 << 20 };

struct rule {
    struct ids answer;
    struct json *line;         /* owned: what the slices borrow from */
    bool has_tools, tools;     /* whether the request has to declare tools, or must not */
    struct str last, contains; /* empty: any */
    int64_t left;              /* times it may still be given; negative: always */
};

struct script {
    pthread_mutex_t mu; /* guards `left` */
    struct rule *v;     /* owned */
    size_t n, cap;
};

static int read_rule(struct rule *r, const struct tokenizer *tok, struct err *e)
{
    struct str text;
    int64_t times = 0;
    r->has_tools = json_get(r->line, "tools") != NULL;
    if (json_req_str(r->line, "text", &text, e) || json_opt_bool(r->line, "tools", &r->tools, e) ||
        json_opt_str(r->line, "last", &r->last, e) || json_opt_str(r->line, "contains", &r->contains, e) ||
        json_opt_i64(r->line, "times", 0, INT64_MAX, &times, e))
        return e->code;
    r->left = times ? times : -1;
    return tokenizer_encode(tok, text, TOKENIZER_ADDED_ALL, &r->answer, e);
}

static int add_line(struct script *s, struct str line, const char *path, size_t number, const struct tokenizer *tok,
                    struct err *e)
{
    struct buf what = { 0 };
    struct rule r = { 0 };
    buf_printf(&what, "%s, line %zu", path, number);
    int rc = json_parse(&r.line, line, what.p, NULL, e);
    if (!rc)
        rc = read_rule(&r, tok, e);
    buf_deinit(&what);
    if (rc) {
        ids_deinit(&r.answer);
        json_free(r.line);
        return rc;
    }
    if (s->n == s->cap)
        s->v = xrealloc(s->v, (s->cap = s->cap ? 2 * s->cap : 16) * sizeof *s->v);
    s->v[s->n++] = r;
    return 0;
}

int script_open(struct script **out, const char *path, const struct tokenizer *tok, struct err *e)
{
    struct buf text = { .limit = MOST_BYTES };
    *out = NULL;
    if (file_read(&text, path, e))
        return e->code;
    struct script *s = xcalloc(1, sizeof *s);
    pthread_mutex_init(&s->mu, NULL);
    struct str rest = buf_view(&text), line;
    int rc = 0;
    for (size_t number = 1; !rc && rest.n; number++) {
        if (!str_cut(&rest, '\n', &line)) {
            line = rest;
            rest.n = 0;
        }
        if (str_trim(line).n)
            rc = add_line(s, line, path, number, tok, e);
    }
    buf_deinit(&text);
    if (rc)
        script_close(s);
    else
        *out = s;
    return rc;
}

void script_close(struct script *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++) {
        ids_deinit(&s->v[i].answer);
        json_free(s->v[i].line);
    }
    mem_free(s->v);
    pthread_mutex_destroy(&s->mu);
    mem_free(s);
}

static bool fits(const struct rule *r, bool tools, struct str role, struct str text)
{
    return (!r->has_tools || r->tools == tools) && (!r->last.n || str_eq(r->last, role)) &&
           (!r->contains.n || str_find(text, r->contains) >= 0);
}

const struct ids *script_pick(struct script *s, const struct api_request *r)
{
    size_t n = json_len(r->messages);
    const struct json *last = n ? json_at(r->messages, n - 1) : NULL;
    struct str role = json_str(json_get(last, "role")), text = json_str(json_get(last, "content"));
    const struct ids *found = NULL;
    pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < s->n && !found; i++)
        if (s->v[i].left && fits(&s->v[i], r->n_tool > 0, role, text)) {
            s->v[i].left -= s->v[i].left > 0;
            found = &s->v[i].answer;
        }
    pthread_mutex_unlock(&s->mu);
    return found;
}

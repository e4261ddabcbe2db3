/* chat.c - which template a model has, its special tokens, and tool-call arguments as objects.
 * SPDX-License-Identifier: MIT */
#include "text/template/chat.h"

#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { TEMPLATE_BYTES_MAX = 16 << 20 };

struct named_template {
    char *name;          /* owned */
    struct jinja *jinja; /* owned */
};

struct chat {
    char *path;               /* owned; as given */
    struct named_template *v; /* owned; a single template is called "default" */
    size_t n;
    struct json *own; /* owned; the special tokens, an object */
};

static void add_template(struct chat *c, struct str name, struct jinja *jinja)
{
    c->v = xrealloc(c->v, (c->n + 1) * sizeof *c->v);
    c->v[c->n++] = (struct named_template){ xstrndup(name.p, name.n), jinja };
}

static int read_template(struct chat *c, const char *path, struct err *e)
{
    struct buf text = BUF_INIT(TEMPLATE_BYTES_MAX);
    struct jinja *jinja = NULL;
    int rc = file_read(&text, path, e);
    if (rc == 0)
        rc = jinja_parse(&jinja, buf_view(&text), path, e);
    buf_deinit(&text);
    if (rc == 0)
        add_template(c, STR("default"), jinja);
    return rc;
}

static int parse_named(struct chat *c, struct str source, struct str name, const char *path, struct err *e)
{
    struct buf what = { 0 };
    struct jinja *jinja = NULL;
    buf_printf(&what, "%s: chat_template", path);
    if (!str_eqz(name, "default"))
        buf_printf(&what, " '%.*s'", (int)(name.n < 100 ? name.n : 100), name.p);
    int rc = jinja_parse(&jinja, source, what.p, e);
    buf_deinit(&what);
    if (rc == 0)
        add_template(c, name, jinja);
    return rc;
}

/* `chat_template`: a string, or a list of {name, template}. */
static int config_templates(struct chat *c, const struct json *config, const char *path, struct err *e)
{
    const struct json *t = json_get(config, "chat_template");
    if (!t)
        return 0;
    if (json_type(t) == JSON_STRING)
        return parse_named(c, json_str(t), STR("default"), path, e);
    if (json_type(t) != JSON_ARRAY)
        return json_expected(config, "chat_template", "a string or a list", e);
    for (size_t i = 0; i < json_len(t); i++) {
        struct str name, source;
        int rc = json_req_str(json_at(t, i), "name", &name, e);
        if (rc == 0)
            rc = json_req_str(json_at(t, i), "template", &source, e);
        if (rc == 0)
            rc = parse_named(c, source, name, path, e);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The special tokens as an object of strings; config NULL: none. */
static int special_tokens(struct chat *c, const struct json *config, struct err *e)
{
    static const char *const names[] = { "bos_token", "eos_token", "pad_token", "unk_token",
                                         "sep_token", "cls_token", "mask_token" };
    struct buf text = { 0 };
    buf_char(&text, '{');
    for (size_t i = 0; config && i < ARRAY_LEN(names); i++) {
        const struct json *token = json_get(config, names[i]);
        if (json_type(token) == JSON_OBJECT)
            token = json_get(token, "content");
        if (json_type(token) != JSON_STRING)
            continue;
        if (text.n > 1)
            buf_char(&text, ',');
        json_write_str(&text, str_from(names[i]));
        buf_char(&text, ':');
        json_write_str(&text, json_str(token));
    }
    buf_char(&text, '}');
    int rc = json_parse(&c->own, buf_view(&text), "special tokens", &json_limits_default, e);
    buf_deinit(&text);
    return rc;
}

static int open_dir(struct chat *c, const char *dir, struct err *e)
{
    char *template = file_join(dir, "chat_template.jinja"), *config_path = file_join(dir, "tokenizer_config.json");
    struct json *config = NULL;
    int rc = 0;
    if (file_exists(config_path))
        rc = json_read(&config, config_path, &json_limits_default, e);
    if (rc == 0)
        rc = special_tokens(c, config, e);
    if (rc == 0 && file_exists(template))
        rc = read_template(c, template, e);
    else if (rc == 0 && config)
        rc = config_templates(c, config, config_path, e);
    json_free(config);
    mem_free(template);
    mem_free(config_path);
    return rc;
}

int chat_open(struct chat **out, const char *path, struct err *e)
{
    struct chat *c = xcalloc(1, sizeof *c);
    *out = NULL;
    c->path = xstrdup(path);
    int rc;
    if (file_is_dir(path)) {
        rc = open_dir(c, path, e);
    } else {
        rc = special_tokens(c, NULL, e);
        if (rc == 0)
            rc = read_template(c, path, e);
    }
    if (rc != 0)
        chat_close(c);
    else
        *out = c;
    return rc;
}

void chat_close(struct chat *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++) {
        mem_free(c->v[i].name);
        jinja_free(c->v[i].jinja);
    }
    mem_free(c->v);
    json_free(c->own);
    mem_free(c->path);
    mem_free(c);
}

bool chat_has_template(const struct chat *c)
{
    return c->n > 0;
}

static const struct jinja *find_template(const struct chat *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->v[i].name, name) == 0)
            return c->v[i].jinja;
    return NULL;
}

static int choose_template(const struct chat *c, const struct json *vars, const struct jinja **out, struct err *e)
{
    if (c->n == 0)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s: the model has no chat template: neither chat_template.jinja nor `chat_template` in "
                       "tokenizer_config.json",
                       c->path);
    *out = json_get(vars, "tools") ? find_template(c, "tool_use") : NULL;
    if (!*out)
        *out = find_template(c, "default");
    if (*out)
        return 0;
    struct buf names = { 0 };
    for (size_t i = 0; i < c->n; i++)
        buf_printf(&names, "%s\"%s\"", i ? ", " : "", c->v[i].name);
    int rc = err_set(e, ERR_UNSUPPORTED, "%s: of the chat templates %s none is called \"default\"", c->path, names.p);
    buf_deinit(&names);
    return rc;
}

/* Arguments that were strings, parsed. */
struct parsed_args {
    struct jinja_instead *v; /* owned; so is every v[i].instead */
    size_t n, cap;
};

static void parse_args(struct parsed_args *p, const struct json *call)
{
    const struct json *function = json_get(call, "function");
    const struct json *args = json_get(function ? function : call, "arguments");
    struct json *parsed = NULL;
    if (json_type(args) != JSON_STRING || !str_starts(str_trim(json_str(args)), STR("{")))
        return;
    /* What is no JSON stays the string that it is. */
    if (json_parse(&parsed, json_str(args), "arguments", &json_limits_default, NULL) != 0)
        return;
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 16;
        p->v = xrealloc(p->v, p->cap * sizeof *p->v);
    }
    p->v[p->n++] = (struct jinja_instead){ args, parsed };
}

static void parse_all_args(struct parsed_args *p, const struct json *vars)
{
    const struct json *messages = json_get(vars, "messages");
    size_t n = json_type(messages) == JSON_ARRAY ? json_len(messages) : 0;
    for (size_t i = 0; i < n; i++) {
        const struct json *message = json_at(messages, i);
        const struct json *calls = json_type(message) == JSON_OBJECT ? json_get(message, "tool_calls") : NULL;
        size_t n_calls = json_type(calls) == JSON_ARRAY ? json_len(calls) : 0;
        for (size_t k = 0; k < n_calls; k++)
            if (json_type(json_at(calls, k)) == JSON_OBJECT)
                parse_args(p, json_at(calls, k));
    }
}

static void free_args(struct parsed_args *p)
{
    for (size_t i = 0; i < p->n; i++)
        json_free((struct json *)p->v[i].instead); /* made by parse_args */
    mem_free(p->v);
}

int chat_render(const struct chat *c, const struct json *vars, int64_t now, struct marked *out, struct err *e)
{
    const struct jinja *t = NULL;
    struct parsed_args args = { 0 };
    int rc = choose_template(c, vars, &t, e);
    if (rc != 0)
        return rc;
    parse_all_args(&args, vars);
    rc = jinja_render_instead(t, vars, args.v, args.n, c->own, now, &jinja_limits_default, out, e);
    free_args(&args);
    return rc;
}

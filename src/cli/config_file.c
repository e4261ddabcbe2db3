/* config_file.c - a file with values of options.
 * SPDX-License-Identifier: MIT */
#include "cli/config_file.h"

#include <ini.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"

enum { MAX_BYTES = 1 << 20, MAX_LINE = 190, SHOWN = 80 };

struct reader {
    struct config_file *to;
    const char *path, *section;
    struct err *e;
};

static void add(struct config_file *c, const char *key, struct str value, bool bare)
{
    c->v = xrealloc(c->v, (c->n + 1) * sizeof *c->v);
    char *k = xstrdup(key);
    for (char *p = k; *p; p++)
        *p = (char)(*p == '_' ? '-' : *p);
    c->v[c->n++] = (struct config_entry){ k, xstrndup(value.n ? value.p : "", value.n), bare };
}

/* What stands behind a value: nothing but white space and a comment. */
static bool is_rest(struct str s)
{
    s = str_trim(s);
    return !s.n || s.p[0] == '#' || s.p[0] == ';';
}

/* The text in quotes at the start of *s, which moves behind it. False: it does not end. */
static bool quoted(struct str *s, struct buf *out)
{
    char quote = s->p[0];
    for (size_t i = 1; i < s->n; i++) {
        char c = s->p[i];
        if (c == quote) {
            *s = str_sub(*s, i + 1, s->n);
            return true;
        }
        if (c == '\\' && quote == '"' && i + 1 < s->n) {
            c = s->p[++i];
            c = (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c);
        }
        buf_char(out, c);
    }
    return false;
}

/* A value without quotes, up to a comment or one of `ends`. */
static void bare(struct str *s, const char *ends, struct buf *out)
{
    size_t n = 0;
    while (n < s->n && !strchr(ends, s->p[n]) &&
           !(n && (s->p[n] == '#' || s->p[n] == ';') && (s->p[n - 1] == ' ' || s->p[n - 1] == '\t')))
        n++;
    buf_str(out, str_trim(str_sub(*s, 0, n)));
    *s = str_sub(*s, n, s->n);
}

static bool one(struct str *s, const char *ends, struct buf *out)
{
    buf_reset(out);
    if (s->n && (s->p[0] == '"' || s->p[0] == '\''))
        return quoted(s, out);
    bare(s, ends, out);
    return true;
}

static bool list(struct reader *r, const char *key, struct str s, struct buf *word)
{
    s = str_trim(str_sub(s, 1, s.n));
    while (s.n && s.p[0] != ']') {
        if (!one(&s, ",]", word))
            return false;
        add(r->to, key, buf_view(word), false);
        s = str_trim(s);
        if (s.n && s.p[0] == ',')
            s = str_trim(str_sub(s, 1, s.n));
        else if (s.n && s.p[0] != ']')
            return false;
    }
    return s.n && is_rest(str_sub(s, 1, s.n));
}

static int on_entry(void *arg, const char *section, const char *name, const char *value)
{
    struct reader *r = arg;
    struct str s = str_trim(str_from(value));
    struct buf word = { 0 };
    bool ok;
    if (section[0] && strcmp(section, r->section) != 0)
        return 1;
    if (s.n && s.p[0] == '[') {
        ok = list(r, name, s, &word);
    } else {
        bool plain = !s.n || (s.p[0] != '"' && s.p[0] != '\'');
        ok = one(&s, "", &word) && is_rest(s);
        if (ok)
            add(r->to, name, buf_view(&word), plain);
    }
    buf_deinit(&word);
    if (!ok)
        err_set(r->e, ERR_FORMAT, "%s: %s: found \"%.*s\", expected a value, \"a value\" or [\"some\", \"values\"]",
                r->path, name, SHOWN, value);
    return ok;
}

int config_file_parse(struct config_file *c, struct str text, const char *path, const char *section, struct err *e)
{
    struct reader r = { c, path, section, e };
    struct str rest = text, line;
    for (int i = 1; rest.n; i++) {
        if (!str_cut(&rest, '\n', &line)) {
            line = rest;
            rest.n = 0;
        }
        if (line.n > MAX_LINE)
            return err_set(e, ERR_FORMAT, "%s: line %d has %zu bytes, more than %d", path, i, line.n, (int)MAX_LINE);
    }
    char *z = xstrndup(text.n ? text.p : "", text.n);
    int at = ini_parse_string(z, on_entry, &r);
    mem_free(z);
    if (at && !(e && e->code))
        err_set(e, ERR_FORMAT, "%s: line %d: expected NAME = VALUE, [SECTION] or a comment", path, at);
    return at ? ERR_FORMAT : 0;
}

int config_file_read(struct config_file *c, const char *path, const char *section, struct err *e)
{
    struct buf text = BUF_INIT(MAX_BYTES);
    int rc = file_read(&text, path, e);
    if (!rc)
        rc = config_file_parse(c, buf_view(&text), path, section, e);
    buf_deinit(&text);
    return rc;
}

void config_file_deinit(struct config_file *c)
{
    for (size_t i = 0; i < c->n; i++) {
        mem_free(c->v[i].key);
        mem_free(c->v[i].value);
    }
    mem_free(c->v);
    *c = (struct config_file){ 0 };
}

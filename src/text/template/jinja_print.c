/* jinja_print.c - str(), repr() and json.dumps.
 * SPDX-License-Identifier: MIT */
#include "text/template/jinja_print.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "format/repr.h"
#include "text/template/jinja_unicode.h"

/* What is being printed counts as one piece: `value` is the origin of every byte. */
struct printer {
    struct jbuild *b;
    bool value;
    const struct jprint_json *json;
    int level;  /* of indentation */
    bool ascii; /* repr() escapes what is not */
};

static void put(struct printer *p, struct str s)
{
    jbuild_bytes(p->b, s, p->value);
}

static void put_z(struct printer *p, const char *z)
{
    put(p, str_from(z));
}

static struct str float_text(struct jrun *r, double x, char out[JPRINT_SCALAR_BYTES])
{
    struct buf text = BUF_INIT(JPRINT_SCALAR_BYTES);
    repr_double(&text, x);
    if (text.failed)
        jrun_fail(r, ERR_NOMEM, "no memory for a number");
    size_t n = MIN(text.n, (size_t)JPRINT_SCALAR_BYTES);
    if (n > 0)
        memcpy(out, text.p, n);
    buf_deinit(&text);
    return (struct str){ out, n };
}

bool jprint_scalar(struct jrun *r, struct jvalue v, char out[JPRINT_SCALAR_BYTES], struct str *text)
{
    switch (v.type) {
    case JTYPE_MISSING:
    case JTYPE_UNDEFINED:
        *text = STR("");
        return true;
    case JTYPE_NONE:
        *text = STR("None");
        return true;
    case JTYPE_BOOL:
        *text = v.u.b ? STR("True") : STR("False");
        return true;
    case JTYPE_INT:
        *text = (struct str){ out, (size_t)snprintf(out, JPRINT_SCALAR_BYTES, "%" PRId64, v.u.i) };
        return true;
    case JTYPE_BIGINT:
        *text = jstring_str(v.u.s);
        return true;
    case JTYPE_FLOAT:
        *text = float_text(r, v.u.f, out);
        return true;
    default:
        return false;
    }
}

static void repr_char(struct printer *p, uint32_t c, uint32_t quote)
{
    char out[16];
    const char *escape = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : c == '\\' ? "\\\\" : NULL;
    if (escape) {
        put_z(p, escape);
    } else if (c == quote) {
        put_z(p, "\\'");
    } else if (junicode_printable(c) && !(p->ascii && c >= 0x80)) {
        jbuild_char(p->b, c, p->value);
    } else {
        snprintf(out, sizeof out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)c);
        put_z(p, out);
    }
}

/* Bytes that repr() leaves as they are are written in one go. */
static void repr_string(struct printer *p, struct str s)
{
    bool single = memchr(s.p, '\'', s.n) != NULL, both = memchr(s.p, '"', s.n) != NULL;
    uint32_t quote = single && !both ? '"' : '\'';
    const char *mark = quote == '"' ? "\"" : "'";
    if (jrun_spend_scan(p->b->r, s.n) != 0)
        return;
    put_z(p, mark);
    size_t at = 0, plain = 0;
    while (at < s.n && p->b->r->code == 0) {
        size_t from = at;
        uint32_t c = junicode_next(s, &at);
        if (c != quote && c != '\\' && junicode_printable(c) && !(p->ascii && c >= 0x80))
            continue;
        put(p, str_sub(s, plain, from));
        repr_char(p, c, quote);
        plain = at;
    }
    put(p, str_sub(s, plain, s.n));
    put_z(p, mark);
}

static void repr(struct printer *p, struct jvalue v);

static void repr_list(struct printer *p, const struct jlist *l, const char *open, const char *close)
{
    put_z(p, open);
    for (size_t i = 0; i < l->n && p->b->r->code == 0; i++) {
        if (i > 0)
            put_z(p, ", ");
        repr(p, l->v[i]);
    }
    put_z(p, close);
}

static void repr_dict(struct printer *p, const struct jdict *d)
{
    put_z(p, "{");
    for (size_t i = 0; i < d->n && p->b->r->code == 0; i++) {
        if (i > 0)
            put_z(p, ", ");
        repr(p, d->v[i].key);
        put_z(p, ": ");
        repr(p, d->v[i].value);
    }
    put_z(p, "}");
}

static void repr_view(struct printer *p, const struct jview *v)
{
    static const char *const names[] = {
        [JVIEW_KEYS] = "dict_keys([",
        [JVIEW_VALUES] = "dict_values([",
        [JVIEW_ITEMS] = "dict_items([",
    };
    put_z(p, names[v->kind]);
    struct jiter it = { .of = { .type = JTYPE_VIEW, .u.view = v } };
    struct jvalue item;
    for (bool first = true; jiter_next(p->b->r, &it, &item); first = false) {
        if (!first)
            put_z(p, ", ");
        repr(p, item);
    }
    put_z(p, "])");
}

static void repr_range(struct printer *p, const struct jrange *g)
{
    char out[96];
    if (g->step == 1)
        snprintf(out, sizeof out, "range(%" PRId64 ", %" PRId64 ")", g->start, g->stop);
    else
        snprintf(out, sizeof out, "range(%" PRId64 ", %" PRId64 ", %" PRId64 ")", g->start, g->stop, g->step);
    put_z(p, out);
}

static void repr_container(struct printer *p, struct jvalue v)
{
    switch (v.type) {
    case JTYPE_LIST:
        repr_list(p, v.u.list, "[", "]");
        break;
    case JTYPE_TUPLE:
        repr_list(p, v.u.list, "(", v.u.list->n == 1 ? ",)" : ")");
        break;
    case JTYPE_DICT:
        repr_dict(p, v.u.dict);
        break;
    case JTYPE_NAMESPACE:
        put_z(p, "<Namespace ");
        repr_dict(p, v.u.dict);
        put_z(p, ">");
        break;
    case JTYPE_VIEW:
        repr_view(p, v.u.view);
        break;
    case JTYPE_RANGE:
        repr_range(p, v.u.range);
        break;
    case JTYPE_MACRO:
        put_z(p, "<Macro ");
        repr_string(p, v.u.macro->name);
        put_z(p, ">");
        break;
    default:
        put_z(p, "<");
        put_z(p, jvalue_type_name(v));
        put_z(p, " object>");
    }
}

static void repr(struct printer *p, struct jvalue v)
{
    struct jrun *r = p->b->r;
    char out[JPRINT_SCALAR_BYTES];
    struct str text;
    if (r->code != 0 || jrun_spend(r, 1) != 0)
        return;
    if (v.type == JTYPE_UNDEFINED) {
        put_z(p, "Undefined");
    } else if (jprint_scalar(p->b->r, v, out, &text)) {
        put(p, text);
    } else if (v.type == JTYPE_STRING) {
        put_z(p, v.u.s->markup ? "Markup(" : "");
        repr_string(p, jstring_str(v.u.s));
        put_z(p, v.u.s->markup ? ")" : "");
    } else if (jrun_enter(r) == 0) {
        repr_container(p, v);
        jrun_leave(r);
    }
}

void jprint_repr(struct jbuild *b, struct jvalue v)
{
    struct printer p = { .b = b, .value = jvalue_any_marked(b->r, v) };
    repr(&p, v);
}

const struct jstring *jprint_repr_string(struct jrun *r, struct jvalue v, bool ascii)
{
    struct jbuild b;
    jbuild_init(&b, r, 0);
    struct printer p = { .b = &b, .value = jvalue_any_marked(r, v), .ascii = ascii };
    repr(&p, v);
    return jbuild_done(&b);
}

void jprint_str(struct jbuild *b, struct jvalue v)
{
    char out[JPRINT_SCALAR_BYTES];
    struct str text;
    if (v.type == JTYPE_STRING)
        jbuild_string(b, v.u.s);
    else if (jprint_scalar(b->r, v, out, &text))
        jbuild_bytes(b, text, v.marked);
    else
        jprint_repr(b, v);
}

const struct jstring *jprint_string(struct jrun *r, struct jvalue v)
{
    if (v.type == JTYPE_STRING)
        return v.u.s;
    struct jbuild b;
    jbuild_init(&b, r, 0);
    jprint_str(&b, v);
    return jbuild_done(&b);
}

/* JSON */

static void json_escape(struct printer *p, uint32_t c)
{
    char out[16];
    const char *escape = c == '"'    ? "\\\""
                         : c == '\\' ? "\\\\"
                         : c == '\n' ? "\\n"
                         : c == '\r' ? "\\r"
                         : c == '\t' ? "\\t"
                         : c == '\f' ? "\\f"
                         : c == '\b' ? "\\b"
                                     : NULL;
    if (!escape) {
        if (c < 0x10000) {
            snprintf(out, sizeof out, "\\u%04x", (unsigned)c);
        } else {
            unsigned high = 0xd800 + ((c - 0x10000) >> 10), low = 0xdc00 + ((c - 0x10000) & 0x3ff);
            snprintf(out, sizeof out, "\\u%04x\\u%04x", high, low);
        }
        escape = out;
    }
    put_z(p, escape);
}

static void json_string(struct printer *p, struct str s)
{
    bool ascii = p->json->ensure_ascii;
    if (jrun_spend_scan(p->b->r, s.n) != 0)
        return;
    put_z(p, "\"");
    size_t at = 0, plain = 0;
    while (at < s.n && p->b->r->code == 0) {
        unsigned char first = (unsigned char)s.p[at];
        if (first >= 0x20 && first != '"' && first != '\\' && (!ascii || first < 0x7f)) {
            at++;
            continue;
        }
        put(p, str_sub(s, plain, at));
        json_escape(p, junicode_next(s, &at));
        plain = at;
    }
    put(p, str_sub(s, plain, s.n));
    put_z(p, "\"");
}

static void json(struct printer *p, struct jvalue v);

static void json_break(struct printer *p)
{
    if (!p->json->multiline)
        return;
    put_z(p, "\n");
    for (int i = 0; i < p->level && p->json->indent; i++)
        put(p, jstring_str(p->json->indent));
}

static void json_float(struct printer *p, double x)
{
    char out[JPRINT_SCALAR_BYTES];
    put(p, isnan(x)   ? STR("NaN")
           : isinf(x) ? (x < 0 ? STR("-Infinity") : STR("Infinity"))
                      : float_text(p->b->r, x, out));
}

static void json_list(struct printer *p, const struct jlist *l)
{
    if (l->n == 0) {
        put_z(p, "[]");
        return;
    }
    put_z(p, "[");
    p->level++;
    for (size_t i = 0; i < l->n && p->b->r->code == 0; i++) {
        if (i > 0)
            put(p, p->json->item_sep);
        json_break(p);
        json(p, l->v[i]);
    }
    p->level--;
    json_break(p);
    put_z(p, "]");
}

static void json_key(struct printer *p, struct jvalue key)
{
    char out[JPRINT_SCALAR_BYTES];
    struct str text;
    switch (key.type) {
    case JTYPE_STRING:
        json_string(p, jstring_str(key.u.s));
        break;
    case JTYPE_NONE:
        put_z(p, "\"null\"");
        break;
    case JTYPE_BOOL:
        put_z(p, key.u.b ? "\"true\"" : "\"false\"");
        break;
    case JTYPE_INT:
    case JTYPE_BIGINT:
        jprint_scalar(p->b->r, key, out, &text);
        put_z(p, "\"");
        put(p, text);
        put_z(p, "\"");
        break;
    case JTYPE_FLOAT:
        put_z(p, "\"");
        json_float(p, key.u.f);
        put_z(p, "\"");
        break;
    default:
        jrun_fail(p->b->r, ERR_FORMAT, "tojson: keys must be str, int, float, bool or None, not %s",
                  jvalue_type_name(key));
    }
}

/* Insertion into a sorted prefix: stable, as Python's sort; the keys of one object are few and mostly in order already. */
static const struct jentry *sorted_entries(struct printer *p, const struct jdict *d)
{
    struct jrun *r = p->b->r;
    struct jentry *v = jrun_alloc(r, d->n, sizeof *v);
    if (!v)
        return NULL;
    for (size_t i = 0; i < d->n; i++) {
        size_t lo = 0, hi = i;
        while (lo < hi) {
            size_t mid = (lo + hi) / 2;
            int c = 0;
            if (jvalue_cmp(r, d->v[i].key, v[mid].key, "<", &c) != 0)
                return NULL;
            if (c < 0)
                hi = mid;
            else
                lo = mid + 1;
        }
        if (jrun_spend(r, (i - lo) / 16) != 0)
            return NULL;
        memmove(v + lo + 1, v + lo, (i - lo) * sizeof *v);
        v[lo] = d->v[i];
    }
    return v;
}

static void json_dict(struct printer *p, const struct jdict *d)
{
    if (d->n == 0) {
        put_z(p, "{}");
        return;
    }
    const struct jentry *v = p->json->sort_keys ? sorted_entries(p, d) : d->v;
    if (!v)
        return;
    put_z(p, "{");
    p->level++;
    for (size_t i = 0; i < d->n && p->b->r->code == 0; i++) {
        if (i > 0)
            put(p, p->json->item_sep);
        json_break(p);
        json_key(p, v[i].key);
        put(p, p->json->key_sep);
        json(p, v[i].value);
    }
    p->level--;
    json_break(p);
    put_z(p, "}");
}

static void json_container(struct printer *p, struct jvalue v)
{
    struct jrun *r = p->b->r;
    if (v.type != JTYPE_DICT && v.type != JTYPE_LIST && v.type != JTYPE_TUPLE) {
        jrun_fail(r, ERR_FORMAT, "tojson: an object of type %s is not JSON serializable", jvalue_type_name(v));
    } else if (jrun_enter(r) == 0) {
        if (v.type == JTYPE_DICT)
            json_dict(p, v.u.dict);
        else
            json_list(p, v.u.list);
        jrun_leave(r);
    }
}

static void json(struct printer *p, struct jvalue v)
{
    char out[JPRINT_SCALAR_BYTES];
    struct str text;
    if (p->b->r->code != 0 || jrun_spend(p->b->r, 1) != 0)
        return;
    switch (v.type) {
    case JTYPE_NONE:
        put_z(p, "null");
        break;
    case JTYPE_BOOL:
        put_z(p, v.u.b ? "true" : "false");
        break;
    case JTYPE_INT:
    case JTYPE_BIGINT:
        jprint_scalar(p->b->r, v, out, &text);
        put(p, text);
        break;
    case JTYPE_FLOAT:
        json_float(p, v.u.f);
        break;
    case JTYPE_STRING:
        json_string(p, jstring_str(v.u.s));
        break;
    default:
        json_container(p, v);
    }
}

void jprint_json(struct jbuild *b, struct jvalue v, const struct jprint_json *o)
{
    struct printer p = { .b = b, .value = o->marked || jvalue_any_marked(b->r, v), .json = o };
    json(&p, v);
}

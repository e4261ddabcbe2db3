/* schema_string.c - strings of a shape as terminals.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_string.h"

#include <string.h>

#include "base/utf8.h"
#include "text/schema/schema_format.h"
#include "text/schema/schema_pattern.h"

enum {
    MAX_COUNTED = 1000,  /* characters that an automaton counts while a pattern is matched */
    MAX_SPELLINGS = 500, /* constants that are matched in every spelling, not only the usual one */
};

bool schema_string_plain(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < 0x20 || text.p[i] > 0x7e || text.p[i] == '"' || text.p[i] == '\\')
            return false;
    return true;
}

/* Appends a regular expression that matches the text and nothing else. */
static void quote(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\x%02x", c);
        else if (c < 0x80 && strchr("^$\\.*+?()[]{}|/", c))
            buf_printf(out, "\\%c", c);
        else
            buf_char(out, (char)c);
    }
}

int schema_string_names(struct schema *s, const struct str *v, size_t n, bool json)
{
    bool plain = true;
    for (size_t i = 0; i < n && plain; i++)
        plain = schema_string_plain(v[i]);
    if (n == 1 && (plain || !json))
        return grammar_build_literal(s->b, v[0]);
    struct buf pattern = { 0 }, spelt = { 0 };
    bool usual = json && !plain && n > MAX_SPELLINGS;
    for (size_t i = 0; i < n; i++) {
        buf_z(&pattern, i ? "|" : "(?:");
        if (usual) {
            buf_reset(&spelt);
            json_write_str(&spelt, v[i]);
            quote(&pattern, str_sub(buf_view(&spelt), 1, spelt.n - 1));
        } else {
            quote(&pattern, v[i]);
        }
    }
    buf_char(&pattern, ')');
    int node = n ? grammar_build_regex(s->b, buf_view(&pattern), json && !plain && !usual) : grammar_build_never(s->b);
    buf_deinit(&pattern);
    buf_deinit(&spelt);
    return node;
}

int schema_string_spelt(struct schema *s, const struct str *v, size_t n, bool json)
{
    struct buf pattern = { 0 };
    for (size_t i = 0; i < n; i++) {
        buf_z(&pattern, i ? "|" : "(?:");
        quote(&pattern, v[i]);
    }
    buf_char(&pattern, ')');
    int node = grammar_build_regex(s->b, buf_view(&pattern), json);
    buf_deinit(&pattern);
    return node;
}

/* The terminal that an atom stands for, without its sign; -1: it says nothing, or is not usable and reported. */
static int atom(struct schema *s, const struct schema_atom *a, bool json)
{
    if (!a->format)
        return schema_pattern_usable(s, a->text, a->at, "pattern") ? grammar_build_search(s->b, a->text, json) : -1;
    struct str pattern = schema_format_pattern(a->text);
    return pattern.n && !a->neg ? grammar_build_regex(s->b, pattern, json) : -1;
}

int schema_string_chars(struct schema *s, const struct schema_string *v, bool json)
{
    size_t counted = v->max == SIZE_MAX ? v->min : v->max;
    bool bounded = !v->finite && (counted > 0 || v->max == 0);
    if (bounded && counted > MAX_COUNTED && (v->n_atoms || v->n_except)) {
        schema_core_drop(s, v->at, v->max == SIZE_MAX ? "minLength" : "maxLength", "too long beside other constraints");
        bounded = false;
    }
    int node = -1;
    if (v->finite)
        node = schema_string_names(s, v->only, v->n_only, json);
    else if (bounded)
        node = grammar_build_chars(s->b, v->min, v->max, json);
    for (size_t i = 0; i < v->n_atoms && schema_core_tick(s); i++) {
        int a = atom(s, &v->atoms[i], json);
        if (a < 0)
            continue;
        if (v->atoms[i].neg)
            node = grammar_build_minus(s->b, node < 0 ? grammar_build_chars(s->b, 0, SIZE_MAX, json) : node, a);
        else
            node = node < 0 ? a : grammar_build_and(s->b, node, a);
    }
    if (node < 0)
        node = grammar_build_chars(s->b, 0, SIZE_MAX, json);
    return v->n_except ? grammar_build_minus(s->b, node, schema_string_spelt(s, v->except, v->n_except, json)) : node;
}

int schema_string_value(struct schema *s, const struct schema_string *v)
{
    const int parts[] = { grammar_build_literal(s->b, STR("\"")), schema_string_chars(s, v, true),
                          grammar_build_literal(s->b, STR("\"")) };
    return grammar_build_seq(s->b, parts, 3);
}

static bool has_name(const struct str *v, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(v[i], name))
            return true;
    return false;
}

bool schema_string_has(struct schema *s, const struct schema_string *v, struct str text)
{
    size_t n = utf8_count(text);
    if (n < v->min || n > v->max || (v->finite && !has_name(v->only, v->n_only, text)) ||
        has_name(v->except, v->n_except, text))
        return false;
    for (size_t i = 0; i < v->n_atoms; i++) {
        const struct schema_atom *a = &v->atoms[i];
        if (a->format || !schema_pattern_usable(s, a->text, a->at, "pattern"))
            continue;
        if (schema_pattern_matches(s, a->text, text) == a->neg)
            return false;
    }
    return true;
}

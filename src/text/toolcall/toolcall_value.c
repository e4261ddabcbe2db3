/* toolcall_value.c - a parameter's text to JSON, directed by the types that its schema allows.
 * SPDX-License-Identifier: MIT */
#include "text/toolcall/toolcall_value.h"

#include <string.h>

#include "base/base.h"
#include "text/toolcall/toolcall_literal.h"

/* What a text may still become, by how it begins. */
enum shape { LEAD, WORD, NUMBER, BOX, STRING_TO_BE, STRING };

static const unsigned numbers = TOOLCALL_INTEGER | TOOLCALL_NUMBER;

void toolcall_value_begin(struct toolcall_value *v, const struct toolcall_param *p)
{
    buf_reset(&v->held);
    v->param = *p;
    v->word = 0;
    v->blank_after = v->line_feed = false;
    bool text = p->types & TOOLCALL_UNTYPED || !(p->types & ~(unsigned)TOOLCALL_STRING);
    v->shape = text ? STRING_TO_BE : LEAD;
}

void toolcall_value_deinit(struct toolcall_value *v)
{
    buf_deinit(&v->held);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static enum shape shape_at(const struct toolcall_value *v, char c)
{
    unsigned t = v->param.types;
    if ((c == '{' && t & TOOLCALL_OBJECT) || ((c == '[' || c == '(') && t & TOOLCALL_ARRAY))
        return BOX;
    if (((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') && t & numbers)
        return NUMBER;
    return c && strchr("nNtTfF", c) ? WORD : STRING_TO_BE;
}

static bool begins_word(struct str s)
{
    static const char *const words[] = { "null", "none", "true", "false" };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t n = 0;
        while (n < s.n && words[i][n] && (s.p[n] | 0x20) == words[i][n])
            n++;
        if (n == s.n)
            return true;
    }
    return false;
}

/* One more byte; it is in `held` already. */
static void look(struct toolcall_value *v, char c)
{
    if (v->shape == LEAD) {
        if (is_blank(c))
            return;
        v->shape = shape_at(v, c);
        v->word = v->held.n - 1;
    } else if (v->shape == WORD || v->shape == NUMBER) {
        if (is_blank(c))
            v->blank_after = true;
        else if (v->blank_after)
            v->shape = STRING_TO_BE;
        else if (v->shape == NUMBER && !(c && strchr("0123456789+-.eE", c)))
            v->shape = STRING_TO_BE;
        else if (v->shape == WORD && !begins_word(str_sub(buf_view(&v->held), v->word, v->held.n)))
            v->shape = STRING_TO_BE;
    }
}

static void put(struct toolcall_value *v, struct str s, struct str key, struct buf *out)
{
    size_t i = 0;
    for (; i < s.n && v->shape < BOX; i++) {
        buf_char(&v->held, s.p[i]);
        look(v, s.p[i]);
    }
    s = str_sub(s, i, s.n);
    if (v->shape == BOX)
        buf_str(&v->held, s);
    if (v->shape == STRING_TO_BE) {
        buf_str(out, key);
        buf_char(out, '"');
        toolcall_literal_escape(out, buf_view(&v->held));
        v->shape = STRING;
    }
    if (v->shape == STRING)
        toolcall_literal_escape(out, s);
}

void toolcall_value_put(struct toolcall_value *v, struct str text, struct str key, struct buf *out)
{
    if (v->line_feed && text.n)
        put(v, STR("\n"), key, out);
    if (text.n)
        v->line_feed = text.p[text.n - 1] == '\n';
    put(v, str_sub(text, 0, text.n - (v->line_feed && text.n)), key, out);
}

static bool is_word(struct str s, const char *word)
{
    return s.n == strlen(word) && begins_word(s) && (s.p[0] | 0x20) == word[0] && (s.p[1] | 0x20) == word[1];
}

static bool convert_word(const struct toolcall_value *v, struct str s, struct buf *out)
{
    unsigned t = v->param.types;
    bool null = is_word(s, "null") || (is_word(s, "none") && !(t & TOOLCALL_STRING));
    bool boolean = t & TOOLCALL_BOOL && (is_word(s, "true") || is_word(s, "false"));
    if (null)
        buf_z(out, "null");
    else if (boolean)
        buf_z(out, is_word(s, "true") ? "true" : "false");
    return null || boolean;
}

static bool convert_number(const struct toolcall_value *v, struct str s, struct buf *out)
{
    bool integral;
    size_t n = out->n;
    if (!(v->param.types & numbers) || !toolcall_literal_number(out, s, &integral))
        return false;
    if (integral || v->param.types & TOOLCALL_NUMBER)
        return true;
    buf_truncate(out, n);
    return false;
}

static bool convert(const struct toolcall_value *v, struct buf *out)
{
    struct str whole = buf_view(&v->held), s = str_trim(whole);
    if (v->param.types & TOOLCALL_STRING && toolcall_schema_lists(&v->param, whole))
        return false;
    switch (v->shape) {
    case WORD:
        return convert_word(v, s, out);
    case NUMBER:
        return convert_number(v, s, out);
    case BOX:
        return toolcall_literal(out, s);
    default:
        return false;
    }
}

void toolcall_value_end(struct toolcall_value *v, struct str key, struct buf *out)
{
    if (v->shape != STRING) {
        buf_str(out, key);
        if (v->shape != STRING_TO_BE && convert(v, out))
            return;
        buf_char(out, '"');
        toolcall_literal_escape(out, buf_view(&v->held));
    }
    buf_char(out, '"');
}

/* custom_input.c - the free text of a custom tool, out of the JSON arguments in which the model wrote it.
 * SPDX-License-Identifier: MIT */
#include "api/custom_input.h"

#include <string.h>

#include "base/utf8.h"

enum { BEFORE, MEMBER, KEY, COLON, VALUE, SKIP, STRING, ESCAPE, HEX, AFTER };

static const char key_name[] = "input";
enum { KEY_BYTES = sizeof(key_name) - 1, NO_MATCH = KEY_BYTES + 1, REPLACEMENT = 0xfffd };

void custom_input_deinit(struct custom_input *c)
{
    buf_deinit(&c->json);
}

static bool is_space(char ch)
{
    return ch == ' ' || ch == '\t' || ch == '\n' || ch == '\r';
}

static void add_code(struct buf *out, uint32_t cp)
{
    char bytes[UTF8_MAX];
    buf_add(out, bytes, (size_t)utf8_encode(bytes, cp));
}

/* A first half without its second. */
static void flush_half(struct custom_input *c, struct buf *out)
{
    if (c->high)
        add_code(out, REPLACEMENT);
    c->high = 0;
}

static void end_hex(struct custom_input *c, struct buf *out)
{
    uint32_t cp = c->code;
    bool low = cp >= 0xdc00 && cp <= 0xdfff;
    c->state = STRING;
    if (c->high && low) {
        add_code(out, 0x10000 + ((c->high - 0xd800) << 10) + (cp - 0xdc00));
        c->high = 0;
        return;
    }
    flush_half(c, out);
    if (cp >= 0xd800 && cp <= 0xdbff)
        c->high = cp;
    else
        add_code(out, low ? REPLACEMENT : cp);
}

static void on_hex(struct custom_input *c, char ch, struct buf *out)
{
    uint32_t digit = ch >= '0' && ch <= '9'   ? (uint32_t)(ch - '0')
                     : ch >= 'a' && ch <= 'f' ? (uint32_t)(ch - 'a' + 10)
                     : ch >= 'A' && ch <= 'F' ? (uint32_t)(ch - 'A' + 10)
                                              : 0;
    c->code = c->code << 4 | digit;
    if (--c->n_hex == 0)
        end_hex(c, out);
}

static void on_escape(struct custom_input *c, char ch, struct buf *out)
{
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    if (ch == 'u') {
        c->state = HEX;
        c->n_hex = 4;
        c->code = 0;
        return;
    }
    flush_half(c, out);
    const char *at = ch ? strchr(names, ch) : NULL;
    buf_char(out, at ? bytes[at - names] : ch);
    c->state = STRING;
}

static void on_string(struct custom_input *c, char ch, struct buf *out)
{
    if (ch == '\\') {
        c->state = ESCAPE;
        return;
    }
    flush_half(c, out);
    if (ch == '"')
        c->state = AFTER;
    else
        buf_char(out, ch);
}

static void on_key(struct custom_input *c, char ch)
{
    if (ch == '"' && !c->escaped) {
        c->state = COLON;
        return;
    }
    c->escaped = ch == '\\' && !c->escaped;
    c->n_key = c->n_key < KEY_BYTES && ch == key_name[c->n_key] ? c->n_key + 1 : NO_MATCH;
}

/* Inside a value that is not the text. */
static void on_skip(struct custom_input *c, char ch)
{
    if (c->in_string) {
        c->in_string = ch != '"' || c->escaped;
        c->escaped = ch == '\\' && !c->escaped;
    } else if (ch == '"') {
        c->in_string = true;
        c->escaped = false;
    } else if (ch == '{' || ch == '[') {
        c->depth++;
    } else if ((ch == '}' || ch == ']') && c->depth > 0) {
        c->depth--;
    } else if (c->depth == 0 && ch == ',') {
        c->state = MEMBER;
    } else if (c->depth == 0 && ch == '}') {
        c->state = AFTER;
    }
}

static void on_value(struct custom_input *c, char ch)
{
    if (is_space(ch))
        return;
    if (ch == '"' && c->n_key == KEY_BYTES && !c->found) {
        c->state = STRING;
        c->found = true;
        buf_deinit(&c->json);
        return;
    }
    c->state = SKIP;
    c->depth = 0;
    c->in_string = false;
    on_skip(c, ch);
}

static void on_byte(struct custom_input *c, char ch, struct buf *out)
{
    switch (c->state) {
    case BEFORE:
        if (ch == '{')
            c->state = MEMBER;
        break;
    case MEMBER:
        if (ch == '"') {
            c->state = KEY;
            c->n_key = 0;
            c->escaped = false;
        }
        break;
    case KEY:
        on_key(c, ch);
        break;
    case COLON:
        if (ch == ':')
            c->state = VALUE;
        break;
    case VALUE:
        on_value(c, ch);
        break;
    case SKIP:
        on_skip(c, ch);
        break;
    case STRING:
        on_string(c, ch, out);
        break;
    case ESCAPE:
        on_escape(c, ch, out);
        break;
    case HEX:
        on_hex(c, ch, out);
        break;
    default: /* AFTER: what follows the text says nothing */
        break;
    }
}

void custom_input_feed(struct custom_input *c, struct str fragment, struct buf *out)
{
    if (!c->found)
        buf_str(&c->json, fragment);
    for (size_t i = 0; i < fragment.n; i++)
        on_byte(c, fragment.p[i], out);
}

void custom_input_end(struct custom_input *c, struct buf *out)
{
    flush_half(c, out);
    struct str json = str_trim(buf_view(&c->json));
    if (!c->found && !str_eqz(json, "{}"))
        buf_str(out, json);
}

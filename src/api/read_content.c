/* read_content.c - contents of messages as plain text.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "api/body_scan.h"
#include "api/read_common.h"

static const char image_omitted[] = "[image omitted: this model reads text only]";
static const char document_omitted[] = "[document omitted: this model reads text only]";
static const char audio_omitted[] = "[audio omitted: this model reads text only]";

enum part_kind { PART_TEXT, PART_IMAGE, PART_AUDIO, PART_FILE, PART_DOCUMENT, PART_SEARCH, PART_TOOL, PART_SKIP };

static const struct part_type {
    const char *type;
    enum part_kind kind;
} part_types[] = {
    { "text", PART_TEXT },           { "input_text", PART_TEXT },     { "output_text", PART_TEXT },
    { "summary_text", PART_TEXT },   { "reasoning_text", PART_TEXT }, { "refusal", PART_TEXT },
    { "image", PART_IMAGE },         { "image_url", PART_IMAGE },     { "input_image", PART_IMAGE },
    { "input_audio", PART_AUDIO },   { "audio", PART_AUDIO },         { "file", PART_FILE },
    { "input_file", PART_FILE },     { "document", PART_DOCUMENT },   { "search_result", PART_SEARCH },
    { "tool_reference", PART_TOOL }, { "thinking", PART_SKIP },       { "redacted_thinking", PART_SKIP },
};

static const struct part_type *find_type(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(part_types); i++)
        if (str_eqz(type, part_types[i].type))
            return &part_types[i];
    return NULL;
}

/* Appends s, with sep before it if something stands there since `start`. */
static void add(struct buf *out, size_t start, const char *sep, struct str s)
{
    if (!s.n)
        return;
    if (out->n > start)
        buf_z(out, sep);
    buf_str(out, s);
}

static int part_text(struct reader *rd, const struct json *part, const char *at, struct buf *out)
{
    char prefix[READ_PATH_BYTES];
    struct str s = { 0 };
    const char *key = json_get(part, "text") ? "text" : "refusal";
    if (read_str(rd, part, read_path(prefix, "%s.", at), key, &s))
        return -1;
    buf_str(out, s);
    return 0;
}

/* Members of a part that are strings, one a line. */
static void named_texts(const struct json *part, const char *const *keys, size_t n, struct buf *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < n; i++)
        if (json_type(json_get(part, keys[i])) == JSON_STRING)
            add(out, start, "\n", json_str(json_get(part, keys[i])));
}

/* Anthropic: its source is text, contents of parts, or bytes that this model cannot read. */
static int part_document(struct reader *rd, const struct json *part, const char *at, struct buf *out)
{
    static const char *const heads[] = { "title", "context" };
    char path[READ_PATH_BYTES];
    size_t start = out->n;
    const struct json *source = json_get(part, "source");
    const struct json *type = json_type(source) == JSON_OBJECT ? json_get(source, "type") : NULL;
    struct str t = json_type(type) == JSON_STRING ? json_str(type) : STR("");
    named_texts(part, heads, ARRAY_LEN(heads), out);
    if (str_eqz(t, "text") && json_type(json_get(source, "data")) == JSON_STRING) {
        add(out, start, "\n", json_str(json_get(source, "data")));
        return 0;
    }
    if (str_eqz(t, "content")) {
        if (out->n > start)
            buf_char(out, '\n');
        return read_content(rd, json_get(source, "content"), read_path(path, "%s.source.content", at), "\n", out);
    }
    rd->r->n_document++;
    add(out, start, "\n", str_from(document_omitted));
    return 0;
}

static int part_search(struct reader *rd, const struct json *part, const char *at, struct buf *out)
{
    static const char *const heads[] = { "title", "source" };
    char path[READ_PATH_BYTES];
    named_texts(part, heads, ARRAY_LEN(heads), out);
    if (out->n)
        buf_char(out, '\n');
    return read_content(rd, json_get(part, "content"), read_path(path, "%s.content", at), "\n", out);
}

static void part_tool(struct reader *rd, const struct json *part, struct buf *out)
{
    const struct json *name = json_get(part, "tool_name");
    if (json_type(name) == JSON_STRING)
        read_tool_reference(rd, json_str(name), out);
    else
        json_write(out, part);
}

static int part_of_kind(struct reader *rd, const struct json *part, enum part_kind kind, const char *at,
                        struct buf *out)
{
    switch (kind) {
    case PART_TEXT:
        return part_text(rd, part, at, out);
    case PART_IMAGE:
        rd->r->n_image++;
        buf_z(out, image_omitted);
        return 0;
    case PART_AUDIO:
        rd->r->n_document++;
        buf_z(out, audio_omitted);
        return 0;
    case PART_FILE:
        rd->r->n_document++;
        buf_z(out, document_omitted);
        return 0;
    case PART_DOCUMENT:
        return part_document(rd, part, at, out);
    case PART_SEARCH:
        return part_search(rd, part, at, out);
    case PART_TOOL:
        part_tool(rd, part, out);
        return 0;
    case PART_SKIP:
        return 0;
    }
    return 0;
}

static int object_text(struct reader *rd, const struct json *part, const char *at, struct buf *out)
{
    char path[READ_PATH_BYTES];
    const struct json *type = json_get(part, "type");
    if (type && json_type(type) != JSON_STRING)
        return read_bad(rd, read_path(path, "%s.type", at), "a string", type);
    const struct part_type *known = type ? find_type(json_str(type)) : NULL;
    if (known)
        return part_of_kind(rd, part, known->kind, at, out);
    if (json_type(json_get(part, "text")) == JSON_STRING)
        buf_str(out, json_str(json_get(part, "text")));
    else
        json_write(out, part);
    return 0;
}

int read_part(struct reader *rd, const struct json *part, const char *at, const char *sep, struct buf *out)
{
    struct buf one = { 0 };
    int rc = 0;
    if (json_type(part) == JSON_STRING)
        buf_str(&one, json_str(part));
    else if (json_type(part) == JSON_OBJECT)
        rc = object_text(rd, part, at, &one);
    else if (part)
        rc = read_bad(rd, at, "an object or a string", part);
    if (rc == 0)
        add(out, 0, sep, buf_view(&one));
    out->failed |= one.failed;
    buf_deinit(&one);
    return rc;
}

static int read_parts(struct reader *rd, const struct json *parts, const char *at, const char *sep, struct buf *out)
{
    char path[READ_PATH_BYTES];
    struct buf all = { .limit = out->limit };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_len(parts); i++)
        rc = read_part(rd, json_at(parts, i), read_path(path, "%s[%zu]", at, i), sep, &all);
    if (rc == 0)
        buf_str(out, buf_view(&all));
    out->failed |= all.failed;
    buf_deinit(&all);
    return rc;
}

int read_content(struct reader *rd, const struct json *v, const char *at, const char *sep, struct buf *out)
{
    if (json_type(v) == JSON_STRING)
        buf_str(out, json_str(v));
    else if (json_type(v) == JSON_ARRAY)
        return read_parts(rd, v, at, sep, out);
    else if (v)
        return read_bad(rd, at, "a string or a list of parts", v);
    return 0;
}

struct json *read_inside(struct reader *rd, struct str text)
{
    struct body_scan cost;
    struct json *v = NULL;
    if (body_scan(&cost, text, rd->values_left, NULL) || json_parse(&v, text, "text", NULL, NULL))
        return NULL;
    rd->values_left -= cost.values;
    return v;
}

static bool is_text_parts(const struct json *v)
{
    if (json_type(v) != JSON_ARRAY || !json_len(v))
        return false;
    for (size_t i = 0; i < json_len(v); i++) {
        const struct json *part = json_at(v, i);
        const struct json *type = json_type(part) == JSON_OBJECT ? json_get(part, "type") : NULL;
        const struct part_type *known = json_type(type) == JSON_STRING ? find_type(json_str(type)) : NULL;
        bool text = known && known->kind == PART_TEXT && json_type(json_get(part, "text")) == JSON_STRING;
        if (!text && !(known && known->kind == PART_IMAGE))
            return false;
    }
    return true;
}

/* Whether text looks like [{"type": ... or [{"text": ..., so that large results of other form are not parsed for nothing. */
static bool may_be_parts(struct str s)
{
    if (!str_starts(s, STR("[")) || !str_ends(s, STR("]")))
        return false;
    s = str_trim(str_sub(s, 1, s.n));
    if (!str_starts(s, STR("{")))
        return false;
    s = str_trim(str_sub(s, 1, s.n));
    return str_starts(s, STR("\"type\"")) || str_starts(s, STR("\"text\""));
}

/* Parts of a result; what is neither an object nor a string among them becomes its JSON text. */
static int read_result_parts(struct reader *rd, const struct json *parts, const char *at, struct buf *out)
{
    char path[READ_PATH_BYTES];
    struct buf all = { .limit = out->limit };
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_len(parts); i++) {
        const struct json *part = json_at(parts, i);
        if (!part || json_type(part) == JSON_OBJECT || json_type(part) == JSON_STRING) {
            rc = read_part(rd, part, read_path(path, "%s[%zu]", at, i), "\n", &all);
            continue;
        }
        if (all.n)
            buf_char(&all, '\n');
        json_write(&all, part);
    }
    if (rc == 0)
        buf_str(out, buf_view(&all));
    out->failed |= all.failed;
    buf_deinit(&all);
    return rc;
}

int read_result_content(struct reader *rd, const struct json *v, const char *at, struct buf *out)
{
    if (json_type(v) == JSON_ARRAY)
        return read_result_parts(rd, v, at, out);
    if (json_type(v) != JSON_STRING) {
        if (v)
            json_write(out, v);
        return 0;
    }
    struct str s = str_trim(json_str(v));
    struct json *inside = NULL;
    if (may_be_parts(s))
        inside = read_inside(rd, s);
    int rc = 0;
    if (is_text_parts(inside))
        rc = read_parts(rd, inside, at, "\n", out);
    else
        buf_str(out, json_str(v));
    json_free(inside);
    return rc;
}

static void wrap(struct buf *out, const struct json *v)
{
    buf_z(out, "{\"arguments\": ");
    json_write(out, v);
    buf_char(out, '}');
}

void read_arguments(struct reader *rd, const struct json *v, struct buf *out)
{
    struct json *inside = NULL;
    if (json_type(v) == JSON_STRING)
        inside = read_inside(rd, json_str(v));
    const struct json *args = inside ? inside : v;
    if (json_type(args) == JSON_OBJECT)
        json_write(out, args);
    else if (!args || (json_type(args) == JSON_STRING && !str_trim(json_str(args)).n))
        buf_z(out, "{}");
    else
        wrap(out, args);
    json_free(inside);
}

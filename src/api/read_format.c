/* read_format.c - the form that an answer must have: any JSON, a schema, a regular expression, a grammar.
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "api/read_common.h"

static int more_than_one(struct reader *rd, const char *at)
{
    api_error_set(rd->x, API_ERR_INVALID, at, "%s: the request asks for more than one format", at);
    return -1;
}

static int set_schema(struct reader *rd, const struct json *schema, const char *at)
{
    if (json_type(schema) != JSON_OBJECT && json_type(schema) != JSON_BOOL)
        return read_bad(rd, at, "a JSON schema", schema);
    rd->r->format = API_FORMAT_SCHEMA;
    rd->r->format_schema = schema;
    return 0;
}

static int read_schema(struct reader *rd, const struct json *format, const char *at)
{
    char path[READ_PATH_BYTES], prefix[READ_PATH_BYTES];
    const struct json *inner = NULL;
    read_path(prefix, "%s.", at);
    if (read_object(rd, format, prefix, "json_schema", &inner))
        return -1;
    if (inner)
        read_path(prefix, "%s.json_schema.", at);
    else
        inner = format;
    if (read_str(rd, inner, prefix, "name", &rd->r->format_name) ||
        read_bool(rd, inner, prefix, "strict", &rd->r->format_strict))
        return -1;
    const struct json *schema = json_get(inner, "schema");
    if (!schema) {
        /* A name alone asks for JSON of any form. */
        rd->r->format = API_FORMAT_JSON;
        return 0;
    }
    return set_schema(rd, schema, read_path(path, "%sschema", prefix));
}

int read_format(struct reader *rd, const struct json *format, const char *at)
{
    char path[READ_PATH_BYTES];
    const struct json *type = json_get(format, "type");
    read_path(path, "%s.type", at);
    if (json_type(type) != JSON_STRING)
        return read_bad(rd, path, "\"text\", \"json_object\" or \"json_schema\"", type);
    struct str t = json_str(type);
    if (str_eqz(t, "text"))
        return 0;
    if (rd->r->format != API_FORMAT_TEXT)
        return more_than_one(rd, at);
    if (str_eqz(t, "json_schema"))
        return read_schema(rd, format, at);
    if (str_eqz(t, "json_object"))
        rd->r->format = json_get(format, "schema") ? API_FORMAT_SCHEMA : API_FORMAT_JSON;
    else
        return read_bad(rd, path, "\"text\", \"json_object\" or \"json_schema\"", type);
    if (rd->r->format == API_FORMAT_SCHEMA)
        return set_schema(rd, json_get(format, "schema"), read_path(path, "%s.schema", at));
    return 0;
}

/* What the names beyond the APIs mean. */
static const struct extension {
    const char *key;
    enum api_format format;
} extensions[] = {
    { "regex", API_FORMAT_REGEX },        { "guided_regex", API_FORMAT_REGEX },  { "ebnf", API_FORMAT_EBNF },
    { "grammar", API_FORMAT_EBNF },       { "guided_grammar", API_FORMAT_EBNF }, { "json", API_FORMAT_SCHEMA },
    { "guided_json", API_FORMAT_SCHEMA },
};

/* "json" and "grammar" stand in structured_outputs; at the top only the longer names and "grammar" do. */
static int read_extension(struct reader *rd, const struct json *obj, const char *at, const struct extension *x)
{
    char path[READ_PATH_BYTES];
    const struct json *v = json_get(obj, x->key);
    if (!v)
        return 0;
    read_path(path, "%s%s", at, x->key);
    if (rd->r->format != API_FORMAT_TEXT)
        return more_than_one(rd, path);
    if (x->format == API_FORMAT_SCHEMA)
        return set_schema(rd, v, path);
    if (json_type(v) != JSON_STRING)
        return read_bad(rd, path, "a string", v);
    rd->r->format = x->format;
    rd->r->format_text = json_str(v);
    return 0;
}

int read_format_extensions(struct reader *rd)
{
    const struct json *outputs = NULL;
    if (read_object(rd, rd->r->body, "", "structured_outputs", &outputs))
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(extensions); i++) {
        const struct extension *x = &extensions[i];
        if (strcmp(x->key, "json") != 0 && read_extension(rd, rd->r->body, "", x))
            return -1;
        if (outputs && read_extension(rd, outputs, "structured_outputs.", x))
            return -1;
    }
    return 0;
}

/* json.c - json-c's tree behind a checked text, getters with messages, and writing as Python does.
 *
 * Integers beyond 64 bits, which json-c 0.16 clamps, reach it as doubles with a leading zero (json_check.h): json-c keeps the
 * spelling of doubles, so the digits survive and the node can be recognised.
 *
 * Containers carry an `origin` as json-c's userdata: the way back to the root, from which messages get their path.
 * SPDX-License-Identifier: MIT */
#include "format/json.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* json-c's typedefs json_type and json_bool are names of functions here. */
#define json_type jsonc_type
#define json_bool jsonc_bool
#include <json-c/json.h>
#undef json_type
#undef json_bool

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/json_check.h"
#include "format/repr.h"

const struct json_limits json_limits_default = { .bytes = (size_t)256 << 20, .depth = 128 };

enum { FOUND_CHARS = 60 };

/* Where a container stands. */
struct origin {
    const struct origin *parent; /* borrowed: an ancestor, freed together with this; NULL: the root */
    const char *key;             /* borrowed from the parent's table; NULL: an array's element */
    size_t index;
    char what[]; /* the root's alone: name of the document */
};

static struct json_object *node(const struct json *v)
{
    return (struct json_object *)v;
}

static const struct json *view(const struct json_object *o)
{
    return (const struct json *)o;
}

/* ---- the tree */

static void free_origin(struct json_object *o, void *userdata)
{
    (void)o;
    mem_free(userdata);
}

static bool is_container(const struct json_object *o)
{
    return json_object_is_type(o, json_type_object) || json_object_is_type(o, json_type_array);
}

static bool holds_containers(const struct json_object *array)
{
    size_t n = json_object_array_length(array);
    for (size_t i = 0; i < n; i++)
        if (is_container(json_object_array_get_idx(array, i)))
            return true;
    return false;
}

/* Gives o and all containers below their origins. Arrays in arrays that hold only plain values get none: the merges of a
 * tokenizer are hundreds of thousands of them. false: no memory. */
static bool place(struct json_object *o, const struct origin *parent, const char *key, size_t index, const char *what)
{
    bool array = json_object_is_type(o, json_type_array);
    if (!is_container(o) || (array && parent && !key && !holds_containers(o)))
        return true;
    size_t n_what = what ? strlen(what) + 1 : 0;
    struct origin *at = mem_try_calloc(1, sizeof *at + n_what);
    if (!at)
        return false;
    *at = (struct origin){ .parent = parent, .key = key, .index = index };
    if (what)
        memcpy(at->what, what, n_what);
    json_object_set_userdata(o, at, free_origin);
    if (array) {
        size_t n = json_object_array_length(o);
        for (size_t i = 0; i < n; i++)
            if (!place(json_object_array_get_idx(o, i), at, NULL, i, NULL))
                return false;
        return true;
    }
    for (const struct lh_entry *m = json_object_get_object(o)->head; m; m = m->next)
        if (!place((struct json_object *)m->v, at, m->k, 0, NULL))
            return false;
    return true;
}

static int build(struct json_object **out, struct str text, const char *what, int depth, struct err *e)
{
    /* json-c counts the value at the bottom as a level of its own. */
    struct json_tokener *tok = json_tokener_new_ex(depth + 2);
    if (!tok)
        return err_set(e, ERR_NOMEM, "%s: no memory to parse it", what);
    *out = json_tokener_parse_ex(tok, text.p, (int)text.n);
    /* A number at the very end is complete only when something follows. */
    if (json_tokener_get_error(tok) == json_tokener_continue)
        *out = json_tokener_parse_ex(tok, " ", 1);
    enum json_tokener_error rc = json_tokener_get_error(tok);
    json_tokener_free(tok);
    if (rc != json_tokener_success)
        return err_set(e, ERR_FORMAT, "%s: %s", what, json_tokener_error_desc(rc));
    return 0;
}

int json_parse(struct json **out, struct str text, const char *what, const struct json_limits *limits, struct err *e)
{
    struct err local = ERR_INIT;
    struct json_object *root = NULL;
    struct buf respelled = BUF_INIT(INT32_MAX);
    *out = NULL;
    if (!limits)
        limits = &json_limits_default;
    int rc = json_check(text, what, limits, &respelled, &local);
    if (!rc)
        rc = build(&root, respelled.n ? buf_view(&respelled) : text, what, limits->depth, &local);
    if (!rc && !place(root, NULL, NULL, 0, what))
        rc = err_set(&local, ERR_NOMEM, "%s: no memory to parse it", what);
    if (rc) {
        json_object_put(root);
        rc = err_set(e, rc, "%s", local.msg);
    } else {
        *out = (struct json *)root;
    }
    buf_deinit(&respelled);
    return rc;
}

int json_read(struct json **out, const char *path, const struct json_limits *limits, struct err *e)
{
    struct buf text = BUF_INIT(limits ? limits->bytes : json_limits_default.bytes);
    *out = NULL;
    int rc = file_read(&text, path, e);
    if (!rc)
        rc = json_parse(out, buf_view(&text), path, limits, e);
    buf_deinit(&text);
    return rc;
}

void json_free(struct json *root)
{
    json_object_put(node(root));
}

/* ---- values */

/* The spelling of a double, NULL for other nodes. */
static const char *double_spelling(const struct json *v)
{
    return json_object_is_type(node(v), json_type_double) ? json_object_get_userdata(node(v)) : NULL;
}

/* A big integer was respelled with a leading zero and ".0" (json_check.h). */
static bool is_big(const struct json *v)
{
    const char *z = double_spelling(v);
    if (!z)
        return false;
    z += *z == '-';
    return z[0] == '0' && z[1] >= '0' && z[1] <= '9';
}

enum json_type json_type(const struct json *v)
{
    switch (json_object_get_type(node(v))) {
    case json_type_boolean:
        return JSON_BOOL;
    case json_type_int:
        return JSON_INT;
    case json_type_double:
        return is_big(v) ? JSON_INT : JSON_DOUBLE;
    case json_type_string:
        return JSON_STRING;
    case json_type_array:
        return JSON_ARRAY;
    case json_type_object:
        return JSON_OBJECT;
    case json_type_null:
    default:
        return JSON_NULL;
    }
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {
        [JSON_NULL] = "null",       [JSON_BOOL] = "a boolean", [JSON_INT] = "an integer",   [JSON_DOUBLE] = "a number",
        [JSON_STRING] = "a string", [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };
    return names[t];
}

struct str json_str(const struct json *v)
{
    if (!json_object_is_type(node(v), json_type_string))
        return (struct str){ "", 0 };
    return (struct str){ json_object_get_string(node(v)), (size_t)json_object_get_string_len(node(v)) };
}

bool json_bool(const struct json *v)
{
    return json_object_is_type(node(v), json_type_boolean) && json_object_get_boolean(node(v));
}

bool json_i64(const struct json *v, int64_t *out)
{
    if (!json_object_is_type(node(v), json_type_int) || json_object_get_uint64(node(v)) > INT64_MAX)
        return false;
    *out = json_object_get_int64(node(v));
    return true;
}

double json_double(const struct json *v)
{
    enum json_type t = json_type(v);
    return t == JSON_INT || t == JSON_DOUBLE ? json_object_get_double(node(v)) : 0.0;
}

/* json.dumps differs from repr in what JSON has no numbers for: 1e999 parses as infinity. */
static void write_double(struct buf *out, double x)
{
    if (isinf(x))
        buf_z(out, x < 0 ? "-Infinity" : "Infinity");
    else
        repr_double(out, x);
}

static void write_number(struct buf *out, const struct json *v)
{
    struct json_object *o = node(v);
    int64_t i;
    if (is_big(v)) {
        const char *z = double_spelling(v);
        bool minus = *z == '-';
        if (minus)
            buf_char(out, '-');
        buf_add(out, z + minus + 1, strlen(z) - minus - 3);
    } else if (json_i64(v, &i)) {
        buf_printf(out, "%" PRId64, i);
    } else if (json_object_is_type(o, json_type_int)) {
        buf_printf(out, "%" PRIu64, json_object_get_uint64(o));
    } else {
        write_double(out, json_double(v));
    }
}

struct str json_number_text(const struct json *v, struct buf *scratch)
{
    buf_reset(scratch);
    write_number(scratch, v);
    return buf_view(scratch);
}

/* ---- containers */

size_t json_len(const struct json *v)
{
    if (json_object_is_type(node(v), json_type_array))
        return json_object_array_length(node(v));
    return json_object_is_type(node(v), json_type_object) ? (size_t)json_object_object_length(node(v)) : 0;
}

struct json *json_join_object(const struct json_member *v, size_t n)
{
    struct json_object *o = json_object_new_object();
    for (size_t i = 0; o && i < n; i++) {
        struct json_object *value = json_object_get(node(v[i].value));
        if (json_object_object_add(o, v[i].key, value) == 0)
            continue;
        json_object_put(value);
        json_object_put(o);
        o = NULL;
    }
    return (struct json *)o;
}

struct json *json_join_array(const struct json *const *v, size_t n)
{
    struct json_object *a = json_object_new_array();
    for (size_t i = 0; a && i < n; i++) {
        struct json_object *value = json_object_get(node(v[i]));
        if (json_object_array_add(a, value) == 0)
            continue;
        json_object_put(value);
        json_object_put(a);
        a = NULL;
    }
    return (struct json *)a;
}

const struct json *json_at(const struct json *array, size_t i)
{
    if (!json_object_is_type(node(array), json_type_array))
        return NULL;
    return view(json_object_array_get_idx(node(array), i));
}

static bool find_member(const struct json *obj, const char *key, struct json_object **out)
{
    *out = NULL;
    return json_object_is_type(node(obj), json_type_object) && json_object_object_get_ex(node(obj), key, out);
}

const struct json *json_get(const struct json *obj, const char *key)
{
    struct json_object *v;
    return find_member(obj, key, &v) ? view(v) : NULL;
}

bool json_has(const struct json *obj, const char *key)
{
    struct json_object *v;
    return find_member(obj, key, &v);
}

static bool iter_set(struct json_iter *it, struct lh_entry *m)
{
    it->at = m;
    if (!m)
        return false;
    it->key = str_from(m->k);
    it->value = view(m->v);
    return true;
}

bool json_first(struct json_iter *it, const struct json *obj)
{
    *it = (struct json_iter){ 0 };
    return json_object_is_type(node(obj), json_type_object) && iter_set(it, json_object_get_object(node(obj))->head);
}

bool json_next(struct json_iter *it)
{
    return it->at && iter_set(it, ((struct lh_entry *)it->at)->next);
}

/* ---- messages */

static const struct origin *origin_of(const struct json *v)
{
    return is_container(node(v)) ? json_object_get_userdata(node(v)) : NULL;
}

/* A key may hold anything: what would upset a terminal or flood a message is written as JSON and cut. */
static void add_name(struct buf *out, const char *key)
{
    struct str s = str_from(key);
    bool plain = s.n <= 120;
    for (size_t i = 0; i < s.n && plain; i++)
        plain = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;
    if (plain)
        buf_str(out, s);
    else
        json_write_str(out, str_sub(s, 0, utf8_whole(str_sub(s, 0, 120))));
}

static void add_place(struct buf *out, const struct origin *at)
{
    if (!at->parent) {
        buf_z(out, at->what);
        buf_z(out, ": ");
        return;
    }
    add_place(out, at->parent);
    if (at->key) {
        if (at->parent->parent)
            buf_char(out, '.');
        add_name(out, at->key);
    } else {
        buf_printf(out, "[%zu]", at->index);
    }
}

/* Appends "config.json: quantization.mode: ": where member `key` of obj (NULL: obj itself) stands. A node without an origin gives
 * nothing but the key. */
static void add_where(struct buf *out, const struct json *obj, const char *key)
{
    const struct origin *at = origin_of(obj);
    if (at) {
        add_place(out, at);
        if (at->parent)
            buf_z(out, key ? "." : ": ");
    }
    if (key) {
        add_name(out, key);
        buf_z(out, ": ");
    }
}

static void add_found(struct buf *out, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        buf_z(out, "null");
        break;
    case JSON_BOOL:
        buf_z(out, json_bool(v) ? "true" : "false");
        break;
    case JSON_INT:
    case JSON_DOUBLE: {
        struct buf number = BUF_INIT(0);
        write_number(&number, v);
        buf_str(out, str_sub(buf_view(&number), 0, FOUND_CHARS));
        buf_z(out, number.n > FOUND_CHARS ? "..." : "");
        buf_deinit(&number);
        break;
    }
    case JSON_STRING: {
        struct str s = str_sub(json_str(v), 0, FOUND_CHARS);
        json_write_str(out, str_sub(s, 0, utf8_whole(s)));
        buf_z(out, json_str(v).n > FOUND_CHARS ? "..." : "");
        break;
    }
    case JSON_ARRAY:
        buf_printf(out, "an array of %zu", json_len(v));
        break;
    case JSON_OBJECT:
        buf_printf(out, "an object of %zu members", json_len(v));
        break;
    }
}

static int set_expected(const struct json *obj, const char *key, const char *expected, int code, struct err *e)
{
    struct buf m = BUF_INIT(0);
    add_where(&m, obj, key);
    buf_printf(&m, "expected %s, found ", expected);
    if (key && !json_has(obj, key))
        buf_z(&m, "nothing");
    else
        add_found(&m, key ? json_get(obj, key) : obj);
    int rc = err_set(e, code, "%.*s", (int)m.n, m.p);
    buf_deinit(&m);
    return rc;
}

int json_expected(const struct json *obj, const char *key, const char *expected, struct err *e)
{
    return set_expected(obj, key, expected, ERR_FORMAT, e);
}

int json_unsupported(const struct json *obj, const char *key, const char *expected, struct err *e)
{
    return set_expected(obj, key, expected, ERR_UNSUPPORTED, e);
}

int json_expected_at(const struct json *array, size_t i, const char *expected, struct err *e)
{
    struct buf m = BUF_INIT(0);
    const struct origin *at = origin_of(array);
    if (at)
        add_place(&m, at);
    buf_printf(&m, "[%zu]: expected %s, found ", i, expected);
    add_found(&m, json_at(array, i));
    int rc = err_set(e, ERR_FORMAT, "%.*s", (int)m.n, m.p);
    buf_deinit(&m);
    return rc;
}

/* ---- typed getters */

/* An integer, or a float whose value is one that a double holds exactly. */
static bool integral(const struct json *v, int64_t *out)
{
    if (json_i64(v, out))
        return true;
    double d = json_double(v);
    if (json_type(v) != JSON_DOUBLE || !(fabs(d) <= 9007199254740992.0) || d != floor(d))
        return false;
    *out = (int64_t)d;
    return true;
}

int json_req_i64(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    int64_t i;
    if (integral(json_get(obj, key), &i) && i >= min && i <= max) {
        *out = i;
        return 0;
    }
    char expected[80];
    if (max == INT64_MAX)
        snprintf(expected, sizeof expected, "an integer of at least %" PRId64, min);
    else
        snprintf(expected, sizeof expected, "an integer from %" PRId64 " to %" PRId64, min, max);
    return json_expected(obj, key, min == INT64_MIN && max == INT64_MAX ? "an integer" : expected, e);
}

int json_opt_i64(const struct json *obj, const char *key, int64_t min, int64_t max, int64_t *out, struct err *e)
{
    return json_get(obj, key) ? json_req_i64(obj, key, min, max, out, e) : 0;
}

int json_req_double(const struct json *obj, const char *key, double min, double max, double *out, struct err *e)
{
    const struct json *v = json_get(obj, key);
    enum json_type t = json_type(v);
    double d = json_double(v);
    if ((t == JSON_INT || t == JSON_DOUBLE) && d >= min && d <= max) {
        *out = d;
        return 0;
    }
    char expected[80];
    if (max >= DBL_MAX)
        snprintf(expected, sizeof expected, "a number of at least %g", min);
    else
        snprintf(expected, sizeof expected, "a number from %g to %g", min, max);
    return json_expected(obj, key, min <= -DBL_MAX && max >= DBL_MAX ? "a number" : expected, e);
}

int json_opt_double(const struct json *obj, const char *key, double min, double max, double *out, struct err *e)
{
    return json_get(obj, key) ? json_req_double(obj, key, min, max, out, e) : 0;
}

int json_opt_bool(const struct json *obj, const char *key, bool *out, struct err *e)
{
    const struct json *v = json_get(obj, key);
    if (!v)
        return 0;
    if (json_type(v) != JSON_BOOL)
        return json_expected(obj, key, "true or false", e);
    *out = json_bool(v);
    return 0;
}

int json_req_str(const struct json *obj, const char *key, struct str *out, struct err *e)
{
    const struct json *v = json_get(obj, key);
    if (json_type(v) != JSON_STRING)
        return json_expected(obj, key, "a string", e);
    *out = json_str(v);
    return 0;
}

int json_opt_str(const struct json *obj, const char *key, struct str *out, struct err *e)
{
    return json_get(obj, key) ? json_req_str(obj, key, out, e) : 0;
}

int json_req_array(const struct json *obj, const char *key, const struct json **out, struct err *e)
{
    const struct json *v = json_get(obj, key);
    if (json_type(v) != JSON_ARRAY)
        return json_expected(obj, key, "an array", e);
    *out = v;
    return 0;
}

int json_req_object(const struct json *obj, const char *key, const struct json **out, struct err *e)
{
    const struct json *v = json_get(obj, key);
    if (json_type(v) != JSON_OBJECT)
        return json_expected(obj, key, "an object", e);
    *out = v;
    return 0;
}

/* ---- writing */

static void write_escape(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        buf_char(out, '\\');
        buf_char(out, (char)c);
        break;
    case '\b':
        buf_z(out, "\\b");
        break;
    case '\t':
        buf_z(out, "\\t");
        break;
    case '\n':
        buf_z(out, "\\n");
        break;
    case '\f':
        buf_z(out, "\\f");
        break;
    case '\r':
        buf_z(out, "\\r");
        break;
    default:
        buf_printf(out, "\\u%04x", c);
    }
}

void json_write_str(struct buf *out, struct str s)
{
    struct buf clean = BUF_INIT(0);
    if (!utf8_valid(s)) {
        utf8_clean(&clean, s);
        s = buf_view(&clean);
    }
    size_t run = 0; /* start of what is written as it stands */
    buf_char(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_str(out, str_sub(s, run, i));
        write_escape(out, c);
        run = i + 1;
    }
    buf_str(out, str_sub(s, run, s.n));
    buf_char(out, '"');
    buf_deinit(&clean);
}

static void write_array(struct buf *out, const struct json *v)
{
    size_t n = json_len(v);
    buf_char(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_z(out, ", ");
        json_write(out, json_at(v, i));
    }
    buf_char(out, ']');
}

static void write_object(struct buf *out, const struct json *v)
{
    struct json_iter it;
    const char *separator = "";
    buf_char(out, '{');
    for (bool more = json_first(&it, v); more; more = json_next(&it)) {
        buf_z(out, separator);
        json_write_str(out, it.key);
        buf_z(out, ": ");
        json_write(out, it.value);
        separator = ", ";
    }
    buf_char(out, '}');
}

void json_write(struct buf *out, const struct json *v)
{
    switch (json_type(v)) {
    case JSON_NULL:
        buf_z(out, "null");
        break;
    case JSON_BOOL:
        buf_z(out, json_bool(v) ? "true" : "false");
        break;
    case JSON_INT:
    case JSON_DOUBLE:
        write_number(out, v);
        break;
    case JSON_STRING:
        json_write_str(out, json_str(v));
        break;
    case JSON_ARRAY:
        write_array(out, v);
        break;
    case JSON_OBJECT:
        write_object(out, v);
        break;
    }
}

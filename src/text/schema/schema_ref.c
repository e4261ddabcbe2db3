/* schema_ref.c - where the schemas of a document are, and what $ref and $dynamicRef mean.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_ref.h"

#include <string.h>

#include "base/mem.h"
#include "text/schema/schema_uri.h"

enum { MAX_WALK_DEPTH = 500 };

/* Keywords that hold schemas: one, an array of them, an object of them. Only there do $id and $anchor mean anything. */
static const char *const one[] = { "not",
                                   "if",
                                   "then",
                                   "else",
                                   "items",
                                   "additionalItems",
                                   "additionalProperties",
                                   "contains",
                                   "propertyNames",
                                   "unevaluatedItems",
                                   "unevaluatedProperties",
                                   "contentSchema" };
static const char *const list[] = { "allOf", "anyOf", "oneOf", "prefixItems", "items" };
static const char *const map[] = { "properties",  "patternProperties", "$defs",
                                   "definitions", "dependentSchemas",  "dependencies" };

static void add_anchor(struct schema *s, int resource, struct str name, const struct json *at, bool dynamic)
{
    s->anchors = schema_core_grow(s->anchors, s->n_anchors, &s->cap_anchors, sizeof *s->anchors);
    s->anchors[s->n_anchors++] = (struct schema_anchor){ resource, name, at, dynamic };
}

static int add_resource(struct schema *s, struct str uri, const struct json *root)
{
    s->resources = schema_core_grow(s->resources, s->n_resources, &s->cap_resources, sizeof *s->resources);
    s->resources[s->n_resources] = (struct schema_resource){ uri, root };
    return (int)s->n_resources++;
}

static struct str resolve(struct schema *s, int resource, struct str ref)
{
    struct buf uri = { 0 };
    schema_uri_resolve(&uri, resource >= 0 ? s->resources[resource].uri : STR(""), ref);
    struct str out = schema_core_copy(s, buf_view(&uri));
    buf_deinit(&uri);
    return out;
}

/* The resource that v belongs to: one of its own if it has a $id. "$id": "#name" is an anchor, as drafts up to 7 had it. */
static int index_id(struct schema *s, const struct json *v, int resource)
{
    const struct json *id = json_get(v, "$id");
    if (json_type(id) != JSON_STRING)
        return resource >= 0 ? resource : add_resource(s, STR(""), v);
    struct str ref = json_str(id);
    if (ref.n && ref.p[0] == '#' && resource >= 0) {
        add_anchor(s, resource, str_sub(ref, 1, ref.n), v, false);
        return resource;
    }
    return add_resource(s, resolve(s, resource, ref), v);
}

static void walk(struct schema *s, const struct json *v, int resource, int depth);

static void walk_all(struct schema *s, const struct json *v, int resource, int depth)
{
    struct json_iter it;
    if (json_type(v) == JSON_OBJECT && json_first(&it, v)) {
        do
            walk(s, it.value, resource, depth + 1);
        while (json_next(&it));
    }
    for (size_t i = 0; json_type(v) == JSON_ARRAY && i < json_len(v); i++)
        walk(s, json_at(v, i), resource, depth + 1);
}

static void walk(struct schema *s, const struct json *v, int resource, int depth)
{
    if (json_type(v) != JSON_OBJECT || !schema_core_tick(s))
        return;
    if (depth > MAX_WALK_DEPTH) {
        schema_core_fail(s, ERR_LIMIT, "the schema is nested more than %d deep", MAX_WALK_DEPTH);
        return;
    }
    resource = index_id(s, v, resource);
    const struct json *anchor = json_get(v, "$anchor"), *dynamic = json_get(v, "$dynamicAnchor");
    if (json_type(anchor) == JSON_STRING)
        add_anchor(s, resource, json_str(anchor), v, false);
    if (json_type(dynamic) == JSON_STRING)
        add_anchor(s, resource, json_str(dynamic), v, true);
    s->dynamic = s->dynamic || json_has(v, "$dynamicRef");
    s->evaluated = s->evaluated || json_has(v, "unevaluatedItems") || json_has(v, "unevaluatedProperties");
    for (size_t i = 0; i < ARRAY_LEN(one); i++)
        if (json_type(json_get(v, one[i])) == JSON_OBJECT)
            walk(s, json_get(v, one[i]), resource, depth + 1);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        if (json_type(json_get(v, list[i])) == JSON_ARRAY)
            walk_all(s, json_get(v, list[i]), resource, depth + 1);
    for (size_t i = 0; i < ARRAY_LEN(map); i++)
        if (json_type(json_get(v, map[i])) == JSON_OBJECT)
            walk_all(s, json_get(v, map[i]), resource, depth + 1);
}

void schema_ref_index(struct schema *s)
{
    s->scopes = schema_core_grow(s->scopes, 0, &s->cap_scopes, sizeof *s->scopes);
    s->scopes[0] = (struct schema_scope){ -1, -1 };
    s->n_scopes = 1;
    walk(s, s->root, -1, 0);
    if (s->n_resources == 0)
        add_resource(s, STR(""), s->root);
}

static bool in_scope(const struct schema *s, int scope, int resource)
{
    for (; scope > 0; scope = s->scopes[scope].parent)
        if (s->scopes[scope].resource == resource)
            return true;
    return false;
}

static int push_scope(struct schema *s, int scope, int resource)
{
    if (!s->dynamic || in_scope(s, scope, resource))
        return scope;
    for (size_t i = 1; i < s->n_scopes; i++)
        if (s->scopes[i].parent == scope && s->scopes[i].resource == resource)
            return (int)i;
    s->scopes = schema_core_grow(s->scopes, s->n_scopes, &s->cap_scopes, sizeof *s->scopes);
    s->scopes[s->n_scopes] = (struct schema_scope){ scope, resource };
    return (int)s->n_scopes++;
}

static int resource_at(const struct schema *s, const struct json *v, int otherwise)
{
    if (json_type(v) == JSON_OBJECT && json_has(v, "$id"))
        for (size_t i = 0; i < s->n_resources; i++)
            if (s->resources[i].root == v)
                return (int)i;
    return otherwise;
}

struct schema_place schema_ref_enter(struct schema *s, struct schema_place from, const struct json *sub)
{
    int resource = resource_at(s, sub, from.resource);
    return (struct schema_place){ sub, resource, push_scope(s, from.scope, resource) };
}

static bool unescape(struct buf *out, struct str token)
{
    buf_reset(out);
    for (size_t i = 0; i < token.n; i++) {
        if (token.p[i] != '~') {
            buf_char(out, token.p[i]);
        } else if (i + 1 < token.n && (token.p[i + 1] == '0' || token.p[i + 1] == '1')) {
            buf_char(out, token.p[++i] == '0' ? '~' : '/');
        } else {
            return false;
        }
    }
    buf_char(out, '\0');
    return !out->failed && strlen(out->p) + 1 == out->n;
}

/* Follows a JSON Pointer; resources that it passes through become the place's. */
static bool follow(struct schema *s, struct str pointer, struct schema_place *at)
{
    struct buf key = { 0 };
    bool found = true;
    while (found && pointer.n) {
        pointer = str_sub(pointer, 1, pointer.n);
        struct str token = pointer;
        if (!str_cut(&pointer, '/', &token))
            pointer.n = 0;
        else
            pointer = (struct str){ pointer.p - 1, pointer.n + 1 };
        int64_t i = 0;
        found = unescape(&key, token);
        if (found && json_type(at->json) == JSON_ARRAY)
            found = str_to_i64(token, &i) && i >= 0 && (size_t)i < json_len(at->json);
        else if (found)
            found = json_type(at->json) == JSON_OBJECT && json_has(at->json, key.p);
        if (found)
            at->json = json_type(at->json) == JSON_ARRAY ? json_at(at->json, (size_t)i) : json_get(at->json, key.p);
        if (found)
            at->resource = resource_at(s, at->json, at->resource);
    }
    buf_deinit(&key);
    return found;
}

static const struct schema_anchor *find_anchor(const struct schema *s, int resource, struct str name, bool dynamic)
{
    for (size_t i = 0; i < s->n_anchors; i++)
        if (s->anchors[i].resource == resource && (s->anchors[i].dynamic || !dynamic) &&
            str_eq(s->anchors[i].name, name))
            return &s->anchors[i];
    return NULL;
}

/* The anchor of that name in the outermost resource of the scope that has one. */
static const struct schema_anchor *find_dynamic(const struct schema *s, int scope, struct str name)
{
    const struct schema_anchor *best = NULL;
    for (; scope > 0; scope = s->scopes[scope].parent) {
        const struct schema_anchor *a = find_anchor(s, s->scopes[scope].resource, name, true);
        best = a ? a : best;
    }
    return best;
}

static bool find_fragment(struct schema *s, struct schema_place from, struct str name, bool dynamic,
                          struct schema_place *at)
{
    if (name.n == 0 || name.p[0] == '/')
        return follow(s, name, at);
    const struct schema_anchor *a = find_anchor(s, at->resource, name, false);
    if (!a)
        return false;
    if (dynamic && find_anchor(s, at->resource, name, true)) {
        const struct schema_anchor *outer = find_dynamic(s, from.scope, name);
        a = outer ? outer : find_anchor(s, at->resource, name, true);
    }
    at->json = a->at;
    at->resource = a->resource;
    return true;
}

bool schema_ref_resolve(struct schema *s, struct schema_place from, struct str ref, bool dynamic,
                        struct schema_place *out, const char **why)
{
    struct str uri = resolve(s, from.resource, ref);
    struct schema_place at = { .resource = -1 };
    for (size_t i = 0; i < s->n_resources && at.resource < 0; i++)
        if (str_eq(s->resources[i].uri, uri))
            at = (struct schema_place){ s->resources[i].root, (int)i, from.scope };
    if (at.resource < 0) {
        *why = "refers to another document, and none is fetched";
        return false;
    }
    at.scope = push_scope(s, at.scope, at.resource);
    struct buf name = { 0 };
    schema_uri_decode(&name, schema_uri_fragment(ref));
    bool found = find_fragment(s, from, buf_view(&name), dynamic, &at);
    buf_deinit(&name);
    *why = "refers to nothing in this document";
    if (found)
        *out = schema_ref_enter(s, (struct schema_place){ at.json, at.resource, at.scope }, at.json);
    return found;
}

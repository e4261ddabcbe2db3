/* test_schema_suite.c - the JSON Schema Test Suite, draft 2020-12: a grammar accepts exactly the instances that are valid.
 *
 * A group is claimed if its schema compiles strictly. The documents that schemas refer to are put into $defs with their $id, which is how the standard
 * bundles them. OCTET_TEST_VERBOSE names every group that is not claimed and every case that fails.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "support/accepts.h"
#include "text/grammar/grammar.h"

#define DIR "build/suite/"
#define BASE "http://localhost:1234/"
#define META "https://json-schema.org/draft/2020-12/"

static const char *const files[] = {
    "additionalProperties",
    "allOf",
    "anchor",
    "anyOf",
    "boolean_schema",
    "const",
    "contains",
    "content",
    "default",
    "defs",
    "dependentRequired",
    "dependentSchemas",
    "dynamicRef",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "id",
    "if-then-else",
    "infinite-loop-detection",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "ref",
    "refRemote",
    "required",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "unknownKeyword",
    "vocabulary",
};

static const char *const remotes[] = {
    "different-id-ref-string.json",
    "urn-ref-string.json",
    "nested-absolute-ref-to-string.json",
    "draft2020-12/integer.json",
    "draft2020-12/baseUriChange/folderInteger.json",
    "draft2020-12/baseUriChangeFolder/folderInteger.json",
    "draft2020-12/baseUriChangeFolderInSubschema/folderInteger.json",
    "draft2020-12/locationIndependentIdentifier.json",
    "draft2020-12/nested/string.json",
    "draft2020-12/nested/foo-ref-string.json",
    "draft2020-12/extendible-dynamic-ref.json",
    "draft2020-12/subSchemas.json",
    "draft2020-12/subSchemas-defs.json",
    "draft2020-12/ref-and-defs.json",
    "draft2020-12/prefixItems.json",
    "draft2020-12/name-defs.json",
    "draft2020-12/tree.json",
};

static const char *const metas[] = { "core",      "applicator",        "unevaluated", "validation",
                                     "meta-data", "format-annotation", "content" };

struct tally {
    size_t groups, claimed, valid, accepted, invalid, wrong;
};

static bool verbose;

static struct json *read_json(const char *path)
{
    struct json *v = NULL;
    struct err e = ERR_INIT;
    if (json_read(&v, path, NULL, &e))
        fail_msg("%s", e.msg);
    return v;
}

/* Appends a document as a schema whose $id is `uri`: its members; or if it has another $id, a reference to that. */
static void add_document(struct buf *out, const char *path, const char *uri)
{
    struct json *v = read_json(path);
    struct json_iter it;
    const struct json *id = json_get(v, "$id");
    buf_printf(out, "\"%s\": {\"$id\": \"%s\"", uri, uri);
    if (id && !str_eqz(json_str(id), uri)) {
        buf_printf(out, ", \"$ref\": \"%.*s\", \"$defs\": {\"it\": ", (int)json_str(id).n, json_str(id).p);
        json_write(out, v);
        buf_char(out, '}');
    } else if (json_first(&it, v)) {
        do {
            if (str_eqz(it.key, "$id"))
                continue;
            buf_z(out, ", ");
            json_write_str(out, it.key);
            buf_z(out, ": ");
            json_write(out, it.value);
        } while (json_next(&it));
    }
    buf_z(out, "}, ");
    json_free(v);
}

static void add_documents(struct buf *out, bool remote, bool meta)
{
    char path[256], uri[256];
    for (size_t i = 0; remote && i < ARRAY_LEN(remotes); i++) {
        snprintf(path, sizeof path, DIR "remotes/%s", remotes[i]);
        snprintf(uri, sizeof uri, BASE "%s", remotes[i]);
        add_document(out, path, uri);
    }
    if (!meta)
        return;
    add_document(out, DIR "meta/draft2020-12.json", META "schema");
    for (size_t i = 0; i < ARRAY_LEN(metas); i++) {
        snprintf(path, sizeof path, DIR "meta/%s", metas[i]);
        snprintf(uri, sizeof uri, META "meta/%s", metas[i]);
        add_document(out, path, uri);
    }
}

/* The schema with the documents that it may refer to. */
static struct json *bundle(const struct json *schema)
{
    struct buf text = { 0 }, out = { 0 };
    json_write(&text, schema);
    bool remote = text.p && strstr(text.p, "localhost:1234/") != NULL;
    bool meta = text.p && strstr(text.p, "\"$ref\": \"" META) != NULL;
    if (json_type(schema) != JSON_OBJECT || (!remote && !meta)) {
        buf_str(&out, buf_view(&text));
    } else {
        struct json_iter it;
        buf_z(&out, "{\"$defs\": {");
        add_documents(&out, remote, meta);
        if (json_first(&it, json_get(schema, "$defs"))) {
            do {
                json_write_str(&out, it.key);
                buf_z(&out, ": ");
                json_write(&out, it.value);
                buf_z(&out, ", ");
            } while (json_next(&it));
        }
        buf_truncate(&out, out.n - 2);
        buf_char(&out, '}');
        json_first(&it, schema);
        do {
            if (str_eqz(it.key, "$defs"))
                continue;
            buf_z(&out, ", ");
            json_write_str(&out, it.key);
            buf_z(&out, ": ");
            json_write(&out, it.value);
        } while (json_next(&it));
        buf_char(&out, '}');
    }
    struct json *v = NULL;
    struct err e = ERR_INIT;
    if (json_parse(&v, buf_view(&out), "schema", NULL, &e))
        fail_msg("%s", e.msg);
    buf_deinit(&text);
    buf_deinit(&out);
    return v;
}

/* A schema that no value is valid under derives nothing: that is ERR_FORMAT, and right. */
static void run_group(const char *file, const struct json *group, struct tally *t)
{
    struct json *schema = bundle(json_get(group, "schema"));
    struct grammar *g = NULL;
    struct err e = ERR_INIT;
    struct str name = json_str(json_get(group, "description"));
    int code = grammar_schema(&g, schema, true, NULL, &e);
    t->groups++;
    if (code && code != ERR_FORMAT) {
        if (verbose)
            printf("%s: %.*s: not claimed: %s\n", file, (int)name.n, name.p, e.msg);
        json_free(schema);
        return;
    }
    t->claimed++;
    const struct json *tests = json_get(group, "tests");
    for (size_t i = 0; i < json_len(tests); i++) {
        const struct json *c = json_at(tests, i);
        struct buf text = { 0 };
        json_write(&text, json_get(c, "data"));
        bool valid = json_bool(json_get(c, "valid")), yes = g && accepts(g, buf_view(&text));
        t->valid += valid;
        t->invalid += !valid;
        t->accepted += valid && yes;
        t->wrong += !valid && yes;
        if (valid != yes && (verbose || yes)) {
            struct str what = json_str(json_get(c, "description"));
            printf("%s: %.*s: %.*s: %s is %svalid and %saccepted (%s)\n", file, (int)name.n, name.p, (int)what.n,
                   what.p, text.p, valid ? "" : "not ", yes ? "" : "not ", e.msg);
        }
        buf_deinit(&text);
    }
    grammar_release(g);
    json_free(schema);
}

static void print(const char *name, const struct tally *t)
{
    printf("| %-24s | %3zu of %3zu | %3zu of %3zu | %zu of %3zu |\n", name, t->claimed, t->groups, t->accepted,
           t->valid, t->wrong, t->invalid);
}

static void no_invalid_instance_is_accepted_and_the_valid_ones_are(void **state)
{
    (void)state;
    if (access(DIR "sha256", R_OK)) {
        print_message("the suite is not in " DIR " (tools/fetch-json-schema-suite.sh)\n");
        skip();
    }
    struct tally all = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[256];
        struct tally t = { 0 };
        snprintf(path, sizeof path, DIR "tests/draft2020-12/%s.json", files[i]);
        struct json *groups = read_json(path);
        for (size_t k = 0; k < json_len(groups); k++)
            run_group(files[i], json_at(groups, k), &t);
        json_free(groups);
        if (verbose)
            print(files[i], &t);
        all.groups += t.groups;
        all.claimed += t.claimed;
        all.valid += t.valid;
        all.accepted += t.accepted;
        all.invalid += t.invalid;
        all.wrong += t.wrong;
    }
    print("all", &all);
    assert_int_equal(all.wrong, 0);
    assert_int_equal(all.groups, 339);
    assert_true(all.claimed >= 328);
    assert_int_equal(all.accepted, all.valid);
}

int main(void)
{
    verbose = getenv("OCTET_TEST_VERBOSE") != NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_invalid_instance_is_accepted_and_the_valid_ones_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

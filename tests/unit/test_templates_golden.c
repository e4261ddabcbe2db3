/* test_templates_golden.c - published chat templates, rendered as transformers renders them; and templates that never end.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/json.h"
#include "support/shared.h"
#include "text/template/chat.h"

/* 2026-11-22T12:00:00, which the rows were made with: read as local time, so the zone is set to UTC. */
static const int64_t golden_now = 1795348800;

static struct json *parse_file(const char *path)
{
    struct buf text = { 0 };
    struct json *doc = NULL;
    struct err e = ERR_INIT;
    if (file_read(&text, path, &e) || json_parse(&doc, buf_view(&text), path, &json_limits_default, &e))
        fail_msg("%s", e.msg);
    buf_deinit(&text);
    return doc;
}

/* The variables of a case: the common ones, then its own, as JSON text. */
static struct json *variables(const struct json *cases, struct str name)
{
    const struct json *all = json_get(cases, "cases"), *common = json_get(cases, "common");
    struct buf text = { 0 };
    struct json *doc = NULL;
    struct err e = ERR_INIT;
    for (size_t i = 0; i < json_len(all); i++) {
        const struct json *c = json_at(all, i);
        if (!str_eq(json_str(json_get(c, "name")), name))
            continue;
        struct buf own = { 0 };
        json_write(&text, common);
        json_write(&own, c);
        /* {common} and {own} become {common, own}: a later member of a name replaces an earlier one. */
        buf_truncate(&text, text.n - 1);
        buf_z(&text, ", ");
        buf_add(&text, own.p + 1, own.n - 1);
        buf_deinit(&own);
    }
    if (json_parse(&doc, buf_view(&text), "case", &json_limits_default, &e))
        fail_msg("%s", e.msg);
    buf_deinit(&text);
    return doc;
}

static void check_row(const struct json *cases, const struct json *row, const char *dir)
{
    struct marked out = { 0 };
    struct chat *chat = NULL;
    struct err e = ERR_INIT;
    char name[5000];
    struct str file = json_str(json_get(row, "template")), which = json_str(json_get(row, "case"));
    snprintf(name, sizeof name, "%s/%.*s", dir, (int)file.n, file.p);
    struct json *vars = variables(cases, which);
    int rc = chat_open(&chat, name, &e);
    if (!rc)
        rc = chat_render(chat, vars, golden_now, &out, &e);
    if (json_get(row, "error")) {
        if (!rc)
            fail_msg("%s, case %.*s: rendered, expected an error", name, (int)which.n, which.p);
    } else if (rc) {
        fail_msg("%s, case %.*s: %s", name, (int)which.n, which.p, e.msg);
    } else if (!str_eq(buf_view(&out.text), json_str(json_get(row, "text")))) {
        fail_msg("%s, case %.*s: another text", name, (int)which.n, which.p);
    }
    marked_deinit(&out);
    chat_close(chat);
    json_free(vars);
}

static void published_templates_render_byte_for_byte(void **state)
{
    (void)state;
    const char *found = shared_path("templates/golden.jsonl");
    if (!found) {
        print_message(
            "skipped: the published templates are not there ($OCTET_SHARED/templates, ../shared/templates)\n");
        skip();
    }
    char dir[4096];
    snprintf(dir, sizeof dir, "%.*s", (int)(strlen(found) - strlen("/golden.jsonl")), found);
    char *path = file_join(dir, "golden.jsonl"), *cases_path = file_join(dir, "cases.json");
    struct json *cases = parse_file(cases_path);
    struct buf rows = { 0 };
    struct err e = ERR_INIT;
    int n = 0;
    assert_int_equal(file_read(&rows, path, &e), 0);
    struct str rest = buf_view(&rows), line;
    for (; str_cut(&rest, '\n', &line); n++) {
        struct json *row = NULL;
        assert_int_equal(json_parse(&row, line, path, &json_limits_default, &e), 0);
        check_row(cases, row, dir);
        json_free(row);
    }
    assert_true(n > 700);
    buf_deinit(&rows);
    json_free(cases);
    mem_free(path);
    mem_free(cases_path);
}

static int render(const char *source, struct err *e)
{
    struct jinja *t = NULL;
    struct json *vars = NULL;
    struct marked out = { 0 };
    int rc = jinja_parse(&t, str_from(source), "template", e);
    assert_int_equal(json_parse(&vars, STR("{\"messages\": []}"), "vars", &json_limits_default, NULL), 0);
    if (!rc)
        rc = jinja_render(t, vars, NULL, 0, &jinja_limits_default, &out, e);
    marked_deinit(&out);
    json_free(vars);
    jinja_free(t);
    return rc;
}

static void runaway_templates_stop_at_a_limit(void **state)
{
    (void)state;
    static const char *const sources[] = {
        "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}x{% endfor %}{% endfor %}{% "
        "endfor %}",
        "{{ 'abcdefgh' * 999999999 }}",
        "{% set ns = namespace(s='abcdefgh') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s "
        "}}",
        "{% macro f(x) %}{{ f(x + 1) }}{% endmacro %}{{ f(0) }}",
        "{{ '%999999999d' % 7 }}",
        "{{ range(99999999999) | list | length }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
    };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct err e = ERR_INIT;
        if (!render(sources[i], &e))
            fail_msg("rendered, expected a limit: %s", sources[i]);
        assert_true(strlen(e.msg) > 0);
    }
}

static void deep_nesting_stops_at_a_limit(void **state)
{
    (void)state;
    static const char *const brackets[] = { "(", "[", "{{'a':", "not ", "-" };
    for (size_t i = 0; i < ARRAY_LEN(brackets); i++) {
        struct buf source = { 0 };
        struct err e = ERR_INIT;
        buf_z(&source, "{{ ");
        for (int k = 0; k < 100000; k++)
            buf_z(&source, brackets[i]);
        assert_true(render(source.p, &e) != 0);
        buf_deinit(&source);
    }
}

static int use_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_templates_render_byte_for_byte),
        cmocka_unit_test(runaway_templates_stop_at_a_limit),
        cmocka_unit_test(deep_nesting_stops_at_a_limit),
    };
    return cmocka_run_group_tests(tests, use_utc, NULL);
}

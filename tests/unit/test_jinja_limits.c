/* test_jinja_limits.c - templates that never end, grow without bound or nest too deeply stop soon, with an error that says which limit.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/clock.h"
#include "support/jinja_rows.h"

/* The fuel here is a tenth of the default, since sanitizers make all of it slower: what matters is that no work is free. */
enum { SECONDS_MAX = 20 };

static const struct jinja_limits limits = {
    .fuel = (uint64_t)10 * 1000 * 1000,
    .depth = 1500,
    .output_bytes = (size_t)64 << 20,
    .memory_bytes = (size_t)256 << 20,
};

struct runaway {
    const char *source, *why; /* part of the message */
};

static size_t check_one(const char *source, const char *why)
{
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    int64_t start = clock_ns();
    int rc = row_render(source, "{\"v\": \"<v>\"}", NULL, &limits, &out, &e);
    double seconds = (double)(clock_ns() - start) / 1e9;
    bool ok = rc == ERR_LIMIT && e.code == rc && strstr(e.msg, why) && seconds < SECONDS_MAX;
    if (!ok)
        print_error("%.100s\n  code %d, %.1f s, %s (expected: %s)\n", source, rc, seconds, e.msg, why);
    marked_deinit(&out);
    return ok ? 0 : 1;
}

static void check(const struct runaway *v, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += check_one(v[i].source, v[i].why);
    assert_int_equal(wrong, 0);
}

#define LOOP "{% for i in range(100000) %}{% for j in range(100000) %}"
#define END "{% endfor %}{% endfor %}"
/* ns.x holds itself twice at every of 60 levels: 2^60 paths through 60 lists. */
#define DAG                                                                                                            \
    "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, " \
    "ns.y] %}{% endfor %}"
#define TUPLE_DAG "{% set ns = namespace(x=(1,)) %}{% for i in range(60) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}"

static void loops_run_out_of_fuel(void **state)
{
    (void)state;
    static const struct runaway v[] = {
        { LOOP END, "fuel" },
        { LOOP "{% if i == j %}{% set q = i %}{% endif %}" END, "fuel" },
        { LOOP "{{ 1 if -1 in range(100000) }}" END, "fuel" },
        { "{% macro f(n) %}{% if n %}{% set a = f(n - 1) %}{% set a = f(n - 1) %}{% endif %}{% endmacro %}{{ f(60) }}",
          "limit" },
        { "{% for x in [1] recursive %}{% if loop.depth < 60 %}{% set a = loop([1]) %}{% set a = loop([1]) %}{% endif "
          "%}{% endfor %}",
          "limit" },
        { "{% for x in range(100000) if x < 0 and range(100000)|max %}{% endfor %}{{ "
          "range(100000)|map('string')|list|length }}" LOOP END,
          "fuel" },
    };
    check(v, ARRAY_LEN(v));
}

static void long_texts_cost_fuel(void **state)
{
    (void)state;
    static const struct runaway v[] = {
        { "{% set a = 'a' * 9999999 %}{% set b = 'a' * 9999998 ~ 'b' %}" LOOP "{{ 1 if a == b }}" END, "fuel" },
        { "{% set a = 'a' * 9999999 %}{% set b = 'a' * 9999998 ~ 'b' %}" LOOP "{{ 1 if a < b }}" END, "fuel" },
        { "{% set a = 'é' * 999999 %}" LOOP "{{ a[999998] }}" END, "fuel" },
        { "{% set a = 'é' * 999999 %}" LOOP "{{ a[999990:] }}" END, "fuel" },
        { "{% set a = 'é' * 999999 %}" LOOP "{{ a[1:]|length }}" END, "fuel" },
        { "{% set a = 'é' * 999999 %}" LOOP "{{ a.find('é', 999990) }}" END, "fuel" },
        { "{% set a = 'é' * 999999 %}" LOOP "{{ a.startswith('x', 999990) }}" END, "fuel" },
        { "{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 ~ 'b' %}" LOOP "{{ a.find(b) }}{{ b in a }}" END,
          "fuel" },
        { "{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 ~ 'b' %}" LOOP "{{ a.rfind(b) }}" END, "fuel" },
        { "{% set a = 'a' * 2000000 %}{% set b = 'a' * 1000000 ~ 'b' %}" LOOP
          "{{ a.count(b) }}{{ a.replace(b, '')|length }}" END,
          "fuel" },
        { "{% set a = 'a' * 9999999 %}" LOOP "{{ a.count('a') }}" END, "fuel" },
        { "{% set a = ' ' * 9999999 %}" LOOP "{{ a.strip() }}" END, "fuel" },
        { "{% set a = 'a' * 1000000 %}{% set b = 'b' * 1000000 ~ 'a' %}{{ a|trim(b)|length }}", "fuel" },
        { "{% set a = 'a' * 9999999 %}" LOOP "{% set q = a.isalpha() and a.isupper() %}" END, "fuel" },
        { "{% set a = 'a' * 9999999 %}" LOOP "{% set q = a.splitlines() %}" END, "fuel" },
        { "{% set a = 'a' * 9999999 ~ 'x' %}" LOOP "{{ a|int }}{{ a|float }}" END, "fuel" },
        { "{% set a = 'a' * 9999999 %}" LOOP "{{ {a[1:]: 1}|length }}" END, "fuel" },
        { "{% set a = 'a' * 999999 %}" LOOP "{{ a }}" END, "limit" },
        { "{% set a = ('ab' ~ v) * 99999 %}" LOOP "{{ a }}" END, "limit" },
    };
    check(v, ARRAY_LEN(v));
}

static void nested_values_cost_fuel(void **state)
{
    (void)state;
    static const struct runaway v[] = {
        { DAG "{{ ns.x }}", "fuel" },
        { DAG "{{ ns.x == ns.y }}", "fuel" },
        { DAG "{{ ns.x < ns.y }}", "fuel" },
        { DAG "{{ ns.x|tojson }}", "fuel" },
        { DAG "{{ {'a': ns.x}.items()|length }}", "fuel" },
        { DAG "{{ ns.x in [ns.y] }}", "fuel" },
        { TUPLE_DAG "{{ {ns.x: 1} }}", "fuel" },
        { "{% set a = range(100000)|list %}{% set b = range(100000)|list %}" LOOP "{{ 1 if a != b }}" END, "fuel" },
        { "{% set ns = namespace(x=1) %}{% for i in range(3000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
          "depth" },
        { "{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns }}", "depth" },
        { "{% set ns = namespace(x=1, y=1) %}{% for i in range(3000) %}{% set ns.x = [ns.x] %}{% set ns.y = [ns.y] "
          "%}{% endfor %}{{ ns.x == ns.y }}",
          "depth" },
    };
    check(v, ARRAY_LEN(v));
}

static void what_is_too_large_is_not_made(void **state)
{
    (void)state;
    static const struct runaway v[] = {
        { "{{ 'a' * 999999999999 }}", "limit on output" },
        { "{{ [1] * 999999999999 }}", "limit on memory" },
        { "{{ ('a' ~ v) * 9999999 }}", "limit" },
        { "{% set ns = namespace(s='ab') %}{% for i in range(1000) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
          "limit on output" },
        { "{% set ns = namespace(s='a' ~ v) %}{% for i in range(1000) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
          "limit" },
        { "{% set ns = namespace(l=[1]) %}{% for i in range(1000) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
          "limit" },
        { "{% set ns = namespace(s='') %}" LOOP "{% set ns.s = 'x' ~ ns.s %}" END, "limit" },
        { "{% for i in range(100000) %}{{ 'a' * 1000000 }}{% endfor %}", "limit" },
        { "{{ '%99999999d' % 1 }}", "limit on output" },
        { "{{ '%99999999999999999999d' % 1 }}", "limit on output" },
        { "{{ '%.999999999f' % 1 }}", "precision" },
        { "{{ '%.*d' % (9223372036854775807, 5) }}", "limit on output" },
        { "{{ '%*d' % (-9223372036854775807, 5) }}", "limit on output" },
        { "{{ '{:99999999999}'.format(1) }}", "limit on output" },
        { "{{ '{:0999999999,}'.format(1) }}", "limit" },
        { "{{ '{:.99999999999f}'.format(1.5) }}", "precision" },
        { "{{ 'a'|center(999999999999) }}", "limit on output" },
        { "{{ 'a'.ljust(999999999999) }}", "limit on output" },
        { "{{ '1'.zfill(999999999) }}", "limit on output" },
        { "{{ '\t\t\t'.expandtabs(999999999) }}", "limit on output" },
        { "{{ 'a\nb'|indent(999999999999) }}", "limit on output" },
        { "{{ ('a\n' * 100000)|indent(10000)|length }}", "limit on output" },
        { "{{ [[[1]]]|tojson(indent=99999999999) }}", "limit on output" },
        { "{{ range(100001) }}", "limit on ranges" },
        { "{{ range(9223372036854775807) }}", "61 bits" },
        { "{{ 10 ** 100 }}", "64 bits" },
        { "{{ 9223372036854775807 * 2 }}", "64 bits" },
        { "{{ [1]|batch(999999999999, 'x')|list }}", "limit" },
        { "{{ [1]|slice(999999999999)|list }}", "limit" },
        { "{{ strftime_now('%c' * 100000) }}", "4096 bytes" },
    };
    check(v, ARRAY_LEN(v));
}

static void recursion_stops_at_the_depth(void **state)
{
    (void)state;
    static const struct runaway v[] = {
        { "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "limit on depth" },
        { "{% macro f() %}{% call g() %}{{ f() }}{% endcall %}{% endmacro %}{% macro g() %}{{ caller() }}{% endmacro "
          "%}{{ f() }}",
          "limit on depth" },
        { "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "limit on depth" },
        { "{% macro f(a=f()) %}{% endmacro %}{{ f() }}", "limit on depth" },
        { "{% macro f() %}{{ [1]|map('upper')|map('string')|list }}{{ [f()]|join }}{% endmacro %}{{ f() }}",
          "limit on depth" },
    };
    check(v, ARRAY_LEN(v));
}

/* head, n times part, tail. */
static char *repeat(struct buf *out, const char *head, const char *part, size_t n, const char *tail)
{
    buf_z(out, head);
    for (size_t i = 0; i < n; i++)
        buf_z(out, part);
    buf_z(out, tail);
    buf_char(out, '\0');
    return out->p;
}

static void deeply_nested_source_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *head, *part, *tail;
    } v[] = {
        { "{{ ", "(", "1 }}" },          { "{{ ", "[", "1 }}" },           { "{{ ", "{1:", "1 }}" },
        { "{{ ", "-", "1 }}" },          { "{{ ", "not ", "1 }}" },        { "{{ 1", "+1", " }}" },
        { "{{ a", ".b", " }}" },         { "{{ a", "[0]", " }}" },         { "{{ a", "()", " }}" },
        { "{{ a", "|string", " }}" },    { "{{ ", "1 and ", "1 }}" },      { "{{ ", "1 if 0 else ", "1 }}" },
        { "", "{% if 1 %}", "" },        { "", "{% for x in [1] %}", "" }, { "{{ f(", "f(", "1 }}" },
        { "", "{% set x %}", "" },       { "", "{% macro m() %}", "" },    { "{% set ", "(", "a = 1 %}" },
        { "{{ a is b", " is b", " }}" },
    };
    size_t wrong = 0;
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct marked out = { 0 };
        struct buf source = { 0 };
        struct err e = ERR_INIT;
        int rc = row_render(repeat(&source, v[i].head, v[i].part, 100000, v[i].tail), "{}", NULL, &limits, &out, &e);
        if (rc >= 0 || !e.msg[0]) {
            print_error("%s%s...%s: %d %s\n", v[i].head, v[i].part, v[i].tail, rc, e.msg);
            wrong++;
        }
        buf_deinit(&source);
        marked_deinit(&out);
    }
    assert_int_equal(wrong, 0);
}

/* What is long but not deep is no problem. */
static void long_source_is_fine(void **state)
{
    (void)state;
    static const struct {
        const char *head, *part, *tail;
    } v[] = {
        { "{% if 0 %}", "{% elif 0 %}", "{% endif %}" },
        { "{{ 'a'", " ~ 'a'", " }}" },
        { "{{ 1", " < 2 > 1", " }}" },
        { "", "{{ 1 }}", "" },
        { "{{ [", "1,", "] }}" },
        { "{{ 'a' ", "'b'", " }}" },
        { "", "{% set x = 1 %}", "" },
        { "", "{# a #}", "" },
        { "{% for i in [1] %}", "{% set x = 1 %}", "{% endfor %}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(v); i++) {
        struct marked out = { 0 };
        struct buf source = { 0 };
        struct err e = ERR_INIT;
        if (row_render(repeat(&source, v[i].head, v[i].part, 100000, v[i].tail), "{}", NULL, &limits, &out, &e) != 0)
            fail_msg("%s%s...: %s", v[i].head, v[i].part, e.msg);
        buf_deinit(&source);
        marked_deinit(&out);
    }
}

static uint32_t fnv1a(uint32_t h, const char *z)
{
    for (; *z; z++)
        h = (h ^ (unsigned char)*z) * 16777619U;
    return h;
}

/* Two blocks of five figures that lead from the state *h to the same state, which *h becomes. */
static void find_pair(uint32_t *h, char pair[2][12])
{
    enum { SLOTS = 1 << 20 };
    static uint32_t seen[SLOTS]; /* figures + 1, by hash */
    memset(seen, 0, sizeof seen);
    for (uint32_t i = 0; i < SLOTS; i++) {
        snprintf(pair[0], sizeof pair[0], "%05x", (unsigned)i);
        uint32_t hash = fnv1a(*h, pair[0]), slot = hash % SLOTS;
        if (seen[slot] != 0) {
            snprintf(pair[1], sizeof pair[1], "%05x", (unsigned)(seen[slot] - 1));
            if (fnv1a(*h, pair[1]) == hash) {
                *h = hash;
                return;
            }
        }
        seen[slot] = i + 1;
    }
    fail();
}

/* 2^14 keys of one hash: the hash of a dict's keys is known (jinja_string.h), so anyone can make them. */
static void keys_of_one_hash_cost_fuel(void **state)
{
    (void)state;
    enum { BLOCKS = 14 };
    char blocks[BLOCKS][2][12];
    uint32_t h = 2166136261U;
    for (int i = 0; i < BLOCKS; i++)
        find_pair(&h, blocks[i]);
    struct buf text = { 0 };
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    buf_z(&text, "{\"d\": {\"k\": 1");
    for (int key = 0; key < 1 << BLOCKS; key++) {
        buf_z(&text, ", \"");
        for (int i = 0; i < BLOCKS; i++)
            buf_z(&text, blocks[i][key >> i & 1]);
        buf_z(&text, "\": 1");
    }
    buf_z(&text, "}}");
    buf_char(&text, '\0');
    assert_int_equal(row_render("{{ d|length }}", text.p, NULL, &limits, &out, &e), ERR_LIMIT);
    assert_non_null(strstr(e.msg, "fuel"));
    buf_deinit(&text);
    marked_deinit(&out);
}

static void many_keys_cost_little(void **state)
{
    (void)state;
    struct buf text = { 0 };
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    buf_z(&text, "{\"d\": {\"k\": 1");
    for (int i = 0; i < 100000; i++)
        buf_printf(&text, ", \"k%d\": %d", i, i);
    buf_z(&text, "}}");
    buf_char(&text, '\0');
    assert_int_equal(row_render("{{ d|length }}{{ d.k99999 }}", text.p, NULL, &limits, &out, &e), 0);
    assert_string_equal(out.text.p, "10000199999");
    buf_deinit(&text);
    marked_deinit(&out);
}

static void *render_deep(void *arg)
{
    int *rc = arg;
    struct marked out = { 0 };
    struct err e = ERR_INIT;
    *rc = row_render("{% macro f() %}{{ [f()|upper] }}{% endmacro %}{{ f() }}", "{}", NULL, NULL, &out, &e);
    marked_deinit(&out);
    return NULL;
}

/* All levels of the default depth fit the stack that jinja.h promises; sanitizers use several times as much. */
static void the_default_depth_fits_a_small_stack(void **state)
{
    (void)state;
    pthread_attr_t attr;
    pthread_t thread;
    int rc = 0;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    size_t stack = (size_t)16 << 20;
#else
    size_t stack = (size_t)1 << 20;
#endif
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, stack), 0);
    assert_int_equal(pthread_create(&thread, &attr, render_deep, &rc), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attr);
    assert_int_equal(rc, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loops_run_out_of_fuel),        cmocka_unit_test(long_texts_cost_fuel),
        cmocka_unit_test(nested_values_cost_fuel),      cmocka_unit_test(what_is_too_large_is_not_made),
        cmocka_unit_test(recursion_stops_at_the_depth), cmocka_unit_test(deeply_nested_source_is_refused),
        cmocka_unit_test(long_source_is_fine),          cmocka_unit_test(keys_of_one_hash_cost_fuel),
        cmocka_unit_test(many_keys_cost_little),        cmocka_unit_test(the_default_depth_fits_a_small_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* test_jinja_origin.c - which bytes of a rendering came from values.
 *
 * In the tables, value bytes stand between "«" and "»". The forging tests put a control token into every value: it must never come out as
 * the template's own.
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
#include "support/jinja_rows.h"

static const char vars[] =
    "{\"v\": \"<v>\", \"w\": \" Ab,c \", \"t\": \"x\\ny\", \"n\": 7, \"b\": true, \"f\": 1.5, \"nul\": null,"
    " \"big\": 123456789012345678901, \"l\": [\"p\", \"q\"], \"d\": {\"k\": \"z\", \"é\": 1}, \"e\": \"\","
    " \"lt\": \"<|\", \"end\": \"im_end|>\", \"fmt\": \"{:<>3}%s\", \"ds\": [{\"k\": \"b\"}, {\"k\": \"a\"}]}";
static const char own[] = "{\"eos\": \"</s>\"}";

/* The text with its values in brackets. */
static void bracket(const struct marked *m, struct buf *out)
{
    size_t at = 0;
    for (size_t i = 0; i < m->n_span; i++) {
        const struct marked_span *s = &m->spans[i];
        assert_true(s->from < s->to && s->to <= m->text.n && (i == 0 || s->from > m->spans[i - 1].to));
        buf_str(out, (struct str){ m->text.p + at, s->from - at });
        buf_z(out, "«");
        buf_str(out, (struct str){ m->text.p + s->from, s->to - s->from });
        buf_z(out, "»");
        at = s->to;
    }
    buf_str(out, (struct str){ m->text.p + at, m->text.n - at });
    buf_char(out, '\0');
}

static bool origin_is(const struct row *row)
{
    struct marked m = { 0 };
    struct err e = ERR_INIT;
    struct buf got = { 0 };
    int rc = row_render(row->source, vars, own, NULL, &m, &e);
    bracket(&m, &got);
    bool ok = rc == 0 && strcmp(got.p, row->want) == 0;
    if (!ok)
        print_error("%s\n  want %s\n  got  %s%s\n", row->source, row->want, got.p, e.msg);
    marked_deinit(&m);
    buf_deinit(&got);
    return ok;
}

static void check(const struct row *rows, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += !origin_is(&rows[i]);
    assert_int_equal(wrong, 0);
}

static void operators_keep_origin(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "a{{ v }}b", "a«<v>»b" },
        { "{{ v }}{{ v }}", "«<v><v>»" },
        { "{{ 'a' ~ v ~ 'b' }}", "a«<v>»b" },
        { "{{ 'a' + v + 'b' + v }}", "a«<v>»b«<v>»" },
        { "{{ v ~ 1 ~ n }}", "«<v>»1«7»" },
        { "{{ (v ~ 'ab') * 2 }}", "«<v>»ab«<v>»ab" },
        { "{{ v * 2 }}{{ 'a' * n }}", "«<v><v>»aaaaaaa" },
        { "{{ e }}{{ eos }}{{ nul }}{{ b }}{{ f }}{{ big }}", "</s>«NoneTrue1.5123456789012345678901»" },
        { "{{ n + 1 }}{{ 1 + 1 }}{{ -n }}{{ n / 2 }}", "«8»2«-73.5»" },
        { "{{ v if b else 'x' }}{{ v and 'x' }}{{ e or 'x' }}", "«<v>»xx" },
        { "{{ ('ab' ~ v ~ 'cd')[1:4] }}", "b«<v»" },
        { "{{ ('ab' ~ v ~ 'cd')[4:] }}", "«>»cd" },
        { "{{ ('ab' ~ v ~ 'cd')[::-1] }}", "dc«>v<»ba" },
        { "{{ ('ab' ~ v ~ 'cd')[::2] }}", "a«<>»d" },
        { "{{ ('ab' ~ v)[0] }}{{ ('ab' ~ v)[2] }}{{ ('ab' ~ v)[-1] }}", "a«<>»" },
        { "{{ ('é' ~ v ~ 'ü')[1:3] }}", "«<v»" },
        { "{{ l }}{{ ['a', v] }}{{ ['a', 'b'] }}", "«['p', 'q']['a', '<v>']»['a', 'b']" },
        { "{{ d }}{{ {'a': v} }}{{ {v: 1} }}{{ {'a': 1} }}", "«{'k': 'z', 'é': 1}{'a': '<v>'}{'<v>': 1}»{'a': 1}" },
        { "{{ d.items() }}{{ d.keys()|list }}{{ (1, [v]) }}",
          "«dict_items([('k', 'z'), ('é', 1)])['k', 'é'](1, ['<v>'])»" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void statements_keep_origin(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{% for x in l %}-{{ x }}{% endfor %}", "-«p»-«q»" },
        { "{% for c in 'a' ~ v %}{{ c }}-{% endfor %}", "a-«<»-«v»-«>»-" },
        { "{% for k, x in d.items() %}{{ k }}={{ x }};{% endfor %}", "«k»=«z»;«é»=«1»;" },
        { "{% for x in l %}{{ loop.index }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.length }}{% endfor %}",
          "1«q»22«p»2" },
        { "{% set x = 'a' ~ v %}{{ x }}", "a«<v>»" },
        { "{% set x %}a{{ v }}b{% endset %}{{ x }}{{ x[1:3] }}", "a«<v>»b«<v»" },
        { "{% set ns = namespace(o='') %}{% for x in l %}{% set ns.o = ns.o ~ x ~ ',' %}{% endfor %}{{ ns.o }}",
          "«p»,«q»," },
        { "{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x ~ '!'] %}{% endfor %}{{ ns.l|join }}",
          "«p»!«q»!" },
        { "{% macro m(a, b='c') %}[{{ a }}{{ b }}]{% endmacro %}{{ m(v) }}{{ m('x', v) }}{{ m(v)|upper }}",
          "[«<v>»c][x«<v>»][«<V>»C]" },
        { "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}a{{ v }}{% endcall %}", "<a«<v>»>" },
        { "{% macro m() %}{{ kwargs }}{{ varargs }}{% endmacro %}{{ m('a', b=1) }}{{ m(**d) }}",
          "{'b': 1}('a',)«{'k': 'z', 'é': 1}»()" },
        { "{% macro m() %}{% for k in kwargs %}{{ k }}{% endfor %}{% endmacro %}{{ m(a=1, **d) }}", "a«ké»" },
        { "{% for k in dict(a=1, **d) %}{{ k }}{% endfor %}{{ namespace(**d) }}",
          "a«ké<Namespace {'k': 'z', 'é': 1}>»" },
        { "{% filter upper %}a{{ v }}{% endfilter %}", "A«<V>»" },
        { "{% with x = v %}{{ x }}{% endwith %}{% generation %}{{ v }}a{% endgeneration %}", "«<v><v>»a" },
        { "{% for x in ds recursive %}{{ x.k }}{% if loop.depth == 1 %}({{ loop([{'k': 'c'}]) }}){% endif %}{% endfor "
          "%}",
          "«b»(c)«a»(c)" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void filters_keep_origin(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ ('a' ~ w)|trim }}{{ (w ~ ' ')|trim }}", "a« Ab,cAb,c»" },
        { "{{ ('a' ~ v)|upper }}{{ ('A' ~ w)|lower }}{{ ('ab' ~ v)|capitalize }}{{ (v ~ ' ab')|title }}",
          "A«<V>»a« ab,c »Ab«<v><V>» Ab" },
        { "{{ ('a-' ~ v)|replace('-', '+') }}{{ 'a-b'|replace('-', v) }}{{ v|replace('v', 'x') }}",
          "a+«<v>»a«<v>»b«<»x«>»" },
        { "{{ l|join(', ') }}{{ l|join(v) }}{{ ['a', v]|join('-') }}{{ ['a', 'b']|join(v) }}",
          "«p», «qp<v>q»a-«<v>»a«<v>»b" },
        { "{{ d|tojson }}{{ {'a': 1}|tojson }}{{ {'a': v}|tojson }}{{ v|tojson }}",
          "«{\"k\": \"z\", \"é\": 1}»{\"a\": 1}«{\"a\": \"<v>\"}\"<v>\"»" },
        { "{{ [1]|tojson(indent=v) }}{{ [1, 2]|tojson(separators=(v, ':')) }}{{ [1, 2]|tojson(separators=(',', ':')) "
          "}}",
          "«[\n<v>1\n][1<v>2]»[1,2]" },
        { "{{ ('a' ~ t)|indent(2) }}{{ 'a\nb'|indent(v) }}", "a«x\n»  «y»a\n«<v>»b" },
        { "{{ ('a' ~ v)|e }}{{ v|e }}", "a«&lt;v&gt;&lt;v&gt;»" },
        { "{{ v|center(7) }}{{ ('a' ~ v)|list|join }}{{ ('a' ~ v)|reverse }}", "  «<v>»  a«<v>>v<»a" },
        { "{{ v|first }}{{ l|last }}{{ l|reverse|join }}{{ l|sort|join }}{{ l|max }}{{ l|unique|join }}",
          "«<qqppqqpq»" },
        { "{{ v|string }}{{ [v]|string }}{{ n|string }}{{ '5'|int }}{{ (n|string)|int }}{{ v|default('a') }}{{ "
          "nope|default(v) }}",
          "«<v>['<v>']7»5«7<v><v>»" },
        { "{{ ds|map(attribute='k')|join }}{{ ds|groupby('k')|map(attribute='grouper')|join }}{{ l|map('upper')|join "
          "}}",
          "«baabPQ»" },
        { "{{ '%s-%s'|format('a', v) }}{{ d|dictsort|first|first }}{{ l|batch(1)|first }}{{ l|select('eq', 'q')|first "
          "}}",
          "a-«<v>k['p']q»" },
        { "{{ v|length }}{{ n|abs }}{{ f|round }}{{ l|sum(start='') if 0 else '' }}{{ [n, 1]|sum }}", "3«72.08»" },
        { "{{ v|attr('upper')() }}{{ d|attr('keys')()|first }}", "«<V>k»" },
    };
    check(rows, ARRAY_LEN(rows));
}

static void methods_keep_origin(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ ('a,' ~ w).split(',') }}{{ ('a,' ~ w).split(',')[0] }}{{ ('a,' ~ w).split(',')[1] }}",
          "«['a', ' Ab', 'c ']»a« Ab»" },
        { "{{ ('a ' ~ w).split()|join('|') }}{{ w.rsplit(',', 1)[0] }}{{ t.splitlines()|join('+') }}",
          "a|«Ab,c Abx»+«y»" },
        { "{{ ('  a' ~ w).strip() }}{{ w.lstrip() }}{{ w.rstrip() }}", "a« Ab,cAb,c  Ab,c»" },
        { "{{ ('a-' ~ v).replace('-', '+') }}{{ 'a-b'.replace('-', v) }}{{ v.replace('', '.') }}",
          "a+«<v>»a«<v>»b.«<».«v».«>»." },
        { "{{ '-'.join(l) }}{{ v.join(['a', 'b']) }}", "«p»-«q»a«<v>»b" },
        { "{{ ('a' ~ v).partition('<')|join('|') }}{{ ('a' ~ v).removeprefix('a') }}{{ (v ~ 'a').removesuffix('>a') }}",
          "a|«<»|«v><v><v»" },
        { "{{ v.ljust(5) }}{{ v.rjust(5, '*') }}{{ 'a'.center(5, v[0]) }}{{ '7'.zfill(3) }}{{ (n|string).zfill(3) }}",
          "«<v>»  **«<v><<»a«<<»00700«7»" },
        { "{{ ('a' ~ v).upper() }}{{ ('A' ~ v).swapcase() }}{{ ('a' ~ v).title() }}{{ 'a\t'.expandtabs(2) }}",
          "A«<V>»a«<V>»A«<V>»a " },
        { "{{ d.get('k') }}{{ d.get('zz', 'a') }}{{ d.values()|list }}{{ d.copy().k }}", "«z»a«['z', 1]z»" },
        { "{{ '{}-{}'.format('a', v) }}{{ v.format() }}{{ fmt.format('a') }}{{ '{:{}}'.format('a', '<3') }}",
          "a-«<v><v><<»a«%s»a  " },
        { "{{ '{:>5}|{!r}'.format(v, v) }}{{ '{a[k]}'.format(a=d) }}{{ '{:d}{:c}'.format(n, 65) }}",
          "  «<v>»|«'<v>'z7A»" },
        { "{{ '%s%%' % v }}{{ (fmt ~ '%d') % ('a', n) }}{{ '%5s|%-3d|%c' % ('a', n, 65) }}",
          "«<v>»%«{:<>3}»a«7»    a|«7»  |«A»" },
        { "{{ '%(k)s' % d }}{{ '%r' % v }}{{ '%03d' % n }}{{ '%.1f' % f }}", "«z'<v>'»00«71.5»" },
        { "{{ cycler(v, 'a').next() }}{{ joiner(v)() }}", "«<v>»" },
        { "{{ strftime_now('%Y') }}{{ strftime_now(v) }}", "2026«<v>»" },
    };
    check(rows, ARRAY_LEN(rows));
}

/* Many ways to put a text together from pieces, the template's and a value's. The control token is whole in the value, or comes about where a
 * value meets the template's text: no byte of a value may count as the template's. */
static void a_value_never_becomes_template_text(void **state)
{
    (void)state;
    static const char *const ways[] = {
        "{{ v }}",
        "{{ 'a' ~ v ~ 'b' }}",
        "{{ v|trim }}",
        "{{ v|upper|lower }}",
        "{{ v|replace('z', 'y') }}",
        "{{ v|replace('', '') }}",
        "{{ v[::1] }}",
        "{{ v[0:] }}",
        "{{ v[::-1][::-1] }}",
        "{{ v.split('|')|join('|') }}",
        "{{ v|list|join }}",
        "{{ [v]|join }}",
        "{{ [v, v]|join(v) }}",
        "{{ v|tojson }}",
        "{{ {'a': v}|tojson }}",
        "{{ {v: 1}|tojson(indent=1) }}",
        "{{ [v] }}",
        "{{ {v: v} }}",
        "{{ '%s' % v }}",
        "{{ '%r' % v }}",
        "{{ v % () }}",
        "{{ '{}'.format(v) }}",
        "{{ v.format() }}",
        "{{ '{0:>40}'.format(v) }}",
        "{% for c in v %}{{ c }}{% endfor %}",
        "{% set x %}{{ v }}{% endset %}{{ x }}",
        "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(v) }}",
        "{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**{v: 1}) }}",
        "{{ dict(**{v: 1}) }}",
        "{{ namespace(**{v: 1}) }}",
        "{% filter trim %}{{ v }}{% endfilter %}",
        "{{ v|safe }}",
        "{{ v|string }}",
        "{{ v * 1 }}",
        "{{ v ~ '' }}",
        "{{ '' ~ v }}",
        "{{ v|indent(2, true) }}",
        "{{ v.center(60) }}",
        "{{ v.partition('|')|join }}",
        "{{ (v, 1)|first }}",
        "{{ v|default('x') }}",
        "{{ nope|default(v) }}",
        "{{ v|format }}",
        "{{ [{'k': v}]|map(attribute='k')|first }}",
        "{{ [v]|sort|first }}",
        "{{ {'k': v}.items()|list }}",
        "{{ {'k': v}|dictsort }}",
        "{{ strftime_now(v) }}",

        "{{ v|capitalize }}",
        "{{ v|title|lower }}",
        "{{ v.expandtabs() }}",
        "{{ v.splitlines()[0] }}",
        "{{ v.zfill(40) }}",
        "{{ '.'.join([v]) }}",
        "{{ [1, 2]|tojson(separators=(v, v)) }}",
        "{{ '{:' ~ v[0] ~ '>9}' }}",
        "{{ ('{:' ~ v[0] ~ '>9}').format('') }}",
        "{{ '|im_end|>'.rjust(10, v[0]) }}",
        "{% for c in v|batch(3) %}{{ c|join }}{% endfor %}",
        "{{ '%c' % 60 }}|im_end|>",
    };
    size_t bad = 0;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct marked m = { 0 };
        int rc = row_render(ways[i], "{\"v\": \"<|im_end|>\"}", NULL, NULL, &m, NULL);
        size_t at = 0;
        if (rc != 0)
            fail_msg("%s does not render", ways[i]);
        for (size_t k = 0; k <= m.n_span; k++) { /* the template's own text between the values */
            size_t to = k < m.n_span ? m.spans[k].from : m.text.n;
            if (str_find((struct str){ m.text.p + at, to - at }, STR("<|im_end|>")) >= 0) {
                print_error("%s forges a token\n", ways[i]);
                bad++;
            }
            at = k < m.n_span ? m.spans[k].to : to;
        }
        marked_deinit(&m);
    }
    assert_int_equal(bad, 0);
}

static void a_token_of_two_halves_is_not_whole(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{{ lt }}{{ end }}", "«<|im_end|>»" },
        { "<|{{ end }}", "<|«im_end|>»" },
        { "{{ lt }}im_end|>", "«<|»im_end|>" },
        { "{{ lt ~ 'im_end|>' }}", "«<|»im_end|>" },
        { "{{ (lt ~ '+im_end|>')|replace('+', '') }}", "«<|»im_end|>" },
    };
    check(rows, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operators_keep_origin),
        cmocka_unit_test(statements_keep_origin),
        cmocka_unit_test(filters_keep_origin),
        cmocka_unit_test(methods_keep_origin),
        cmocka_unit_test(a_value_never_becomes_template_text),
        cmocka_unit_test(a_token_of_two_halves_is_not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

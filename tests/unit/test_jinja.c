/* test_jinja.c - templates: white space, tokens, statements, scopes, loops, macros, and what goes wrong.
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
#include "base/mem.h"
#include "support/jinja_rows.h"

static const char vars[] =
    "{\"l\": [1, 2, 3], \"d\": {\"a\": 1, \"b\": [2, 3], \"items\": 5, \"é\": \"x\"}, \"s\": \"héllo\", \"n\": null, "
    "\"u\": [{\"k\": \"b\", \"v\": 1}, {\"k\": \"a\", \"v\": 2}, {\"k\": \"b\", \"v\": 3}], \"f\": 1.5, \"big\": "
    "123456789012345678901234567890, \"e5\": 100000.0, \"tree\": [{\"n\": 1, \"c\": [{\"n\": 2, \"c\": []}, {\"n\": 3, "
    "\"c\": [{\"n\": 4, \"c\": []}]}]}, {\"n\": 5, \"c\": []}]}";

static const struct row whitespace_rows[] = {
    { "x\n  {% if 1 %}\n  y{% endif %}", "x\n  y" },
    { "x \n \t{# c #}\n y", "x \n y" },
    { "x \n {{ 1 }} \n y", "x \n 1 \n y" },
    { "a \n {% raw %} \n b \n {% endraw %} \n c", "a \n \n b \n \n c" },
    { "x\n  {% if 1 -%}\n  y{% endif %}", "x\ny" },
    { "x \n \t{# c -#}\n y", "x \ny" },
    { "x \n {{ 1 -}} \n y", "x \n 1y" },
    { "a \n {% raw -%} \n b \n {% endraw -%} \n c", "a \nb \nc" },
    { "x\n  {% if 1 +%}\n  y{% endif %}", "x\n\n  y" },
    { "x \n \t{# c +#}\n y", "x \n\n y" },
    { "a \n {% raw %} \n b \n {% endraw +%} \n c", "a \n \n b \n \n c" },
    { "x\n  {%- if 1 %}\n  y{% endif %}", "x  y" },
    { "x \n \t{#- c #}\n y", "x y" },
    { "x \n {{- 1 }} \n y", "x1 \n y" },
    { "a \n {%- raw %} \n b \n {%- endraw %} \n c", "a \n b \n c" },
    { "x\n  {%- if 1 -%}\n  y{% endif %}", "xy" },
    { "x \n \t{#- c -#}\n y", "xy" },
    { "x \n {{- 1 -}} \n y", "x1y" },
    { "a \n {%- raw -%} \n b \n {%- endraw -%} \n c", "abc" },
    { "x\n  {%- if 1 +%}\n  y{% endif %}", "x\n  y" },
    { "x \n \t{#- c +#}\n y", "x\n y" },
    { "a \n {%- raw %} \n b \n {%- endraw +%} \n c", "a \n b \n c" },
    { "x\n  {%+ if 1 %}\n  y{% endif %}", "x\n    y" },
    { "x \n \t{#+ c #}\n y", "x \n \t y" },
    { "x \n {{+ 1 }} \n y", "x \n 1 \n y" },
    { "a \n {%+ raw %} \n b \n {%+ endraw %} \n c", "a \n  \n b \n  \n c" },
    { "x\n  {%+ if 1 -%}\n  y{% endif %}", "x\n  y" },
    { "x \n \t{#+ c -#}\n y", "x \n \ty" },
    { "x \n {{+ 1 -}} \n y", "x \n 1y" },
    { "a \n {%+ raw -%} \n b \n {%+ endraw -%} \n c", "a \n b \n c" },
    { "x\n  {%+ if 1 +%}\n  y{% endif %}", "x\n  \n  y" },
    { "x \n \t{#+ c +#}\n y", "x \n \t\n y" },
    { "a \n {%+ raw %} \n b \n {%+ endraw +%} \n c", "a \n  \n b \n  \n c" },
    { "  {% if 1 %}a{% endif %}", "a" },
    { "\t{% if 1 %}\n\ta\n\t{% endif %}\n\tb", "\ta\n\tb" },
    { "x {% if 1 %}y{% endif %}", "x y" },
    { "x\n\n  {% if 1 %}\n\ny\n  {% endif %}\n\nz", "x\n\n\ny\n\nz" },
    { "{{ 1 }}  {% if 1 %} {% endif %}z", "1   z" },
    { "a\n{{ 1 }}\nb", "a\n1\nb" },
    { "{% if 1 %}\n\n{% endif %}", "\n" },
    { "{%- if 1 -%} a {%- endif -%} b", "ab" },
    { "a\302\240{%- if 1 %}b{% endif %}", "ab" },
    { "  {#- c -#}  x", "x" },
    { "{# a #}\n{# b #}\nc", "c" },
    { "{{- 1 -}}", "1" },
    { " {{- 1 }} {{ 2 -}} ", "1 2" },
    { "a\r\nb\rc\n", "a\nb\nc" },
    { "a\n\n", "a\n" },
    { "\n", "" },
    { "{{ 'a\r\nb' }}", "a\nb" },
    { "{% set x = 1 %}\n{{ x }}\n{% set y = 2 %}\n{{ y }}\n", "1\n2" },
};

static const struct row literal_rows[] = {
    { "{{ 'a' \"b\" 'c' }}", "abc" },
    { "{{ 'a\\'b' }}", "a'b" },
    { "{{ \"a\\\"b\" }}", "a\"b" },
    { "{{ 'a\\n\\t\\\\\\x41\\u00e9\\U0001F600\\101\\q' }}", "a\n\t\\Aé😀A\\q" },
    { "{{ 'a\\\nb' }}", "ab" },
    { "{{ '\\x4' }}", NULL },
    { "{{ '\\U00110000' }}", NULL },
    { "{{ 'a }}", NULL },
    { "{{ a' }}", NULL },
    { "{{ '}}' }}", "}}" },
    { "{{ '%}' }}{% set x = '%}' %}{{ x }}", "%}%}" },
    { "{{ 0 }} {{ 12 }} {{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 0X1f }}", "0 12 1000 31 5 15 31" },
    { "{{ 1e3 }} {{ 1.5e-3 }} {{ 1E+2 }} {{ 1_0.2_5 }} {{ 1e16 }} {{ 1e-5 }}",
      "1000.0 0.0015 100.0 10.25 1e+16 1e-05" },
    { "{{ 012 }}", NULL },
    { "{{ 1. }}", NULL },
    { "{{ .5 }}", NULL },
    { "{{ 1__0 }}", NULL },
    { "{{ 1.a }}", "" },
    { "{{ true }}{{ True }}{{ false }}{{ False }}{{ none }}{{ None }}", "TrueTrueFalseFalseNoneNone" },
    { "{{ [] }}{{ [1,] }}{{ [1, 'a', none] }}", "[][1][1, 'a', None]" },
    { "{{ [,] }}", NULL },
    { "{{ () }}{{ (1) }}{{ (1,) }}{{ (1, 2) }}", "()1(1,)(1, 2)" },
    { "{{ 1, 2 }}{{ 1, }}", "(1, 2)(1,)" },
    { "{{ {} }}{{ {'a': 1, 2: 'b',} }}{{ {'a':1,'a':2} }}", "{}{'a': 1, 2: 'b'}{'a': 2}" },
    { "{{ {1} }}", NULL },
    { "{{ {'a' 1} }}", NULL },
    { "{{ {'a':{'b':1}}['a']['b'] }}", "1" },
    { "{{ {'a':{}} }}", "{'a': {}}" },
    { "{{ { 'a' : [ { } ] } }}", "{'a': [{}]}" },
    { "{{}}", NULL },
    { "{{ }}", NULL },
    { "{{ a b }}", NULL },
    { "{{ ; }}", NULL },
    { "{{ @ }}", NULL },
    { "{{ a ! b }}", NULL },
    { "{{ $x }}", NULL },
    { "{{ ( }}", NULL },
    { "{{ ) }}", NULL },
    { "{{ (] }}", NULL },
    { "{{ [) }}", NULL },
    { "{{", NULL },
    { "{%", NULL },
    { "{# a", NULL },
    { "}}", "}}" },
    { "%}", "%}" },
    { "{{ 1 }", NULL },
    { "{ { } }", "{ { } }" },
    { "#{# x #}#", "##" },
    { "{# {# #}", "" },
    { "{% raw %}{{ x }}{% if %}{# #}{% endraw %}", "{{ x }}{% if %}{# #}" },
    { "{%raw%}x{%endraw%}", "x" },
    { "{% raw %}x", NULL },
    { "{% comment %}", NULL },
    { "{{ é }}", "" },
    { "{{ undef }}|", "|" },
    { "{{ 9223372036854775807 }}{{ -9223372036854775807 }}", "9223372036854775807-9223372036854775807" },
};

static const struct row statement_rows[] = {
    { "{% if 0 %}a{% elif 1 %}b{% elif 1 %}c{% else %}d{% endif %}", "b" },
    { "{% if 0 %}a{% elif 0 %}b{% else %}c{% endif %}", "c" },
    { "{% if 0 %}a{% endif %}", "" },
    { "{% if l %}a{% endif %}{% if undef %}b{% endif %}{% if 0.0 or '' or [] or {} or none %}c{% endif %}", "a" },
    { "{% if 1 %}{% if 0 %}a{% else %}b{% endif %}c{% endif %}", "bc" },
    { "{% if %}{% endif %}", NULL },
    { "{% if 1 %}", NULL },
    { "{% endif %}", NULL },
    { "{% else %}", NULL },
    { "{% if 1 %}{% else %}{% else %}{% endif %}", NULL },
    { "{% %}", NULL },
    { "{% x %}", NULL },
    { "{% do 1 %}", NULL },
    { "{% include 'x' %}", NULL },
    { "{% set x = 1 %}{{ x }}", "1" },
    { "{% set x = 1, 2 %}{{ x }}", "(1, 2)" },
    { "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12" },
    { "{% set (a, b) = l[:2] %}{{ a }}{{ b }}", "12" },
    { "{% set a, b, c = 'xyz' %}{{ a }}{{ c }}", "xz" },
    { "{% set (a, (b, c)) = [1, [2, 3]] %}{{ a }}{{ b }}{{ c }}", "123" },
    { "{% set a, b = [1] %}", NULL },
    { "{% set a, b = 5 %}", NULL },
    { "{% set 1 = 2 %}", NULL },
    { "{% set 'a' = 2 %}", NULL },
    { "{% set true = 1 %}", NULL },
    { "{% set x = %}", NULL },
    { "{% set %}", NULL },
    { "{% set x.y = 1 %}", NULL },
    { "{% set d.a = 1 %}", NULL },
    { "{% set l[0] = 1 %}", NULL },
    { "{% set x %}a{{ 1 }}{% endset %}{{ x|upper }}{{ x is string }}", "A1True" },
    { "{% set x|upper|trim %} a {% endset %}[{{ x }}]", "[A]" },
    { "{% set x | replace('a', 'b') %}aa{% endset %}{{ x }}", "bb" },
    { "{% set x %}", NULL },
    { "{% set x %}{% set y = 1 %}{{ y }}{% endset %}{{ x }}{{ y }}", "1" },
    { "{% print 1 %}{% print 1, 2 %}", "112" },
    { "{% with %}a{% endwith %}", "a" },
    { "{% with a = 1 %}{{ a }}{% endwith %}{{ a }}|", "1|" },
    { "{% set a = 5 %}{% with a = 1, b = a %}[{{ a }}{{ b }}]{% set a = 9 %}{{ a }}{% endwith %}{{ a }}", "[15]95" },
    { "{% filter upper %}abc{{ 'd' }}{% endfilter %}", "ABCD" },
    { "{% filter upper|replace('A', 'x') %}abc{% endfilter %}", "xBC" },
    { "{% filter indent(2) %}a\nb{% endfilter %}", "a\n  b" },
    { "{% filter %}{% endfilter %}", NULL },
    { "{% generation %}a{{ 1 }}{% endgeneration %}", "a1" },
    { "{% generation %}{% set q = 1 %}{% endgeneration %}{{ q }}|", "|" },
    { "{% for i in l %}{% generation %}{{ i }}{{ loop.index }}{% endgeneration %}{% endfor %}", "112233" },
    { "{% for i in l %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", NULL },
    { "{% generation %}", NULL },
};

static const struct row loop_rows[] = {
    { "{% for i in l %}{{ i }}{% endfor %}", "123" },
    { "{% for i in [] %}x{% else %}E{% endfor %}", "E" },
    { "{% for i in l if i > 5 %}{% else %}E{% endfor %}", "E" },
    { "{% for i in undef %}x{% else %}E{% endfor %}", "E" },
    { "{% for i in n %}{% endfor %}", NULL },
    { "{% for i in 5 %}{% endfor %}", NULL },
    { "{% for i in undef.x %}x{% endfor %}", NULL },
    { "{% for c in s %}{{ c }}-{% endfor %}", "h-é-l-l-o-" },
    { "{% for k in d %}{{ k }}{% endfor %}", "abitemsé" },
    { "{% for k, v in d.b|map('string')|map('list') %}{% endfor %}", NULL },
    { "{% for k, v in u[0].items() %}{{ k }}={{ v }};{% endfor %}", "k=b;v=1;" },
    { "{% for k, v in u[0]|items %}{{ k }}={{ v }};{% endfor %}", "k=b;v=1;" },
    { "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}", "a=1;b=[2, 3];items=5;é=x;" },
    { "{% for a, b in l %}{% endfor %}", NULL },
    { "{% for (a, b), c in [[[1, 2], 3]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "123" },
    { "{% for i in 1, 2 %}{{ i }}{% endfor %}", "12" },
    { "{% for i in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ "
      "loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
      "1032TrueFalse310;2121FalseFalse310;3210FalseTrue310;" },
    { "{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }};{% endfor %}", "<1>2;1<2>3;2<3>;" },
    { "{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
      "FalseTrueTrueTrueTrueFalse" },
    { "{% for i in l %}{{ loop.nextitem.x }}{% endfor %}", NULL },
    { "{% for i in l if i != 2 %}{{ loop.index }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ "
      "loop.previtem }}{{ loop.nextitem }};{% endfor %}",
      "12TrueFalse23;21FalseTrue21;" },
    { "{% for i in l|map('string') %}{{ loop.length }}{{ loop.last }}{{ loop.revindex0 }}{{ loop.nextitem }};{% endfor "
      "%}",
      "3False22;3False13;3True0;" },
    { "{% for i in l|map('string') %}{{ loop.last }}{{ loop.length }}{{ i }};{% endfor %}", "False31;False32;True33;" },
    { "{% for i in l %}{{ loop.cycle('a', 'b') }}{{ loop.changed(i // 2) }}{% endfor %}", "aTruebTrueaFalse" },
    { "{% for i in l %}{{ loop.cycle() }}{% endfor %}", NULL },
    { "{% for i in l %}{{ loop.foo }}{% endfor %}|", "|" },
    { "{% for i in l %}{{ loop.foo.x }}{% endfor %}", NULL },
    { "{% for i in l %}{% for j in l %}{{ loop.depth }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
      "111213111121321112133" },
    { "{% for i in l %}{% set outer = loop %}{% for j in l %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor "
      "%}",
      "11 12 13 21 22 23 31 32 33 " },
    { "{% for i in tree recursive %}{{ i.n }}({{ loop(i.c) }}){{ loop.depth }}{% endfor %}", "1(2()23(4()3)2)15()1" },
    { "{% for i in tree recursive %}{{ loop.index }}{{ i.n }}{% if i.c %}[{{ loop(i.c) }}]{% endif %}{% else %}none{% "
      "endfor %}",
      "11[1223[14]]25" },
    { "{% for i in tree if i.n != 3 recursive %}{{ i.n }}{{ loop.length }}({{ loop(i.c) }}){% endfor %}",
      "12(21())52()" },
    { "{% for i in l %}{{ loop(l) }}{% endfor %}", NULL },
    { "{{ loop }}|", "|" },
    { "{{ loop.index }}", NULL },
    { "{% for loop in l %}{% endfor %}", NULL },
    { "{% for i in l %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "1" },
    { "{% for i in l %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "13" },
    { "{% for i in l %}{% for j in l %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
      "11 21 31 " },
    { "{% for i in l %}{% if i == 2 %}{% break %}{% endif %}{% else %}E{% endfor %}", "" },
    { "{% for i in l %}{% break %}{% else %}E{% endfor %}", "E" },
    { "{% for i in l %}{% continue %}{% else %}E{% endfor %}", "E" },
    { "{% for i in l %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% else %}E{% endfor %}", "23" },
    { "{% break %}", NULL },
    { "{% continue %}", NULL },
    { "{% for i in l %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}", NULL },
    { "{% for x in l %}", NULL },
    { "{% for %}{% endfor %}", NULL },
    { "{% for x in %}{% endfor %}", NULL },
    { "{% for x l %}{% endfor %}", NULL },
    { "{% for 1 in l %}{% endfor %}", NULL },
    { "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "['1', '2', '3'][]" },
    { "{% for i in range(3) %}{{ i }}{% endfor %}", "012" },
};

static const struct row scope_rows[] = {
    { "{% for i in l %}{% set x = i %}{% endfor %}{{ x }}|", "|" },
    { "{% set x = 0 %}{% for i in l %}{{ x }}{% set x = i %}{{ x }}{% endfor %}{{ x }}", "0102030" },
    { "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "6" },
    { "{% set ns = namespace() %}{{ ns.q }}{% set ns.q = 1 %}{{ ns.q }}{{ ns }}", "1<Namespace {'q': 1}>" },
    { "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{{ ns['a'] }}", "121" },
    { "{% set ns = namespace(l=[]) %}{% for i in l %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.l }}", "[1, 2, 3]" },
    { "{% set x = 1 %}{% set x.y = 2 %}", NULL },
    { "{% if 1 %}{% set x = 1 %}{% endif %}{{ x }}", "1" },
    { "{% set x = 1 %}{% if 1 %}{% set x = 2 %}{% endif %}{{ x }}", "2" },
    { "{% for i in l %}{% if loop.first %}{% set x = 'a' %}{% endif %}{{ x }}{% endfor %}", "a" },
    { "{% set s = s ~ '!' %}{{ s }}", "héllo!" },
    { "{% macro f() %}{% set s = 5 %}{{ s }}{% endmacro %}{{ f() }}{{ s }}", "5héllo" },
    { "{% set loop = 1 %}{{ loop }}", "1" },
    { "{% set x = 1 %}{% with %}{% set x = 2 %}{% endwith %}{{ x }}", "1" },
    { "{% set x = 1 %}{% set y %}{% set x = 2 %}{{ x }}{% endset %}{{ x }}{{ y }}", "12" },
    { "{% for i in l %}{% set x = i %}{% for j in l %}{{ x }}{% endfor %}{% endfor %}", "111222333" },
};

static const struct row macro_rows[] = {
    { "{% macro f(a, b=2, c='x' ~ b) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, 3) }}|{{ f(1, c=5) }}|{{ "
      "f(b=1, a=9) }}",
      "12x2|13x3|125|91x1" },
    { "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f() }}{{ f(a=1) }}", "[][1]" },
    { "{% macro f(a) %}{{ a.x }}{% endmacro %}{{ f() }}", NULL },
    { "{% macro f() %}{% endmacro %}{{ f(1) }}", NULL },
    { "{% macro f() %}{% endmacro %}{{ f(a=1) }}", NULL },
    { "{% macro f(a) %}{% endmacro %}{{ f(1, a=2) }}", NULL },
    { "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}", "(1, 2){'x': 3}" },
    { "{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs.get('z') }}{% endmacro %}{{ f(1) }}{{ f(1, 2, z=3) }}",
      "1()None1(2,)3" },
    { "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}hi{% endcall %}", "hi" },
    { "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b=3) f() %}{{ a }}{{ b }}{% endcall %}", "12" },
    { "{% macro f(x) %}{{ x }}{{ caller() }}{% endmacro %}{% for i in l %}{% call f(i) %}{{ i }}{% endcall %}{% endfor "
      "%}",
      "112233" },
    { "{% macro f() %}x{% endmacro %}{% call f() %}hi{% endcall %}", NULL },
    { "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}", NULL },
    { "{% macro f() %}{% if caller %}c{% else %}-{% endif %}{% endmacro %}{{ f() }}{% call f() %}{% endcall %}", "-c" },
    { "{% call 1 %}{% endcall %}", NULL },
    { "{% call x %}{% endcall %}", NULL },
    { "{{ f() }}{% macro f() %}a{% endmacro %}", NULL },
    { "{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210" },
    { "{% macro f() %}{{ s }}{% endmacro %}{{ f() }}", "héllo" },
    { "{% set q = 1 %}{% macro f() %}{{ q }}{% endmacro %}{% set q = 2 %}{{ f() }}", "2" },
    { "{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}", "123" },
    { "{% for i in l %}{% macro f() %}{{ i }}{% endmacro %}{% endfor %}{{ f }}|", "1.5|" },
    { "{% macro f() %}{{ i }}{% endmacro %}{% for i in l %}{{ f() }}{% endfor %}|", "|" },
    { "{% macro f() %} a {% endmacro %}[{{ f()|trim }}]{{ f() is string }}{{ f() ~ 1 }}", "[a]True a 1" },
    { "{% macro f(x) %}{% for i in x %}{{ i }}{% endfor %}{% endmacro %}{{ f(l) }}{{ f(x=l) }}", "123123" },
    { "{% macro f(a) %}{% macro g(b) %}{{ a }}{{ b }}{% endmacro %}{{ g(1) }}{{ g(2) }}{% endmacro %}{{ f(7) }}",
      "7172" },
    { "{% macro f(*a) %}{% endmacro %}", NULL },
    { "{% macro f(a=1, b) %}{% endmacro %}", NULL },
    { "{% macro f %}{% endmacro %}", NULL },
    { "{% macro %}{% endmacro %}", NULL },
    { "{% macro f() %}", NULL },
    { "{% macro f(a, b) %}{{ a }}{{ b }}{% endmacro %}{{ f(*[1, 2]) }}{{ f(*[1], **{'b': 3}) }}{{ f(**{'a': 4, 'b': "
      "5}) }}",
      "121345" },
    { "{% macro f() %}{% endmacro %}{{ f(**1) }}", NULL },
    { "{% macro f() %}{% endmacro %}{{ f(*1) }}", NULL },
    { "{% macro f() %}{% endmacro %}{{ f is callable }}{{ f }}", "True<Macro 'f'>" },
    { "{{ undef(1) }}", NULL },
    { "{{ l() }}", NULL },
    { "{{ 'a'() }}", NULL },
    { "{{ d.zzz() }}", NULL },
    { "{{ f(a=1, 2) }}", NULL },
    { "{{ f(**d, 1) }}", NULL },
};

static void white_space_around_tags(void **state)
{
    (void)state;
    rows_check(whitespace_rows, ARRAY_LEN(whitespace_rows), vars);
}

static void literals_and_tokens(void **state)
{
    (void)state;
    rows_check(literal_rows, ARRAY_LEN(literal_rows), vars);
}

static void statements(void **state)
{
    (void)state;
    rows_check(statement_rows, ARRAY_LEN(statement_rows), vars);
}

static void loops(void **state)
{
    (void)state;
    rows_check(loop_rows, ARRAY_LEN(loop_rows), vars);
}

static void scopes(void **state)
{
    (void)state;
    rows_check(scope_rows, ARRAY_LEN(scope_rows), vars);
}

static void macros_and_call_blocks(void **state)
{
    (void)state;
    rows_check(macro_rows, ARRAY_LEN(macro_rows), vars);
}

struct failing {
    const char *source;
    int code;
    const char *message;
};

static void check_failures(const struct failing *v, size_t n)
{
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        struct marked out = { 0 };
        struct err e = ERR_INIT;
        int rc = row_render(v[i].source, vars, NULL, NULL, &out, &e);
        if (rc != v[i].code || strcmp(e.msg, v[i].message) != 0) {
            print_error("%s\n  want %d %s\n  got  %d %s\n", v[i].source, v[i].code, v[i].message, rc, e.msg);
            wrong++;
        }
        marked_deinit(&out);
    }
    assert_int_equal(wrong, 0);
}

static void errors_name_template_line_and_reason(void **state)
{
    (void)state;
    static const struct failing v[] = {
        { "{{ raise_exception('roles must alternate') }}", ERR_ARG, "T: line 1: roles must alternate" },
        { "a\nb{% if 1 %}\n{{ raise_exception('é' ~ 1) }}{% endif %}", ERR_ARG, "T: line 3: é1" },
        { "{{ raise_exception('') }}", ERR_ARG, "T: line 1: " },
        { "{{ nope.x }}", ERR_FORMAT, "T: line 1: 'nope' is undefined" },
        { "\n\n{{ d.zz.y }}", ERR_FORMAT, "T: line 3: 'dict object' has no attribute 'zz'" },
        { "{{ d['zz'].y }}", ERR_FORMAT, "T: line 1: 'dict object' has no attribute 'zz'" },
        { "{{ l[7].y }}", ERR_FORMAT, "T: line 1: 'list object' has no element 7" },
        { "{{ s.__class__.x }}", ERR_FORMAT, "T: line 1: access to attribute '__class__' of 'str' object is unsafe" },
        { "{{ l.append(1) }}", ERR_FORMAT, "T: line 1: access to attribute 'append' of 'list' object is unsafe" },
        { "{{ ([]|first).x }}", ERR_FORMAT, "T: line 1: No first item, sequence was empty." },
        { "{{ 1 + 'a' }}", ERR_FORMAT, "T: line 1: unsupported operand type(s) for +: 'int' and 'str'" },
        { "{{ 'a' + 1 }}", ERR_FORMAT, "T: line 1: can only concatenate str (not \"int\") to str" },
        { "{{ 1 < 'a' }}", ERR_FORMAT, "T: line 1: '<' not supported between instances of 'int' and 'str'" },
        { "{{ none() }}", ERR_FORMAT, "T: line 1: 'NoneType' object is not callable" },
        { "{% for x in 5 %}{% endfor %}", ERR_FORMAT, "T: line 1: 'int' object is not iterable" },
        { "{{ 9223372036854775807 + 1 }}", ERR_LIMIT, "T: line 1: an integer beyond 64 bits" },
        { "{{ 9223372036854775808 }}", ERR_LIMIT, "T: line 1: the integer 9223372036854775808 is beyond 64 bits" },
        { "{{ big + 1 }}", ERR_LIMIT, "T: line 1: an integer beyond 64 bits" },
        { "{{ s.encode() }}", ERR_UNSUPPORTED, "T: line 1: the attribute encode of str is not supported" },
        { "{% macro f() %}\n{{ x.y }}{% endmacro %}\n{{ f() }}", ERR_FORMAT, "T: line 2: 'x' is undefined" },
    };
    check_failures(v, ARRAY_LEN(v));
}

static void syntax_errors_name_the_line(void **state)
{
    (void)state;
    static const struct failing v[] = {
        { "a\n{% if %}", ERR_FORMAT, "T: line 2: expected an expression, found '%}'" },
        { "a\n{% if 1 %}\n\n", ERR_FORMAT, "T: line 3: the template ends where 'elif' is expected" },
        { "{% for x in l %}{% endif %}", ERR_FORMAT, "T: line 1: unknown tag 'endif'" },
        { "\n{% nope %}", ERR_FORMAT, "T: line 2: unknown tag 'nope'" },
        { "{% include 'x' %}", ERR_UNSUPPORTED, "T: line 1: the tag 'include' is not supported in chat templates" },
        { "{{ 'a\n", ERR_FORMAT, "T: line 1: a string has no end" },
        { "{{ 1\n\n", ERR_FORMAT, "T: line 2: the template ends inside a tag" },
        { "\n{# a\n", ERR_FORMAT, "T: line 2: missing end of comment tag" },
        { "{% raw %}\n", ERR_FORMAT, "T: line 1: missing end of raw directive" },
        { "{{ (1] }}", ERR_FORMAT, "T: line 1: unexpected ']', expected ')'" },
        { "{{ 1) }}", ERR_FORMAT, "T: line 1: unexpected ')'" },
        { "{{ a § b }}", ERR_FORMAT, "T: line 1: unexpected character '§' (U+00A7)" },
        { "{{ 1 2 }}", ERR_FORMAT, "T: line 1: expected '}}', found '2'" },
        { "{% set 1 = 2 %}", ERR_FORMAT, "T: line 1: this cannot be assigned to" },
        { "{% break %}", ERR_FORMAT, "T: line 1: 'break' outside a loop" },
        { "{{ f(a=1, 2) }}", ERR_FORMAT, "T: line 1: a positional argument follows a keyword argument" },
        { "{% macro f(a=1, b) %}{% endmacro %}", ERR_FORMAT,
          "T: line 1: a parameter without default follows one with a default" },
        { "\n{{ 1|nope }}", ERR_FORMAT, "T: line 2: there is no filter named 'nope'" },
        { "{{ 1 is nope }}", ERR_FORMAT, "T: line 1: there is no test named 'nope'" },
        { "{{ '\\x4' }}", ERR_FORMAT, "T: line 1: a string has an escape with fewer than 2 hexadecimal digits" },
        { "a\xff", ERR_FORMAT, "T: line 1: the template is not valid UTF-8" },
    };
    check_failures(v, ARRAY_LEN(v));
}

static void a_filter_that_is_never_reached_may_be_unknown(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { "{% if 0 %}{{ 1|nope }}{% endif %}a", "a" },
        { "{{ (1|nope) if 0 else 'a' }}", "a" },
        { "{% if 0 and 1 is nope %}{% endif %}a", "a" },
    };
    rows_check(rows, ARRAY_LEN(rows), vars);
}

static void variables_of_the_caller_come_before_own_ones(void **state)
{
    (void)state;
    struct marked out = { 0 };
    assert_int_equal(row_render("{{ a }}{{ b }}{{ range(2)|list }}{{ none_given }}", "{\"a\": 1}",
                                "{\"a\": 2, \"b\": \"</s>\"}", NULL, &out, NULL),
                     0);
    assert_string_equal(out.text.p, "1</s>[0, 1]");
    marked_deinit(&out);
    assert_int_equal(
        row_render("{{ range }}{{ a is none }}", "{\"range\": 5, \"a\": null}", "{\"a\": 1}", NULL, &out, NULL), 0);
    assert_string_equal(out.text.p, "5True");
    marked_deinit(&out);
}

static void a_node_can_be_seen_as_another(void **state)
{
    (void)state;
    struct json *v, *other[2];
    struct jinja *t;
    struct marked out = { 0 };
    assert_int_equal(json_parse(&v, STR("{\"x\": \"{}\", \"l\": [1, \"{}\", {\"y\": \"{}\"}]}"), "v", NULL, NULL), 0);
    assert_int_equal(json_parse(&other[0], STR("{\"a\": 1}"), "a", NULL, NULL), 0);
    assert_int_equal(json_parse(&other[1], STR("[2]"), "b", NULL, NULL), 0);
    const struct json *l = json_get(v, "l");
    const struct jinja_instead instead[] = { { json_at(l, 1), other[0] }, { json_get(json_at(l, 2), "y"), other[1] } };
    assert_int_equal(jinja_parse(&t, STR("{{ l }}{{ x }}"), "T", NULL), 0);
    assert_int_equal(jinja_render_instead(t, v, instead, 2, NULL, 0, &jinja_limits_default, &out, NULL), 0);
    assert_string_equal(out.text.p, "[1, {'a': 1}, {'y': [2]}]{}");
    marked_deinit(&out);
    jinja_free(t);
    json_free(v);
    json_free(other[0]);
    json_free(other[1]);
}

static void a_template_renders_again_and_again(void **state)
{
    (void)state;
    struct json *v;
    struct jinja *t;
    struct marked out = { 0 };
    assert_int_equal(json_parse(&v, STR("{\"l\": [1, 2]}"), "v", NULL, NULL), 0);
    assert_int_equal(jinja_parse(&t,
                                 STR("{% set x = [1, 'a'] + l %}{% set d = {'k': 'b'} %}{{ x }}{{ d.k ~ 'c' }}"
                                     "{% set y = 'é' ~ x[1] %}{{ y }}{{ y|length }};"),
                                 "T", NULL),
                     0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(jinja_render(t, v, NULL, 0, &jinja_limits_default, &out, NULL), 0);
    assert_string_equal(out.text.p, "[1, 'a', 1, 2]bcéa2;[1, 'a', 1, 2]bcéa2;[1, 'a', 1, 2]bcéa2;");
    marked_deinit(&out);
    jinja_free(t);
    json_free(v);
}

/* Every allocation that may fail does so once: the message says so, nothing leaks (checked by the sanitized run), and without a failure
 * the text is right. */
static void memory_that_runs_out_is_an_error(void **state)
{
    (void)state;
    static const char source[] = "{% macro m(a) %}{{ a|upper }}{% endmacro %}{% for x in l %}{{ m(x ~ s) }}{{ "
                                 "loop.length }}{% endfor %}{{ d|tojson }}{{ f }}{{ [f] }}";
    for (long nth = 1;; nth++) {
        struct json *v;
        struct jinja *t;
        struct marked out = { 0 };
        struct err e = ERR_INIT;
        assert_int_equal(json_parse(&v, str_from(vars), "v", NULL, NULL), 0);
        mem_fail_after(nth);
        int rc = jinja_parse(&t, str_from(source), "T", &e);
        if (rc == 0)
            rc = jinja_render(t, v, NULL, 0, &jinja_limits_default, &out, &e);
        mem_fail_after(0);
        json_free(v);
        jinja_free(t);
        if (rc == 0)
            assert_string_equal(out.text.p,
                                "1HÉLLO32HÉLLO33HÉLLO3{\"a\": 1, \"b\": [2, 3], \"items\": 5, \"é\": \"x\"}1.5[1.5]");
        else /* a buffer that cannot grow says "limit, or out of memory" */
            assert_true((rc == ERR_NOMEM || (rc == ERR_LIMIT && strstr(e.msg, "out of memory"))) && e.code == rc);
        marked_deinit(&out);
        if (rc == 0)
            break;
        assert_true(nth < 1000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_around_tags),
        cmocka_unit_test(literals_and_tokens),
        cmocka_unit_test(statements),
        cmocka_unit_test(loops),
        cmocka_unit_test(scopes),
        cmocka_unit_test(macros_and_call_blocks),
        cmocka_unit_test(errors_name_template_line_and_reason),
        cmocka_unit_test(syntax_errors_name_the_line),
        cmocka_unit_test(a_filter_that_is_never_reached_may_be_unknown),
        cmocka_unit_test(variables_of_the_caller_come_before_own_ones),
        cmocka_unit_test(a_node_can_be_seen_as_another),
        cmocka_unit_test(a_template_renders_again_and_again),
        cmocka_unit_test(memory_that_runs_out_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

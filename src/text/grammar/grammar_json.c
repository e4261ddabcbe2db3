/* grammar_json.c - any JSON text.
 * SPDX-License-Identifier: MIT */
#include "text/grammar/grammar.h"

#include "text/grammar/grammar_build.h"

/* Parts with white space allowed before each. */
static int spaced(struct grammar_build *b, int space, const int *parts, size_t n)
{
    int v[16];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        v[k++] = space;
        v[k++] = parts[i];
    }
    return grammar_build_seq(b, v, k);
}

/* open (item (, item)*)? close */
static int listed(struct grammar_build *b, int space, const char *open, int item, const char *close)
{
    const int next[] = { grammar_build_literal(b, STR(",")), item };
    const int items[] = { spaced(b, space, &item, 1), grammar_build_repeat(b, spaced(b, space, next, 2), 0, SIZE_MAX) };
    const int parts[] = { grammar_build_literal(b, str_from(open)),
                          grammar_build_repeat(b, grammar_build_seq(b, items, 2), 0, 1), space,
                          grammar_build_literal(b, str_from(close)) };
    return grammar_build_seq(b, parts, 4);
}

int grammar_json(struct grammar **out, bool object, struct err *e)
{
    struct grammar_build *b = grammar_build_new(NULL);
    int quote = grammar_build_literal(b, STR("\"")), value = grammar_build_rule(b);
    int space = grammar_build_regex(b, STR("[ \\t\\r\\n]{0,64}"), false);
    const int text[] = { quote, grammar_build_chars(b, 0, SIZE_MAX, true), quote };
    int string = grammar_build_seq(b, text, 3);
    const int member[] = { string, space, grammar_build_literal(b, STR(":")), space, value };
    int map = listed(b, space, "{", grammar_build_seq(b, member, 5), "}");
    const int values[] = {
        map,
        listed(b, space, "[", value, "]"),
        string,
        grammar_build_regex(b, STR("-?(?:0|[1-9]\\d*)(?:\\.\\d+)?(?:[eE][-+]?\\d+)?"), false),
        grammar_build_literal(b, STR("true")),
        grammar_build_literal(b, STR("false")),
        grammar_build_literal(b, STR("null")),
    };
    grammar_build_define(b, value, grammar_build_alt(b, values, 7));
    int top = object ? map : value;
    int code = grammar_build_finish(b, spaced(b, space, &top, 1), out, e);
    grammar_build_free(b);
    return code;
}

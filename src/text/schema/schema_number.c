/* schema_number.c - numbers of a shape as terminals.
 *
 * A number that nothing bounds may have an exponent. Any other is written without one, so that bounds are a matter of comparing digits and
 * divisibility one of counting remainders. An integer may end in ".0".
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_number.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define WHOLE "(?:0|[1-9][0-9]*)"
#define FRACTION "(?:\\.[0-9]+)?"
#define PLAIN WHOLE FRACTION
#define EXPONENT "(?:[eE][+-]?[0-9]{1,2})?"

enum { MAX_REMAINDERS = 3000, MAX_FINITE = 20000 };

/* digits[from..] of at least the given ones: the alternatives that differ first at one place. */
static void greater_digits(struct buf *out, struct str digits, bool whole)
{
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] == '9')
            continue;
        buf_str(out, str_sub(digits, 0, i));
        buf_printf(out, "[%c-9]", digits.p[i] + 1);
        if (whole)
            buf_printf(out, "[0-9]{%zu}" FRACTION "|", digits.n - i - 1);
        else
            buf_z(out, "[0-9]*|");
    }
}

/* Appends the plain numbers of at least the magnitude of a, or above it. */
static void at_least(struct buf *out, struct schema_dec a, bool above)
{
    struct buf whole = { 0 }, part = { 0 };
    schema_dec_whole(a, &whole);
    schema_dec_part(a, &part);
    struct str w = buf_view(&whole), f = buf_view(&part);
    bool zero = str_eqz(w, "0");
    buf_z(out, "(?:");
    if (!zero)
        buf_printf(out, "[1-9][0-9]{%zu}[0-9]*" FRACTION "|", w.n);
    if (zero)
        buf_z(out, "[1-9][0-9]*" FRACTION "|");
    else
        greater_digits(out, w, true);
    buf_str(out, w);
    if (f.n == 0) {
        buf_z(out, above ? "\\.[0-9]*[1-9][0-9]*" : FRACTION);
    } else {
        buf_z(out, "\\.(?:");
        greater_digits(out, f, false);
        buf_str(out, f);
        buf_z(out, above ? "[0-9]*[1-9][0-9]*)" : "[0-9]*)");
    }
    buf_char(out, ')');
    buf_deinit(&whole);
    buf_deinit(&part);
}

static int magnitude_terminal(struct schema *s, const char *sign, const struct schema_dec *a, bool above)
{
    struct buf pattern = { 0 };
    buf_z(&pattern, sign);
    if (a)
        at_least(&pattern, *a, above);
    else
        buf_z(&pattern, PLAIN);
    int node = grammar_build_regex(s->b, buf_view(&pattern), false);
    buf_deinit(&pattern);
    return node;
}

/* Numbers of one sign whose magnitude is within the bounds. */
static int one_sign(struct schema *s, const char *sign, struct schema_bound lo, struct schema_bound hi)
{
    if (hi.set && (hi.at.neg || (hi.at.digits.n == 0 && hi.exclusive)))
        return grammar_build_never(s->b);
    bool free = !lo.set || lo.at.neg || (lo.at.digits.n == 0 && !lo.exclusive);
    int node = magnitude_terminal(s, sign, free ? NULL : &lo.at, lo.exclusive);
    if (hi.set)
        node = grammar_build_minus(s->b, node, magnitude_terminal(s, sign, &hi.at, !hi.exclusive));
    return node;
}

static struct schema_bound negated(struct schema_bound b)
{
    b.at = schema_dec_neg(b.at);
    return b;
}

/* Appends the spellings of a decimal without exponent. */
static void spell(struct buf *out, struct schema_dec a)
{
    buf_z(out, a.neg ? "-" : a.digits.n == 0 ? "-?" : "");
    schema_dec_whole(a, out);
    if (schema_dec_is_int(a))
        return;
    buf_z(out, "\\.");
    schema_dec_part(a, out);
}

/* Whole numbers may end in ".0", others in zeros: in any number of them if `all`, as what is to be taken away. */
static int finite_terminal(struct schema *s, const struct schema_dec *v, size_t n, bool all)
{
    struct buf ints = { 0 }, others = { 0 };
    for (size_t i = 0; i < n; i++) {
        struct buf *out = schema_dec_is_int(v[i]) ? &ints : &others;
        if (out->n)
            buf_char(out, '|');
        spell(out, v[i]);
    }
    struct buf pattern = { 0 };
    if (ints.n)
        buf_printf(&pattern, "(?:%s)(?:\\.0%s)?", ints.p, all ? "+" : "");
    if (others.n)
        buf_printf(&pattern, "%s(?:%s)%s", ints.n ? "|" : "", others.p, all ? "0*" : "");
    int node = n ? grammar_build_regex(s->b, buf_view(&pattern), false) : grammar_build_never(s->b);
    buf_deinit(&ints);
    buf_deinit(&others);
    buf_deinit(&pattern);
    return node;
}

/* --- multipleOf: divisor / 10^places; a state is what was read and the remainder so far --------------------------------------- */

struct multiple {
    unsigned divisor, places;
    size_t n; /* states */
    int32_t *next;
    bool *accept;
};

enum { AT_START, AT_SIGN, AT_ZERO, AT_END, AT_WHOLE };
enum { C_MINUS = 10, C_POINT, C_OTHER, N_CLASS }; /* of bytes; below: digits */

static unsigned class_of(int byte)
{
    return byte >= '0' && byte <= '9' ? (unsigned)(byte - '0')
           : byte == '-'              ? C_MINUS
           : byte == '.'              ? C_POINT
                                      : C_OTHER;
}

static int32_t whole_state(unsigned r)
{
    return (int32_t)(AT_WHOLE + r);
}

/* Behind the point and `digits` digits. */
static int32_t part_state(const struct multiple *m, unsigned digits, unsigned r)
{
    return (int32_t)(AT_WHOLE + m->divisor * (digits + 1) + r);
}

static bool divides(const struct multiple *m, unsigned r, unsigned missing)
{
    uint64_t v = r;
    for (unsigned i = 0; i < missing; i++)
        v = v * 10 % m->divisor;
    return v % m->divisor == 0;
}

static void link(struct multiple *m, int32_t from, char c, int32_t to)
{
    m->next[(size_t)from * N_CLASS + class_of(c)] = to;
}

static void link_number(struct multiple *m, int32_t from)
{
    link(m, from, '0', AT_ZERO);
    for (unsigned d = 1; d <= 9; d++)
        link(m, from, (char)('0' + d), whole_state(d % m->divisor));
}

static void link_all(struct multiple *m)
{
    link(m, AT_START, '-', AT_SIGN);
    link_number(m, AT_START);
    link_number(m, AT_SIGN);
    link(m, AT_ZERO, '.', part_state(m, 0, 0));
    link(m, AT_END, '0', AT_END);
    m->accept[AT_ZERO] = m->accept[AT_END] = true;
    for (unsigned r = 0; r < m->divisor; r++) {
        int32_t at = whole_state(r);
        m->accept[at] = divides(m, r, m->places);
        link(m, at, '.', part_state(m, 0, r));
        for (unsigned d = 0; d <= 9; d++)
            link(m, at, (char)('0' + d), whole_state((r * 10 + d) % m->divisor));
        for (unsigned k = 0; k < m->places; k++) {
            at = part_state(m, k, r);
            m->accept[at] = k > 0 && divides(m, r, m->places - k);
            for (unsigned d = 0; d <= 9; d++)
                link(m, at, (char)('0' + d), part_state(m, k + 1, (r * 10 + d) % m->divisor));
        }
        at = part_state(m, m->places, r);
        m->accept[at] = m->places > 0 && r == 0;
        if (r == 0)
            link(m, at, '0', AT_END);
    }
}

/* -1: too many remainders. */
static int multiple_terminal(struct schema *s, struct schema_dec of)
{
    uint64_t divisor = 0;
    struct multiple m = { .places = of.exp < 0 ? (unsigned)-of.exp : 0 };
    for (size_t i = 0; i < of.digits.n && divisor <= MAX_REMAINDERS; i++)
        divisor = divisor * 10 + (unsigned)(of.digits.p[i] - '0');
    for (int i = 0; i < of.exp && divisor <= MAX_REMAINDERS; i++)
        divisor *= 10;
    if (divisor == 0 || divisor > MAX_REMAINDERS || divisor * (m.places + 2) > MAX_REMAINDERS)
        return -1;
    m.divisor = (unsigned)divisor;
    m.n = AT_WHOLE + (size_t)m.divisor * (m.places + 2);
    m.next = mem_try_calloc(m.n * N_CLASS, sizeof *m.next);
    m.accept = mem_try_calloc(m.n, sizeof *m.accept);
    int node = grammar_build_never(s->b);
    if (m.next && m.accept) {
        uint8_t classes[256];
        for (int b = 0; b < 256; b++)
            classes[b] = (uint8_t)class_of(b);
        memset(m.next, -1, m.n * N_CLASS * sizeof *m.next);
        link_all(&m);
        node = grammar_build_automaton(s->b, classes, N_CLASS, m.next, m.accept, m.n);
    } else {
        schema_core_fail(s, ERR_NOMEM, "no memory for a schema's multipleOf");
    }
    mem_free(m.next);
    mem_free(m.accept);
    return node;
}

/* What holds beside the bounds, for numbers of one sign. */
static int constrained(struct schema *s, const struct schema_number *v, int node)
{
    if (v->integer && !v->finite) {
        struct str pattern = v->integer > 0 ? STR("-?" WHOLE "(?:\\.0)?") : STR("-?" WHOLE "\\.[0-9]*[1-9][0-9]*");
        node = grammar_build_and(s->b, node, grammar_build_regex(s->b, pattern, false));
    }
    for (size_t i = 0; i < v->n_factors && schema_core_tick(s); i++) {
        int m = multiple_terminal(s, v->factors[i].of);
        if (m < 0)
            schema_core_drop(s, v->factors[i].at, "multipleOf", "too large, or of too many digits");
        else
            node = v->factors[i].neg ? grammar_build_minus(s->b, node, m) : grammar_build_and(s->b, node, m);
    }
    if (v->n_except)
        node = grammar_build_minus(s->b, node, finite_terminal(s, v->except, v->n_except, true));
    return node;
}

int schema_number_value(struct schema *s, const struct schema_number *v)
{
    if (v->finite)
        return constrained(s, v, finite_terminal(s, v->only, v->n_only, false));
    if (!v->lo.set && !v->hi.set) {
        bool plain = v->n_factors || v->n_except;
        if (!plain && v->integer == 0)
            return grammar_build_regex(s->b, STR("-?" PLAIN EXPONENT), false);
        if (!plain && v->integer > 0)
            return grammar_build_regex(s->b, STR("-?" WHOLE "(?:\\.0)?"), false);
        return constrained(s, v, grammar_build_regex(s->b, STR("-?" PLAIN), false));
    }
    const int signs[] = { constrained(s, v, one_sign(s, "", v->lo, v->hi)),
                          constrained(s, v, one_sign(s, "-", negated(v->hi), negated(v->lo))) };
    return grammar_build_alt(s->b, signs, 2);
}

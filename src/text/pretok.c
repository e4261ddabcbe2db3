/* pretok.c - cuts text into pieces.
 *
 * The steps are nested calls rather than lists of pieces: the common file has one pattern, whose pieces go straight to the encoder.
 * Source: tokenizers 0.23, normalizer.rs (split), pattern.rs, pre_tokenizers.
 * SPDX-License-Identifier: MIT */
#include "text/pretok.h"

#include <stdio.h>

#include "base/base.h"

/* GPT-2's pattern, which ByteLevel uses unless told not to. */
#define GPT2_PATTERN "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"
/* tokenizers' Whitespace is written for Rust's regex, whose \w is Unicode's (UTS 18). */
#define RUST_WORD                                                                                                      \
    "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}\\x{200c}\\x{200d}\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}" \
    "\\x{1f170}-\\x{1f189}"
#define WHITESPACE_PATTERN "[" RUST_WORD "]+|[^" RUST_WORD "\\s]+"
#define PUNCTUATION_PATTERN "[\\p{P}$+<=>^`|~]"

static const char *const behaviours[] = { "Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous" };

static int parse(struct pretok *p, const struct json *spec, int depth, struct err *e);

/* NULL, and *rc says why: there are too many steps, or one stands behind ByteLevel. */
static struct pretok_step *add_step(struct pretok *p, const struct json *spec, int *rc, struct err *e)
{
    *rc = 0;
    if (p->has_bytelevel)
        *rc = json_unsupported(spec, "type", "nothing behind ByteLevel", e);
    else if (p->n_step == PRETOK_STEPS_MAX)
        *rc = err_set(e, ERR_LIMIT, "the pre-tokenizer has more than %d steps", (int)PRETOK_STEPS_MAX);
    return *rc ? NULL : &p->steps[p->n_step++];
}

static int add_pattern(struct pretok *p, const struct json *spec, struct str pattern, bool literal,
                       enum pretok_behaviour behaviour, bool invert, struct err *e)
{
    int rc;
    struct pretok_step *step = add_step(p, spec, &rc, e);
    if (!step)
        return rc;
    step->behaviour = behaviour;
    step->invert = invert;
    return regex_compile(&step->pattern, pattern, literal, e);
}

static int parse_behaviour(const struct json *spec, enum pretok_behaviour *out, struct err *e)
{
    struct str name = { 0 };
    int rc = json_opt_str(spec, "behavior", &name, e);
    if (rc || !name.p)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(behaviours); i++)
        if (str_eqz(name, behaviours[i])) {
            *out = (enum pretok_behaviour)i;
            return 0;
        }
    return json_expected(spec, "behavior", "Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous", e);
}

static int parse_split(struct pretok *p, const struct json *spec, struct err *e)
{
    const struct json *pattern;
    struct str text = { 0 };
    bool invert = false;
    enum pretok_behaviour behaviour = PRETOK_ISOLATED;
    int rc = json_req_object(spec, "pattern", &pattern, e);
    if (!rc)
        rc = json_opt_bool(spec, "invert", &invert, e);
    if (!rc)
        rc = parse_behaviour(spec, &behaviour, e);
    if (rc)
        return rc;
    bool literal = json_has(pattern, "String");
    rc = json_req_str(pattern, literal ? "String" : "Regex", &text, e);
    if (rc)
        return rc;
    struct err why = ERR_INIT;
    rc = add_pattern(p, spec, text, literal, behaviour, invert, &why);
    if (!rc)
        return 0;
    /* Only what is wrong with the pattern itself needs the place and the pattern beside it. */
    if (p->has_bytelevel || (rc != ERR_FORMAT && rc != ERR_UNSUPPORTED))
        return err_set(e, rc, "%s", why.msg);
    char expected[300];
    snprintf(expected, sizeof expected, "a pattern that is supported (%.200s)", why.msg);
    return json_unsupported(pattern, literal ? "String" : "Regex", expected, e);
}

static int parse_bytelevel(struct pretok *p, const struct json *spec, struct err *e)
{
    bool prefix = true, regex = true;
    int rc = json_opt_bool(spec, "add_prefix_space", &prefix, e);
    if (!rc)
        rc = json_opt_bool(spec, "use_regex", &regex, e);
    if (!rc && prefix) {
        struct pretok_step *step = add_step(p, spec, &rc, e);
        if (step)
            step->prefix_space = true;
    }
    if (!rc && regex)
        rc = add_pattern(p, spec, STR(GPT2_PATTERN), false, PRETOK_ISOLATED, false, e);
    if (!rc && p->has_bytelevel)
        rc = json_unsupported(spec, "type", "only one ByteLevel", e);
    p->has_bytelevel = true;
    return rc;
}

static int parse_sequence(struct pretok *p, const struct json *spec, int depth, struct err *e)
{
    const struct json *list = NULL;
    int rc = json_req_array(spec, "pretokenizers", &list, e);
    for (size_t i = 0; i < json_len(list) && !rc; i++) {
        const struct json *item = json_at(list, i);
        rc = json_type(item) == JSON_OBJECT ? parse(p, item, depth + 1, e) : json_expected_at(list, i, "an object", e);
    }
    return rc;
}

static int parse_digits(struct pretok *p, const struct json *spec, struct err *e)
{
    bool individual = false;
    int rc = json_opt_bool(spec, "individual_digits", &individual, e);
    return rc ? rc
              : add_pattern(p, spec, STR("\\p{N}"), false, individual ? PRETOK_ISOLATED : PRETOK_CONTIGUOUS, false, e);
}

static int parse_punctuation(struct pretok *p, const struct json *spec, struct err *e)
{
    enum pretok_behaviour behaviour = PRETOK_ISOLATED;
    int rc = parse_behaviour(spec, &behaviour, e);
    return rc ? rc : add_pattern(p, spec, STR(PUNCTUATION_PATTERN), false, behaviour, false, e);
}

static int parse_delimiter(struct pretok *p, const struct json *spec, struct err *e)
{
    struct str delimiter;
    int rc = json_req_str(spec, "delimiter", &delimiter, e);
    return rc ? rc : add_pattern(p, spec, delimiter, true, PRETOK_REMOVED, false, e);
}

static int parse(struct pretok *p, const struct json *spec, int depth, struct err *e)
{
    struct str type;
    int rc = json_req_str(spec, "type", &type, e);
    if (rc)
        return rc;
    if (str_eqz(type, "Sequence") && depth < PRETOK_STEPS_MAX)
        return parse_sequence(p, spec, depth, e);
    if (str_eqz(type, "ByteLevel"))
        return parse_bytelevel(p, spec, e);
    if (str_eqz(type, "Split"))
        return parse_split(p, spec, e);
    if (str_eqz(type, "Digits"))
        return parse_digits(p, spec, e);
    if (str_eqz(type, "Punctuation"))
        return parse_punctuation(p, spec, e);
    if (str_eqz(type, "Whitespace"))
        return add_pattern(p, spec, STR(WHITESPACE_PATTERN), false, PRETOK_REMOVED, true, e);
    if (str_eqz(type, "WhitespaceSplit"))
        return add_pattern(p, spec, STR("\\s"), false, PRETOK_REMOVED, false, e);
    if (str_eqz(type, "CharDelimiterSplit"))
        return parse_delimiter(p, spec, e);
    return json_unsupported(spec, "type",
                            "Sequence, Split, ByteLevel, Digits, Punctuation, Whitespace or WhitespaceSplit", e);
}

int pretok_parse(struct pretok *p, const struct json *root, struct err *e)
{
    const struct json *spec = json_get(root, "pre_tokenizer");
    if (spec && json_type(spec) != JSON_OBJECT)
        return json_expected(root, "pre_tokenizer", "an object", e);
    int rc = spec ? parse(p, spec, 0, e) : 0;
    if (!rc && !p->has_bytelevel)
        rc = json_unsupported(root, "pre_tokenizer", "one with ByteLevel: only byte-level BPE is supported", e);
    return rc;
}

void pretok_deinit(struct pretok *p)
{
    for (int i = 0; i < p->n_step; i++)
        regex_deinit(&p->steps[i].pattern);
    *p = (struct pretok){ 0 };
}

void pretok_run_deinit(struct pretok_run *run)
{
    regex_run_deinit(&run->regex);
}

static int cut(struct pretok_run *run, int step, struct str s, struct err *e);

/* The pieces of one step, as they come: matches and what lies between. */
struct cutter {
    struct pretok_run *run;
    int step;
    struct str s;
    bool pending;    /* a piece [from, to) that the next may be joined to */
    bool match;      /* the last item was one */
    size_t from, to; /* of the pending piece */
};

static int flush(struct cutter *c, struct err *e)
{
    if (!c->pending)
        return 0;
    c->pending = false;
    return cut(c->run, c->step + 1, str_sub(c->s, c->from, c->to), e);
}

/* Takes the next item: bytes [from, to) of the text, a match or what lies between matches. */
static int item(struct cutter *c, size_t from, size_t to, bool match, struct err *e)
{
    const struct pretok_step *step = &c->run->pretok->steps[c->step];
    bool joined = false, last = c->match;
    match ^= step->invert;
    switch (step->behaviour) {
    case PRETOK_ISOLATED:
        return cut(c->run, c->step + 1, str_sub(c->s, from, to), e);
    case PRETOK_REMOVED:
        return match ? 0 : cut(c->run, c->step + 1, str_sub(c->s, from, to), e);
    case PRETOK_MERGED_WITH_PREVIOUS:
        joined = c->pending && match && !last;
        break;
    case PRETOK_MERGED_WITH_NEXT:
        joined = c->pending && !match && last;
        break;
    case PRETOK_CONTIGUOUS:
        joined = c->pending && match == last;
        break;
    }
    c->match = match;
    if (joined) {
        c->to = to;
        return 0;
    }
    int rc = flush(c, e);
    c->pending = true;
    c->from = from;
    c->to = to;
    return rc;
}

static size_t char_bytes(struct str s, size_t at)
{
    size_t n = 1;
    while (at + n < s.n && ((unsigned char)s.p[at + n] & 0xc0) == 0x80)
        n++;
    return n;
}

static int cut_by_pattern(struct pretok_run *run, int i, struct str s, struct err *e)
{
    struct cutter c = { .run = run, .step = i, .s = s };
    size_t at = 0, done = 0, start, end;
    bool any = false; /* a match ended at `done` */
    int rc = 0;
    while (!rc && at <= s.n) {
        bool found;
        rc = regex_find(&run->pretok->steps[i].pattern, &run->regex, s, at, &found, &start, &end, e);
        if (rc || !found)
            break;
        if (start == end && any && end == done) {
            /* An empty match right behind another one would be found for ever. */
            at += at < s.n ? char_bytes(s, at) : 1;
            continue;
        }
        if (done < start)
            rc = item(&c, done, start, false, e);
        if (!rc)
            rc = item(&c, start, end, true, e);
        at = done = end;
        any = true;
    }
    if (!rc && done < s.n)
        rc = item(&c, done, s.n, false, e);
    return rc ? rc : flush(&c, e);
}

static int cut(struct pretok_run *run, int step, struct str s, struct err *e)
{
    if (!s.n)
        return 0;
    if (step == run->pretok->n_step)
        return run->fn(run->arg, s, e);
    if (!run->pretok->steps[step].prefix_space)
        return cut_by_pattern(run, step, s, e);
    if (s.p[0] == ' ')
        return cut(run, step + 1, s, e);
    struct buf spaced = { 0 };
    buf_char(&spaced, ' ');
    buf_str(&spaced, s);
    int rc = buf_check(&spaced, "a text", e);
    if (!rc)
        rc = cut(run, step + 1, buf_view(&spaced), e);
    buf_deinit(&spaced);
    return rc;
}

int pretok_cut(struct pretok_run *run, struct str s, struct err *e)
{
    return cut(run, 0, s, e);
}

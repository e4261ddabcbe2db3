/* test_tokenizer.c - ids and texts against Hugging Face tokenizers, and what is wrong with a tokenizer.json.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/utf8.h"
#include "format/json.h"
#include "support/shared.h"
#include "text/bytelevel.h"
#include "text/tokenizer.h"

#define TINY "tests/data/tokenizer/tiny.json"
#define QWEN3 "build/vocab/qwen3/tokenizer.json"

static struct tokenizer *open_ok(const char *path)
{
    struct tokenizer *t;
    struct err e = ERR_INIT;
    if (tokenizer_open(&t, path, &e))
        fail_msg("%s", e.msg);
    return t;
}

static char *read_all(const char *path)
{
    struct buf b = { 0 };
    struct err e = ERR_INIT;
    if (file_read(&b, path, &e))
        fail_msg("%s", e.msg);
    return buf_take(&b);
}

/* The ids as "1 2 3"; to be freed. */
static char *ids_text(const int32_t *v, size_t n)
{
    struct buf b = { 0 };
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, i ? " %d" : "%d", (int)v[i]);
    return buf_take(&b);
}

static char *encoded(const struct tokenizer *t, struct str text, enum tokenizer_added added)
{
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    if (tokenizer_encode(t, text, added, &ids, &e))
        fail_msg("%s", e.msg);
    char *s = ids_text(ids.v, ids.n);
    ids_deinit(&ids);
    return s;
}

/* The bytes of the tokens with "|" between. */
static void encodes_to(const struct tokenizer *t, const char *text, const char *pieces)
{
    struct ids ids = { 0 };
    struct buf b = { 0 };
    assert_int_equal(tokenizer_encode(t, str_from(text), TOKENIZER_ADDED_ALL, &ids, NULL), 0);
    for (size_t i = 0; i < ids.n; i++) {
        if (i)
            buf_char(&b, '|');
        buf_str(&b, tokenizer_bytes(t, ids.v[i]));
    }
    buf_z(&b, "");
    assert_string_equal(b.p, pieces);
    buf_deinit(&b);
    ids_deinit(&ids);
}

static void same_ids(const char *where, const struct ids *got, const struct json *want)
{
    bool same = got->n == json_len(want);
    for (size_t i = 0; i < got->n && same; i++) {
        int64_t id = -1;
        same = json_i64(json_at(want, i), &id) && id == got->v[i];
    }
    if (!same) {
        struct buf expected = { 0 };
        char *found = ids_text(got->v, got->n);
        json_write(&expected, want);
        print_message("%s\n  expected %s\n  found    %s\n", where, expected.p, found);
        buf_deinit(&expected);
        mem_free(found);
        fail();
    }
}

static void matches(const struct tokenizer *t, const char *where, struct str text, const struct json *ids,
                    const struct json *decoded)
{
    struct ids got = { 0 };
    struct buf back = { 0 };
    struct err e = ERR_INIT;
    if (tokenizer_encode(t, text, TOKENIZER_ADDED_ALL, &got, &e))
        fail_msg("%s: %s", where, e.msg);
    same_ids(where, &got, ids);
    tokenizer_decode(t, got.v, got.n, false, &back);
    if (decoded && !str_eq(buf_view(&back), json_str(decoded)))
        fail_msg("%s: decoded to \"%s\"", where, back.p);
    buf_deinit(&back);
    ids_deinit(&got);
}

/* Every row of a file of JSON lines; returns their number. */
static size_t match_rows(const struct tokenizer *t, const char *path, const char *text, const char *ids,
                         const char *decoded)
{
    char *all = read_all(path);
    struct str rest = str_from(all), line;
    size_t n = 0;
    for (; str_cut(&rest, '\n', &line); n++) {
        struct json *row;
        struct err e = ERR_INIT;
        char where[64];
        snprintf(where, sizeof where, "row %zu", n + 1);
        if (json_parse(&row, line, where, NULL, &e))
            fail_msg("%s", e.msg);
        matches(t, where, json_str(json_get(row, text)), json_get(row, ids), decoded ? json_get(row, decoded) : NULL);
        json_free(row);
    }
    mem_free(all);
    return n;
}

/* A tokenizer.json from a line of specs.jsonl: the 256 bytes are its first tokens. */
static void spec_document(struct buf *out, const struct json *spec)
{
    static const char *const parts[] = { "normalizer", "pre_tokenizer", "added_tokens" };
    struct json_iter it;
    buf_char(out, '{');
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_printf(out, "\"%s\": ", parts[i]);
        json_write(out, json_get(spec, parts[i]));
        buf_z(out, ", ");
    }
    buf_z(out, "\"decoder\": {\"type\": \"ByteLevel\"}, \"model\": {\"type\": \"BPE\", \"ignore_merges\": ");
    json_write(out, json_get(spec, "ignore_merges"));
    buf_z(out, ", \"vocab\": {");
    for (int byte = 0; byte < 256; byte++) {
        char name[UTF8_MAX];
        int n = utf8_encode(name, bytelevel_char((unsigned char)byte));
        buf_z(out, byte ? ", " : "");
        json_write_str(out, (struct str){ name, (size_t)n });
        buf_printf(out, ": %d", byte);
    }
    for (bool more = json_first(&it, json_get(spec, "vocab")); more; more = json_next(&it)) {
        buf_z(out, ", ");
        json_write_str(out, it.key);
        buf_z(out, ": ");
        json_write(out, it.value);
    }
    buf_z(out, "}, \"merges\": ");
    json_write(out, json_get(spec, "merges"));
    buf_z(out, "}}");
}

static void files_of_every_kind_encode_as_hugging_face_does(void **state)
{
    (void)state;
    char *all = read_all("tests/data/tokenizer/specs.jsonl");
    struct str rest = str_from(all), line;
    size_t n = 0;
    for (; str_cut(&rest, '\n', &line); n++) {
        struct json *spec;
        struct buf document = { 0 };
        struct tokenizer *t;
        struct err e = ERR_INIT;
        char where[64];
        assert_int_equal(json_parse(&spec, line, "specs.jsonl", NULL, &e), 0);
        spec_document(&document, spec);
        if (tokenizer_parse(&t, buf_view(&document), "spec", &e))
            fail_msg("line %zu: %s", n + 1, e.msg);
        const struct json *cases = json_get(spec, "cases");
        for (size_t i = 0; i < json_len(cases); i++) {
            const struct json *c = json_at(cases, i);
            snprintf(where, sizeof where, "line %zu, case %zu", n + 1, i);
            matches(t, where, json_str(json_at(c, 0)), json_at(c, 1), json_at(c, 2));
        }
        tokenizer_close(t);
        buf_deinit(&document);
        json_free(spec);
    }
    assert_int_equal(n, 120);
    mem_free(all);
}

static void qwen3_encodes_as_hugging_face_does(void **state)
{
    (void)state;
    const char *rows = shared_path("tokenizer/qwen3.jsonl");
    if (!rows || access(QWEN3, R_OK) != 0) {
        print_message("skipped: %s is missing (make test-vocab fetches the vocabulary)\n",
                      rows ? QWEN3 : "tokenizer/qwen3.jsonl of the shared material");
        skip();
    }
    struct tokenizer *t = open_ok(QWEN3);
    assert_int_equal(tokenizer_size(t), 151669);
    assert_int_equal(match_rows(t, rows, "text", "ids", "decoded"), 2000);
    tokenizer_close(t);
}

static void prompts_of_the_demonstration_model_encode_as_they_did_for_its_golden_logits(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("models/octet-mini");
    assert_int_equal(match_rows(t, "tests/data/golden/greedy.jsonl", "prompt", "tokens", NULL), 50);
    tokenizer_close(t);
}

static void merges_apply_by_rank_and_from_the_left(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    encodes_to(t, "hello world", "hello| world");
    /* t+his has a rank, this has none; "is" comes after "his". */
    encodes_to(t, " this", " t|his");
    encodes_to(t, "aaaaaaa", "aaaa|aa|a");
    encodes_to(t, "", "");
    tokenizer_close(t);
}

static void added_tokens_match_longest_first(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    encodes_to(t, "a<|im_end|>!b", "a|<|im_end|>!|b");
    encodes_to(t, "<|im_end|>?<|im_end|", "<|im_end|>|?|<||im|_end||");
    tokenizer_close(t);
}

static void added_tokens_obey_their_flags(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    encodes_to(t, "a \n<left> b", "a|<left>| |b");
    encodes_to(t, "a <right>\n\xe3\x80\x80 b", "a| |<right>|b");
    /* The first token takes the space; nothing is left for the second. */
    encodes_to(t, "<right> <left>", "<right>|<left>");
    encodes_to(t, "<word> x<word>y", "<word>| |x|<|w|or|d|>|y");
    /* normalized: found after composition, whatever the spelling. */
    encodes_to(t, "un cafe\xcc\x81!", "un caf\xc3\xa9|!");
    tokenizer_close(t);
}

static void no_added_tokens_on_demand(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    char *ids = encoded(t, STR("<|im_end|>"), TOKENIZER_ADDED_NONE),
         *one = encoded(t, STR("<|im_end|>"), TOKENIZER_ADDED_ALL);
    char expected[16];
    snprintf(expected, sizeof expected, "%d", (int)tokenizer_find_added(t, STR("<|im_end|>")));
    assert_string_equal(one, expected);
    assert_true(strchr(ids, ' ') != NULL);
    mem_free(ids);
    mem_free(one);
    tokenizer_close(t);
}

static void ids_have_bytes_and_kinds(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    int32_t end = tokenizer_find_added(t, STR("<|im_end|>")), call = tokenizer_find_added(t, STR("<tool_call>"));
    assert_true(end > 0 && call > 0);
    assert_int_equal(tokenizer_find_added(t, STR("<nothing>")), -1);
    assert_true(str_eqz(tokenizer_bytes(t, end), "<|im_end|>"));
    assert_true(tokenizer_is_added(t, end) && tokenizer_is_special(t, end));
    assert_true(tokenizer_is_added(t, call) && !tokenizer_is_special(t, call));
    assert_false(tokenizer_is_added(t, 'a') || tokenizer_is_special(t, 'a'));
    for (int byte = 0; byte < 256; byte++) {
        struct str s = tokenizer_bytes(t, byte);
        assert_true(s.n == 1 && (unsigned char)s.p[0] == byte);
    }
    const int32_t wrong[] = { -1, tokenizer_size(t), INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(tokenizer_bytes(t, wrong[i]).n, 0);
        assert_false(tokenizer_is_added(t, wrong[i]) || tokenizer_is_special(t, wrong[i]));
    }
    tokenizer_close(t);
}

static void decoding_leaves_out_special_tokens_and_unknown_ids(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    struct buf out = { 0 };
    int32_t ids[] = { 'a',     tokenizer_find_added(t, STR("<|im_end|>")),  -7,
                      1 << 30, tokenizer_find_added(t, STR("<tool_call>")), 0xc3 };
    tokenizer_decode(t, ids, ARRAY_LEN(ids), true, &out);
    assert_string_equal(out.p, "a<tool_call>\xef\xbf\xbd");
    buf_reset(&out);
    tokenizer_decode(t, ids, ARRAY_LEN(ids), false, &out);
    assert_string_equal(out.p, "a<|im_end|><tool_call>\xef\xbf\xbd");
    buf_deinit(&out);
    tokenizer_close(t);
}

static void wrong_utf8_counts_as_replacement(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    char *got = encoded(t, STR("a\xff\xf0\x9f\x98<|im_end|>\x80"), TOKENIZER_ADDED_ALL);
    char *want = encoded(t, STR("a\xef\xbf\xbd\xef\xbf\xbd<|im_end|>\xef\xbf\xbd"), TOKENIZER_ADDED_ALL);
    assert_string_equal(got, want);
    mem_free(got);
    mem_free(want);
    tokenizer_close(t);
}

static void texts_may_hold_nul(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    char *got = encoded(t, (struct str){ "a\0b", 3 }, TOKENIZER_ADDED_ALL);
    assert_string_equal(got, "97 0 98");
    mem_free(got);
    tokenizer_close(t);
}

/* Long words take the other way through the merges: it must not matter. */
static void long_words_merge_like_short_ones(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    for (size_t n = 1; n < 200; n++) {
        struct buf text = { 0 }, pieces = { 0 };
        for (size_t i = 0; i < n; i++)
            buf_char(&text, 'a');
        for (size_t left = n; left > 0;) {
            size_t piece = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
            buf_z(&pieces, left < n ? "|" : "");
            buf_printf(&pieces, "%.*s", (int)piece, "aaaaaaaa");
            left -= piece;
        }
        encodes_to(t, text.p, pieces.p);
        buf_deinit(&text);
        buf_deinit(&pieces);
    }
    tokenizer_close(t);
}

static void a_megabyte_of_one_character_comes_back(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    for (const char *c = "ax =\n1"; *c; c++) {
        struct buf text = { 0 }, back = { 0 };
        struct ids ids = { 0 };
        for (int i = 0; i < 1000000; i++)
            buf_char(&text, *c);
        assert_int_equal(tokenizer_encode(t, buf_view(&text), TOKENIZER_ADDED_ALL, &ids, NULL), 0);
        tokenizer_decode(t, ids.v, ids.n, false, &back);
        assert_true(str_eq(buf_view(&text), buf_view(&back)));
        buf_deinit(&text);
        buf_deinit(&back);
        ids_deinit(&ids);
    }
    tokenizer_close(t);
}

static void a_repeated_word_is_remembered_right(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    struct buf text = { 0 };
    struct ids all = { 0 }, one = { 0 };
    static const char line[] = "hello world this_end aaaaaaa\n";
    for (int i = 0; i < 200; i++)
        buf_z(&text, line);
    assert_int_equal(tokenizer_encode(t, str_from(line), TOKENIZER_ADDED_ALL, &one, NULL), 0);
    assert_int_equal(tokenizer_encode(t, buf_view(&text), TOKENIZER_ADDED_ALL, &all, NULL), 0);
    assert_int_equal(all.n, one.n * 200);
    for (size_t i = 0; i < all.n; i++)
        assert_int_equal(all.v[i], one.v[i % one.n]);
    buf_deinit(&text);
    ids_deinit(&all);
    ids_deinit(&one);
    tokenizer_close(t);
}

struct threads {
    const struct tokenizer *t;
    struct str text;
    struct ids ids[4];
};

static void encode_in_thread(void *arg, int ith, int nth)
{
    struct threads *s = arg;
    (void)nth;
    if (tokenizer_encode(s->t, s->text, TOKENIZER_ADDED_ALL, &s->ids[ith], NULL))
        s->ids[ith].n = 0;
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok(TINY);
    char *text = read_all("tests/data/tokenizer/specs.jsonl");
    struct threads s = { .t = t, .text = str_from(text) };
    struct pool *p;
    assert_int_equal(pool_new(&p, 4, NULL), 0);
    pool_run(p, encode_in_thread, &s);
    pool_free(p);
    for (int i = 0; i < 4; i++) {
        assert_true(s.ids[i].n > 0 && s.ids[i].n == s.ids[0].n);
        assert_memory_equal(s.ids[i].v, s.ids[0].v, s.ids[0].n * sizeof *s.ids[0].v);
        ids_deinit(i ? &s.ids[i] : &(struct ids){ 0 });
    }
    ids_deinit(&s.ids[0]);
    mem_free(text);
    tokenizer_close(t);
}

static void refuses(struct str json, int code, const char *message)
{
    struct tokenizer *t = NULL;
    struct err e = ERR_INIT;
    int rc = tokenizer_parse(&t, json, "t.json", &e);
    assert_null(t);
    if (rc != code || e.code != code || !strstr(e.msg, message) || !str_starts(str_from(e.msg), STR("t.json: ")))
        fail_msg("expected code %d and \"%s\", found %d, \"%s\"", code, message, rc, e.msg);
}

/* tiny.json with the first `from` replaced. */
static void edit(struct buf *out, const char *from, const char *to)
{
    char *tiny = read_all(TINY), *at = strstr(tiny, from);
    if (!at)
        fail_msg("tiny.json holds no %s", from);
    buf_printf(out, "%.*s%s%s", (int)(at - tiny), tiny, to, at + strlen(from));
    mem_free(tiny);
}

static void refuses_edit(const char *from, const char *to, int code, const char *message)
{
    struct buf edited = { 0 };
    edit(&edited, from, to);
    refuses(buf_view(&edited), code, message);
    buf_deinit(&edited);
}

static struct tokenizer *open_edit(const char *from, const char *to)
{
    struct buf edited = { 0 };
    struct tokenizer *t;
    struct err e = ERR_INIT;
    edit(&edited, from, to);
    if (tokenizer_parse(&t, buf_view(&edited), "t.json", &e))
        fail_msg("%s", e.msg);
    buf_deinit(&edited);
    return t;
}

/* The number of tokens of s over and over. */
static size_t count_repeated(const struct tokenizer *t, const char *s, size_t times)
{
    struct buf text = { 0 };
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    for (size_t i = 0; i < times; i++)
        buf_z(&text, s);
    if (tokenizer_encode(t, buf_view(&text), TOKENIZER_ADDED_ALL, &ids, &e))
        fail_msg("%s", e.msg);
    size_t n = ids.n;
    ids_deinit(&ids);
    buf_deinit(&text);
    return n;
}

/* Each looks at the white space behind it: all of it each time would take minutes. */
static void a_megabyte_of_tokens_that_strip_each_other_ends(void **state)
{
    (void)state;
    struct tokenizer *t =
        open_edit("\"added_tokens\":[", "\"added_tokens\":[{\"id\":400,\"content\":\"\\u3000\",\"rstrip\":true,"
                                        "\"normalized\":false},{\"id\":401,\"content\":\"\\u2003\",\"lstrip\":true,"
                                        "\"rstrip\":true,\"normalized\":false},");
    assert_int_equal(count_repeated(t, "\xe3\x80\x80", 333333), 333333);
    assert_int_equal(count_repeated(t, "\xe2\x80\x83", 333333), 333333);
    tokenizer_close(t);
}

/* The machine's stack and PCRE2's own would be too small for this; Oniguruma matches it. */
static void a_pattern_with_a_repeated_group_matches_a_long_word(void **state)
{
    (void)state;
    struct tokenizer *t = open_edit("\"Regex\":\"", "\"Regex\":\"(?:a|b)+|");
    assert_int_equal(count_repeated(t, "ab", 200000), 400000);
    tokenizer_close(t);
}

static void wrong_vocabularies_are_refused(void **state)
{
    (void)state;
    refuses_edit("\"he\":256", "\"he\":\"256\"", ERR_FORMAT, "model.vocab: the id of \"he\" is not a number");
    refuses_edit("\"he\":256", "\"he\":[256]", ERR_FORMAT, "model.vocab: the id of \"he\" is not a number");
    refuses_edit("\"he\":256", "\"he\":-1", ERR_FORMAT, "\"he\" has id -1, expected an integer from 0");
    refuses_edit("\"he\":256", "\"he\":2.5", ERR_FORMAT, "\"he\" has id 2.5");
    refuses_edit("\"he\":256", "\"he\":2000000000", ERR_LIMIT,
                 "\"he\" has id 2000000000, the largest that is supported");
    refuses_edit("\"he\":256", "\"he\":99999999999999999999", ERR_FORMAT, "\"he\" has id 99999999999999999999");
    refuses_edit("\"he\":256", "\"he\":5", ERR_FORMAT, "model.vocab: id 5 is given twice");
    refuses_edit("\"he\":256", "\"he\":256,\"he\":999", ERR_FORMAT, "model.vocab: \"he\" occurs twice");
    refuses_edit("\"he\":256", "\"\\u001b[31m\":-1", ERR_FORMAT, "\"\\u001b[31m\" has id -1, expected");
    refuses_edit("\"vocab\":{", "\"vocab\":7,\"x\":{", ERR_FORMAT, "model.vocab: expected an object, found 7");
    refuses_edit("\"vocab\":{", "\"x\":{", ERR_FORMAT, "model.vocab: expected an object, found nothing");
    refuses_edit("\"vocab\":{", "\"vocab\":{},\"vocab\":{", ERR_FORMAT, "model.vocab occurs twice");
}

static void wrong_merges_are_refused(void **state)
{
    (void)state;
    refuses_edit("\"merges\":", "\"merge\":", ERR_FORMAT, "model.merges: expected an array, found nothing");
    refuses_edit("\"merges\":[", "\"merges\":3,\"x\":[", ERR_FORMAT, "model.merges: expected an array, found 3");
    refuses_edit("[\"h\",\"e\"]", "[\"h\"]", ERR_FORMAT, "model.merges: merge 0: expected a string");
    refuses_edit("[\"h\",\"e\"]", "[\"h\",\"e\",\"l\"]", ERR_FORMAT, "model.merges: merge 1: expected a string");
    refuses_edit("[\"h\",\"e\"]", "[\"h\",[\"e\"]]", ERR_FORMAT, "model.merges: merge 0: expected a string");
    refuses_edit("[\"h\",\"e\"]", "{\"h\":\"e\"}", ERR_FORMAT, "model.merges: merge 0: expected a string");
    refuses_edit("[\"h\",\"e\"]", "17", ERR_FORMAT, "model.merges: merge 0: expected a string");
    refuses_edit("[\"h\",\"e\"]", "\"he\"", ERR_FORMAT, "model.merges: merge 0 is \"he\", expected two tokens");
    refuses_edit("[\"h\",\"e\"]", "\"h e l\"", ERR_FORMAT, "model.merges: merge 0 is \"h e l\", expected two tokens");
    refuses_edit("[\"h\",\"e\"]", "[\"h\",\"nowhere\"]", ERR_FORMAT, "merge 0: \"nowhere\" is not in the vocabulary");
    refuses_edit("[\"h\",\"e\"]", "[\"h\",\"h\"]", ERR_FORMAT, "merge 0: \"hh\" is not in the vocabulary");
    /* A merge before what it is made of is no mistake: it only comes first. So is one that goes in a circle: there is none. */
    refuses_edit("[\"h\",\"e\"]", "[\"hello\",\"hello\"]", ERR_FORMAT, "\"hellohello\" is not in the vocabulary");
}

static void what_is_not_byte_level_bpe_is_refused_by_name(void **state)
{
    (void)state;
    refuses_edit("\"type\":\"BPE\"", "\"type\":\"Unigram\"", ERR_UNSUPPORTED,
                 "model.type: expected \"BPE\", found \"Unigram\"");
    refuses_edit("\"normalizer\":{\"type\":\"NFC\"}", "\"normalizer\":{\"type\":\"Prepend\",\"prepend\":\"x\"}",
                 ERR_UNSUPPORTED, "found \"Prepend\"");
    refuses_edit("\"normalizer\":{\"type\":\"NFC\"}",
                 "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Replace\"}]}",
                 ERR_UNSUPPORTED, "found \"Replace\"");
    refuses_edit("\"normalizer\":{\"type\":\"NFC\"}", "\"normalizer\":\"NFC\"", ERR_FORMAT,
                 "normalizer: expected an object");
    refuses_edit("\"type\":\"Sequence\"", "\"type\":\"Metaspace\"", ERR_UNSUPPORTED, "found \"Metaspace\"");
    refuses_edit("\"pre_tokenizer\":", "\"pre\":", ERR_UNSUPPORTED, "only byte-level BPE is supported");
    refuses_edit("\"decoder\":{\"type\":\"ByteLevel\"", "\"decoder\":{\"type\":\"WordPiece\"", ERR_UNSUPPORTED,
                 "found \"WordPiece\"");
    refuses_edit("\"dropout\":null", "\"dropout\":0.1", ERR_UNSUPPORTED, "model.dropout");
    refuses_edit("\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"", ERR_UNSUPPORTED,
                 "model.end_of_word_suffix");
    refuses_edit("\"unk_token\":null", "\"unk_token\":\"<unk>\"", ERR_FORMAT, "model.unk_token");
}

static void wrong_patterns_are_refused(void **state)
{
    (void)state;
    static const char from[] = "\"Regex\":\"(?i:'s";
    refuses_edit(from, "\"Regex\":\"(?i:'s(", ERR_UNSUPPORTED, "missing closing parenthesis");
    refuses_edit(from, "\"Regex\":\"[a[b]", ERR_UNSUPPORTED, "pre_tokenizer.pretokenizers[0].pattern.Regex");
    refuses_edit(from, "\"Regex\":\"(*LIMIT_MATCH=1)(?i:'s", ERR_UNSUPPORTED, "\"(*\" is not supported");
    refuses_edit(from, "\"Regex\":\"(?x)(?i:'s", ERR_UNSUPPORTED, "extended mode");
    refuses_edit(from, "\"Regex\":\"\\\\p{Nonsense}(?i:'s", ERR_UNSUPPORTED, "pattern.Regex");
    refuses_edit("\"behavior\":\"Isolated\"", "\"behavior\":\"Odd\"", ERR_FORMAT, "found \"Odd\"");
    refuses_edit("\"pattern\":{", "\"pattern\":3,\"x\":{", ERR_FORMAT, "pattern: expected an object, found 3");
}

static void wrong_added_tokens_are_refused(void **state)
{
    (void)state;
    refuses_edit("\"content\":\"<|im_end|>\"", "\"content\":5", ERR_FORMAT, "content: expected a string, found 5");
    refuses_edit("\"content\":\"<|im_end|>\"", "\"text\":5", ERR_FORMAT, "content: expected a string, found nothing");
    refuses_edit("\"content\":\"<|im_end|>\"", "\"content\":\"he\"", ERR_FORMAT, "\"he\" has id ");
    refuses_edit("{\"id\":283", "{\"id\":256", ERR_FORMAT, "has id 256, which model.vocab gives to another token");
    refuses_edit("{\"id\":283", "{\"id\":284", ERR_FORMAT, "id 284 is given twice");
    refuses_edit("{\"id\":283", "{\"id\":-1", ERR_FORMAT, "id: ");
    refuses_edit("{\"id\":283", "{\"id\":4000000000", ERR_FORMAT, "id: ");
    refuses_edit("\"added_tokens\":[", "\"added_tokens\":[17,", ERR_FORMAT,
                 "added_tokens[0]: expected an object, found 17");
}

static void texts_that_are_not_a_tokenizer_are_refused(void **state)
{
    (void)state;
    refuses(STR(""), ERR_FORMAT, "line 1");
    refuses(STR("[]"), ERR_FORMAT, "expected");
    refuses(STR("{}"), ERR_FORMAT, "model: expected an object, found nothing");
    refuses(STR("{\"model\": []}"), ERR_FORMAT, "model: expected an object");
    refuses(STR("{\"model\": {}} x"), ERR_FORMAT, "line 1, column ");
    refuses(STR("{\"model\": {\n'a': 1}}"), ERR_FORMAT, "line 2, column ");
    struct buf deep = { 0 };
    for (int i = 0; i < 100000; i++)
        buf_char(&deep, '[');
    refuses(buf_view(&deep), ERR_LIMIT, "inside each other");
    buf_deinit(&deep);
}

static void a_truncated_file_is_refused_wherever_it_ends(void **state)
{
    (void)state;
    char *tiny = read_all(TINY);
    size_t n = strlen(tiny) - 1;
    for (size_t i = 0; i < n; i++) {
        struct tokenizer *t;
        struct err e = ERR_INIT;
        /* A copy of its own size, so that the sanitiser sees a read behind its end. */
        char *part = xstrndup(tiny, i);
        assert_int_equal(tokenizer_parse(&t, (struct str){ part, i }, "t.json", &e), ERR_FORMAT);
        assert_null(t);
        mem_free(part);
    }
    mem_free(tiny);
}

static void a_missing_file_is_named(void **state)
{
    (void)state;
    struct tokenizer *t;
    struct err e = ERR_INIT;
    assert_int_equal(tokenizer_open(&t, "tests/data", &e), ERR_IO);
    assert_non_null(strstr(e.msg, "tests/data/tokenizer.json"));
    assert_null(t);
}

static void a_pattern_that_goes_wild_stops_at_a_limit(void **state)
{
    (void)state;
    char *tiny = read_all(TINY), *at = strstr(tiny, "\"Regex\":\""), *end = strstr(at, "\"},\"behavior\"");
    struct buf edited = { 0 };
    struct tokenizer *t;
    struct ids ids = { 0 };
    struct err e = ERR_INIT;
    buf_printf(&edited, "%.*s\"Regex\":\"(?:a|aa)+[0-9]%s", (int)(at - tiny), tiny, end);
    assert_int_equal(tokenizer_parse(&t, buf_view(&edited), "t.json", &e), 0);
    ids_add(&ids, 7);
    assert_int_equal(tokenizer_encode(t, STR("x aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac"),
                                      TOKENIZER_ADDED_ALL, &ids, &e),
                     ERR_LIMIT);
    assert_non_null(strstr(e.msg, "gives up"));
    assert_true(ids.n == 1 && ids.v[0] == 7);
    ids_deinit(&ids);
    tokenizer_close(t);
    buf_deinit(&edited);
    mem_free(tiny);
}

static void running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    char *tiny = read_all(TINY);
    struct tokenizer *t = NULL;
    int rc = -1;
    for (long nth = 1; rc; nth++) {
        struct err e = ERR_INIT;
        mem_fail_after(nth);
        rc = tokenizer_parse(&t, str_from(tiny), "t.json", &e);
        mem_fail_after(0);
        if (rc ? t || e.code != rc || !e.msg[0] : !t)
            fail_msg("allocation %ld failing: code %d, \"%s\"", nth, rc, e.msg);
        assert_true(nth < 10000);
    }
    rc = -1;
    for (long nth = 1; rc; nth++) {
        struct ids ids = { 0 };
        struct err e = ERR_INIT;
        mem_fail_after(nth);
        rc = tokenizer_encode(
            t, STR("un cafe\xcc\x81 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff<right>"),
            TOKENIZER_ADDED_ALL, &ids, &e);
        mem_fail_after(0);
        assert_true(rc == 0 || (rc == e.code && ids.n == 0));
        ids_deinit(&ids);
        assert_true(nth < 10000);
    }
    tokenizer_close(t);
    mem_free(tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_every_kind_encode_as_hugging_face_does),
        cmocka_unit_test(qwen3_encodes_as_hugging_face_does),
        cmocka_unit_test(prompts_of_the_demonstration_model_encode_as_they_did_for_its_golden_logits),
        cmocka_unit_test(merges_apply_by_rank_and_from_the_left),
        cmocka_unit_test(added_tokens_match_longest_first),
        cmocka_unit_test(added_tokens_obey_their_flags),
        cmocka_unit_test(no_added_tokens_on_demand),
        cmocka_unit_test(ids_have_bytes_and_kinds),
        cmocka_unit_test(decoding_leaves_out_special_tokens_and_unknown_ids),
        cmocka_unit_test(wrong_utf8_counts_as_replacement),
        cmocka_unit_test(texts_may_hold_nul),
        cmocka_unit_test(long_words_merge_like_short_ones),
        cmocka_unit_test(a_megabyte_of_one_character_comes_back),
        cmocka_unit_test(a_repeated_word_is_remembered_right),
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(a_megabyte_of_tokens_that_strip_each_other_ends),
        cmocka_unit_test(a_pattern_with_a_repeated_group_matches_a_long_word),
        cmocka_unit_test(wrong_vocabularies_are_refused),
        cmocka_unit_test(wrong_merges_are_refused),
        cmocka_unit_test(what_is_not_byte_level_bpe_is_refused_by_name),
        cmocka_unit_test(wrong_patterns_are_refused),
        cmocka_unit_test(wrong_added_tokens_are_refused),
        cmocka_unit_test(texts_that_are_not_a_tokenizer_are_refused),
        cmocka_unit_test(a_truncated_file_is_refused_wherever_it_ends),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_pattern_that_goes_wild_stops_at_a_limit),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

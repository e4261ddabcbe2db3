/* test_detok.c - the streaming detokeniser against decoding at once.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/rng.h"
#include "base/utf8.h"
#include "text/detok.h"

static struct tokenizer *tok;

static int setup(void **state)
{
    (void)state;
    return tokenizer_open(&tok, "tests/data/tokenizer/tiny.json", NULL);
}

static int teardown(void **state)
{
    (void)state;
    tokenizer_close(tok);
    return 0;
}

/* Pushes the ids one by one: every part is whole characters, at most 3 bytes are held, and together they are the decoded text. */
static void streams(const int32_t *ids, size_t n, bool skip_special)
{
    struct detok d;
    struct buf streamed = { 0 }, whole = { 0 };
    detok_init(&d, tok, skip_special);
    for (size_t i = 0; i < n; i++) {
        size_t before = streamed.n;
        detok_push(&d, ids[i], &streamed);
        assert_true(utf8_valid(str_sub(buf_view(&streamed), before, streamed.n)));
        assert_in_range(d.n_held, 0, 3);
    }
    detok_flush(&d, &streamed);
    assert_int_equal(d.n_held, 0);
    tokenizer_decode(tok, ids, n, skip_special, &whole);
    assert_true(str_eq(buf_view(&streamed), buf_view(&whole)));
    buf_deinit(&streamed);
    buf_deinit(&whole);
}

static void random_ids_stream_as_they_decode(void **state)
{
    (void)state;
    struct rng r;
    rng_init(&r, 1);
    for (int round = 0; round < 20000; round++) {
        int32_t ids[12];
        size_t n = rng_below(&r, ARRAY_LEN(ids) + 1);
        for (size_t i = 0; i < n; i++) {
            /* Mostly bytes of characters, right and wrong; now and then any id, and some beyond the last. */
            static const int32_t pieces[] = { 0xf0, 0x9f, 0x98, 0x80, 0xe2, 0x82, 0xac,
                                              0xc3, 0xa9, 0xed, 0xa0, 0xff, 'a' };
            ids[i] = rng_below(&r, 4) ? pieces[rng_below(&r, ARRAY_LEN(pieces))]
                                      : (int32_t)rng_below(&r, (uint32_t)tokenizer_size(tok) + 3);
        }
        streams(ids, n, round & 1);
    }
}

static void a_character_comes_whole(void **state)
{
    (void)state;
    struct detok d;
    struct buf out = { 0 };
    detok_init(&d, tok, false);
    const int32_t smile[] = { 0xf0, 0x9f, 0x98, 0x80 };
    for (int i = 0; i < 3; i++) {
        detok_push(&d, smile[i], &out);
        assert_int_equal(out.n, 0);
    }
    detok_push(&d, smile[3], &out);
    assert_string_equal(out.p, "\xf0\x9f\x98\x80");
    buf_deinit(&out);
}

static void wrong_bytes_come_as_replacement_at_once(void **state)
{
    (void)state;
    struct detok d;
    struct buf out = { 0 };
    detok_init(&d, tok, false);
    detok_push(&d, 0xe2, &out);
    detok_push(&d, 'x', &out);
    assert_string_equal(out.p, "\xef\xbf\xbdx");
    detok_push(&d, 0xff, &out);
    assert_string_equal(out.p, "\xef\xbf\xbdx\xef\xbf\xbd");
    buf_deinit(&out);
}

static void flush_ends_what_is_held_and_starts_anew(void **state)
{
    (void)state;
    struct detok d;
    struct buf out = { 0 };
    detok_init(&d, tok, false);
    detok_push(&d, 0xf0, &out);
    detok_push(&d, 0x9f, &out);
    detok_flush(&d, &out);
    assert_string_equal(out.p, "\xef\xbf\xbd");
    detok_flush(&d, &out);
    detok_push(&d, 'a', &out);
    assert_string_equal(out.p, "\xef\xbf\xbd"
                               "a");
    buf_deinit(&out);
}

static void special_tokens_are_left_out_between_halves_of_a_character(void **state)
{
    (void)state;
    struct detok d;
    struct buf out = { 0 };
    detok_init(&d, tok, true);
    detok_push(&d, 0xc3, &out);
    detok_push(&d, tokenizer_find_added(tok, STR("<|im_end|>")), &out);
    detok_push(&d, 0xa9, &out);
    assert_string_equal(out.p, "\xc3\xa9");
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_ids_stream_as_they_decode),
        cmocka_unit_test(a_character_comes_whole),
        cmocka_unit_test(wrong_bytes_come_as_replacement_at_once),
        cmocka_unit_test(flush_ends_what_is_held_and_starts_anew),
        cmocka_unit_test(special_tokens_are_left_out_between_halves_of_a_character),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}

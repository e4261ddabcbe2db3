/* test_safetensors.c - headers of safetensors files: good ones, and every way in which they can lie.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "format/safetensors.h"
#include "support/made.h"

/* A file: the header's text, its length as given, and n_data zero bytes. The caller frees the copy, which is exactly as long
 * as the file, so that reading behind its end shows. */
static uint8_t *file_of(const char *header, uint64_t length, size_t n_data, size_t *n)
{
    size_t n_header = strlen(header);
    *n = 8 + n_header + n_data;
    uint8_t *p = xcalloc(*n, 1);
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(length >> (8 * i));
    memcpy(p + 8, header, n_header);
    return p;
}

static void refuses_bytes(const uint8_t *p, size_t n, const char *message)
{
    struct tensors t = { 0 };
    struct err e = ERR_INIT;
    int rc = safetensors_parse(&t, p, n, 0, "file", &e);
    if (rc >= 0 || rc != e.code || !strstr(e.msg, message))
        fail_msg("message \"%s\" does not hold \"%s\"", e.msg, message);
    assert_true(!strncmp(e.msg, "file: ", 6));
    assert_int_equal(t.n, 0);
    tensors_deinit(&t);
}

static void refuses(const char *header, size_t n_data, const char *message)
{
    size_t n;
    uint8_t *p = file_of(header, strlen(header), n_data, &n);
    refuses_bytes(p, n, message);
    mem_free(p);
}

#define ENTRY(dtype, shape, from, to)                                                                                  \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void a_good_file_gives_its_tensors(void **state)
{
    (void)state;
    struct tensors t = { 0 };
    struct err e = ERR_INIT;
    size_t n;
    const char *header = "{\"__metadata__\":{\"format\":\"mlx\"},\"b\":" ENTRY("BF16", "[2,3]", 4, 16) ",\"a\":" ENTRY(
        "U32", "[]", 0, 4) ",\"none\":" ENTRY("F32", "[0,7]", 16, 16) "}   ";
    uint8_t *p = file_of(header, strlen(header), 16, &n);
    if (safetensors_parse(&t, p, n, 3, "file", &e))
        fail_msg("%s", e.msg);
    assert_int_equal(t.n, 3);
    const struct tensor *b = tensors_find(&t, "b"), *a = tensors_find(&t, "a"), *none = tensors_find(&t, "none");
    assert_true(b && a && none && !tensors_find(&t, "c") && !tensors_find(&t, "__metadata__"));
    assert_int_equal(b->dtype, DTYPE_BF16);
    assert_int_equal(b->n_dim, 2);
    assert_int_equal(b->dim[0] * 10 + b->dim[1], 23);
    assert_int_equal(b->n_bytes, 12);
    assert_ptr_equal(b->p, p + n - 12);
    assert_int_equal(b->shard, 3);
    assert_int_equal(a->n_dim, 0);
    assert_int_equal(none->n_bytes, 0);
    struct buf shape = { 0 };
    tensor_describe(&shape, b);
    assert_string_equal(shape.p, "BF16 [2, 3]");
    buf_deinit(&shape);
    tensors_deinit(&t);
    mem_free(p);
}

static void an_empty_set_of_tensors_is_a_file(void **state)
{
    (void)state;
    struct tensors t = { 0 };
    size_t n;
    uint8_t *p = file_of("{}", 2, 0, &n);
    assert_int_equal(safetensors_parse(&t, p, n, 0, "file", NULL), 0);
    assert_int_equal(t.n, 0);
    tensors_deinit(&t);
    mem_free(p);
}

static void header_lengths_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *message;
    } rows[] = {
        { 0, "the header's length is 0 bytes" },
        { 1, "the header's length is 1 bytes" },
        { 3, "but the file has only 10" },
        { 100000000, "but the file has only 10" },
        { 100000001, "expected 2 to 100000000" },
        { (uint64_t)1 << 32, "the header's length is 4294967296" },
        { (uint64_t)1 << 63, "the header's length is 9223372036854775808" },
        { UINT64_MAX, "the header's length is 18446744073709551615" },
        { UINT64_MAX - 7, "the header's length is" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t n;
        uint8_t *p = file_of("{}", rows[i].length, 0, &n);
        refuses_bytes(p, n, rows[i].message);
        mem_free(p);
    }
    for (size_t n = 0; n < 8; n++) {
        uint8_t *p = xcalloc(n + 1, 1);
        refuses_bytes(p, n, "too few");
        mem_free(p);
    }
    refuses_bytes(NULL, 0, "too few");
}

static void other_kinds_of_file_are_named(void **state)
{
    (void)state;
    static const char gguf[] = "GGUF\3\0\0\0\0\0\0\0",
                      lfs[] = "version https://git-lfs.github.com/spec/v1\noid sha256:00\n";
    refuses_bytes((const uint8_t *)gguf, sizeof gguf, "this is a GGUF file");
    refuses_bytes((const uint8_t *)lfs, sizeof lfs, "Git LFS pointer");
}

static void headers_that_are_not_json_are_refused(void **state)
{
    (void)state;
    refuses("{\"a\":", 0, "line 1, column");
    refuses("[]", 0, "the header is an array");
    refuses("null", 0, "the header is null");
    refuses("{\"a\xff\":1}", 0, "not UTF-8");
    refuses("{\"a\":[[[[[[[[[[1]]]]]]]]]]}", 0, "nested more than 8 deep");
    refuses("{} x", 0, "goes on behind");
}

static void entries_are_checked(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "{\"a\":1}", "a: expected an object" },
        { "{\"a\":null}", "a: expected an object" },
        { "{\"a\":{}}", "a.dtype: expected a string, found nothing" },
        { "{\"a\":" ENTRY("F4", "[1]", 0, 4) "}",
          "a.dtype: expected a safetensors type such as BF16 or U32, found \"F4\"" },
        { "{\"a\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", "a.dtype: expected a string, found 7" },
        { "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", "a.shape: expected an array, found nothing" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", "a.data_offsets: expected an array" },
        { "{\"a\":" ENTRY("F32", "[-1]", 0, 4) "}", "a.shape[0]: expected a size of at least 0, found -1" },
        { "{\"a\":" ENTRY("F32", "[1.0]", 0, 4) "}", "a.shape[0]: expected a size" },
        { "{\"a\":" ENTRY("F32", "[\"1\"]", 0, 4) "}", "a.shape[0]: expected a size" },
        { "{\"a\":" ENTRY("F32", "[99999999999999999999]", 0, 4) "}", "a.shape[0]: expected a size" },
        { "{\"a\":" ENTRY("F32", "[4294967296,4294967296]", 0, 4) "}", "overflows" },
        { "{\"a\":" ENTRY("F64", "[2305843009213693952]", 0, 4) "}", "overflows" },
        { "{\"a\":" ENTRY("F32", "[9223372036854775807,9223372036854775807,0]", 0, 0) "}", "overflows" },
        { "{\"a\":" ENTRY("U8", "[1,1,1,1,1,1,1,1,1]", 0, 1) "}", "9 dimensions" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
          "a.data_offsets: expected two byte offsets" },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", "a.data_offsets: expected two" },
        { "{\"a\":" ENTRY("F32", "[1]", -4, 0) "}", "a.data_offsets[0]: expected a byte offset, found -4" },
        { "{\"a\":" ENTRY("F32", "[1]", 0, 4.5) "}", "a.data_offsets[1]: expected a byte offset" },
        { "{\"a\":" ENTRY("F32", "[1]", 18446744073709551612, 0) "}", "a.data_offsets[0]: expected a byte offset" },
        { "{\"a\":" ENTRY("F32", "[1]", 4, 0) "}", "before its start" },
        { "{\"a\":" ENTRY("F32", "[2]", 0, 4) "}", "F32 [2] needs 8 bytes, data_offsets give it 4" },
        { "{\"a\":" ENTRY("F32", "[0]", 0, 4) "}", "needs 0 bytes" },
        { "{\"a\":" ENTRY("U8", "[5]", 0, 5) "}", "ends at byte 5 of the data, but the file holds only 4" },
        { "{\"a\":" ENTRY("U8", "[9223372036854775807]", 0, 9223372036854775807) "}", "the file holds only 4" },
        { "{\"\":" ENTRY("F32", "[1]", 0, 4) "}", "\"\" is no tensor name" },
        { "{\"a\\u001bb\":" ENTRY("F32", "[1]", 0, 4) "}", "\"a\\u001bb\" is no tensor name" },
        { "{\"a\":" ENTRY("U8", "[2]", 0, 2) ",\"a\":" ENTRY("U8", "[2]", 2, 4) "}", "the key \"a\" occurs twice" },
        { "{\"a\":" ENTRY("U8", "[2]", 0, 2) ",\"\\u0061\":" ENTRY("U8", "[2]", 2, 4) "}", "occurs twice" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        refuses(rows[i][0], 4, rows[i][1]);
}

static void tensors_must_cover_the_data_exactly(void **state)
{
    (void)state;
    refuses("{\"a\":" ENTRY("U8", "[3]", 0, 3) ",\"b\":" ENTRY("U8", "[2]", 2, 4) "}", 4,
            "tensors a and b overlap at byte 2");
    refuses("{\"a\":" ENTRY("U8", "[4]", 0, 4) ",\"b\":" ENTRY("U8", "[4]", 0, 4) "}", 4, "overlap");
    refuses("{\"a\":" ENTRY("U8", "[4]", 0, 4) ",\"b\":" ENTRY("U8", "[0]", 2, 2) "}", 4, "overlap");
    refuses("{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"b\":" ENTRY("U8", "[2]", 2, 4) "}", 4,
            "bytes 1 to 2 of the data, before b, belong to no tensor");
    refuses("{\"a\":" ENTRY("U8", "[2]", 2, 4) "}", 4, "bytes 0 to 2");
    refuses("{\"a\":" ENTRY("U8", "[3]", 0, 3) "}", 4, "1 bytes behind the last tensor");
    refuses("{}", 4, "4 bytes behind");
}

/* Every prefix of a good file is refused, without a byte read behind it. */
static void truncated_files_are_refused(void **state)
{
    (void)state;
    struct made m;
    struct buf bytes = { 0 };
    made_init(&m);
    made_tensor(&m, "x.weight", DTYPE_U32, 0, 3, 4);
    made_tensor(&m, "x.scales", DTYPE_BF16, 0, 3, 1);
    made_bytes(&m, 0, m.n, &bytes);
    for (size_t n = 0; n <= bytes.n; n++) {
        struct tensors t = { 0 };
        uint8_t *copy = xmalloc(n + 1);
        memcpy(copy, bytes.p, n);
        copy = xrealloc(copy, n ? n : 1);
        assert_int_equal(safetensors_parse(&t, copy, n, 0, "file", NULL) == 0, n == bytes.n);
        tensors_deinit(&t);
        mem_free(copy);
    }
    buf_deinit(&bytes);
    made_deinit(&m);
}

static void a_name_in_two_files_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct tensors t = { 0 };
    struct err e = ERR_INIT;
    size_t n1, n2;
    const char *h1 = "{\"a\":" ENTRY("U8", "[1]", 0, 1) "}";
    const char *h2 = "{\"b\":" ENTRY("U8", "[1]", 0, 1) ",\"a\":" ENTRY("U8", "[1]", 1, 2) "}";
    uint8_t *p1 = file_of(h1, strlen(h1), 1, &n1), *p2 = file_of(h2, strlen(h2), 2, &n2);
    assert_int_equal(safetensors_parse(&t, p1, n1, 0, "one", NULL), 0);
    assert_int_equal(safetensors_parse(&t, p2, n2, 1, "two", &e), ERR_FORMAT);
    assert_string_equal(e.msg, "two: tensor a is there already, in file 1 of the set");
    assert_int_equal(t.n, 1);
    assert_null(tensors_find(&t, "b"));
    assert_ptr_equal(tensors_find(&t, "a")->p, p1 + n1 - 1);
    tensors_deinit(&t);
    mem_free(p1);
    mem_free(p2);
}

static void what_is_written_reads_back(void **state)
{
    (void)state;
    struct tensor v[] = { { .name = "m.weight", .dtype = DTYPE_U32, .n_dim = 3, .dim = { 2, 3, 4 } },
                          { .name = "m.scales", .dtype = DTYPE_BF16, .n_dim = 2, .dim = { 3, 1 } } };
    struct buf out = { 0 };
    struct tensors t = { 0 };
    struct err e = ERR_INIT;
    assert_int_equal(safetensors_header(&out, v, 2, &e), 0);
    assert_string_equal(out.p + 8,
                        "{\"__metadata__\":{\"format\":\"mlx\"},\"m.weight\":{\"data_offsets\":[0,96],\"dtype\":"
                        "\"U32\",\"shape\":[2,3,4]},\"m.scales\":{\"data_offsets\":[96,102],\"dtype\":\"BF16\","
                        "\"shape\":[3,1]}}");
    assert_int_equal(v[0].n_bytes, 96);
    assert_int_equal(v[1].n_bytes, 6);
    for (int i = 0; i < 102; i++)
        buf_char(&out, (char)i);
    if (safetensors_parse(&t, (const uint8_t *)out.p, out.n, 0, "made", &e))
        fail_msg("%s", e.msg);
    assert_int_equal(tensors_find(&t, "m.scales")->p[0], 96);
    tensors_deinit(&t);
    buf_deinit(&out);
    v[0].dim[0] = v[0].dim[1] = (size_t)1 << 40;
    assert_int_equal(safetensors_header(&out, v, 2, &e), ERR_LIMIT);
    buf_deinit(&out);
}

static void running_out_of_memory_is_an_error(void **state)
{
    (void)state;
    const char *header = "{\"a\":" ENTRY("U8", "[1]", 0, 1) ",\"b\":" ENTRY("U8", "[1]", 1, 2) "}";
    size_t n;
    uint8_t *p = file_of(header, strlen(header), 2, &n);
    int rc = -1;
    for (long nth = 1; rc; nth++) {
        struct tensors t = { 0 };
        struct err e = ERR_INIT;
        assert_in_range(nth, 1, 200);
        mem_fail_after(nth);
        rc = safetensors_parse(&t, p, n, 0, "file", &e);
        mem_fail_after(0);
        assert_int_equal(t.n, rc ? 0 : 2);
        assert_int_equal(e.code, rc);
        tensors_deinit(&t);
    }
    mem_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_gives_its_tensors),
        cmocka_unit_test(an_empty_set_of_tensors_is_a_file),
        cmocka_unit_test(header_lengths_are_checked),
        cmocka_unit_test(other_kinds_of_file_are_named),
        cmocka_unit_test(headers_that_are_not_json_are_refused),
        cmocka_unit_test(entries_are_checked),
        cmocka_unit_test(tensors_must_cover_the_data_exactly),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(a_name_in_two_files_is_refused_and_changes_nothing),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(running_out_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

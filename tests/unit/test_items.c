/* test_items.c - items of answers: found by who asked, the last ones, within their bytes.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>

#include "api/items.h"

static bool has(struct items *t, const char *key_id, const char *id, const char *want)
{
    struct buf out = { 0 };
    buf_z(&out, "x");
    bool found = items_get(t, str_from(key_id), str_from(id), &out);
    if (found && want)
        assert_string_equal(out.p + 1, want);
    if (!found)
        assert_int_equal(out.n, 1);
    buf_deinit(&out);
    return found;
}

static void an_item_is_found_by_whose_it_is(void **state)
{
    struct items *t = items_new(1 << 20);
    (void)state;
    items_put(t, STR("k1"), STR("msg_1"), STR("{\"a\": 1}"));
    items_put(t, STR(""), STR("msg_2"), STR("{}"));
    assert_true(has(t, "k1", "msg_1", "{\"a\": 1}"));
    assert_true(has(t, "", "msg_2", "{}"));
    assert_false(has(t, "k2", "msg_1", NULL));
    assert_false(has(t, "", "msg_1", NULL));
    assert_false(has(t, "k1", "msg_2", NULL));
    assert_false(has(t, "k1", "", NULL));
    items_put(t, STR("k1"), STR("msg_1"), STR("[]"));
    assert_true(has(t, "k1", "msg_1", "[]"));
    items_free(t);
    items_free(NULL);
}

/* What was asked for stays, what was not goes, and never more than the limit is held. */
static void the_last_ones_are_known(void **state)
{
    struct items *t = items_new(10000);
    char id[16], large[6000];
    (void)state;
    items_put(t, STR(""), STR("first"), STR("1"));
    items_put(t, STR(""), STR("asked"), STR("2"));
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "id%d", i);
        items_put(t, STR(""), str_from(id), STR("{}"));
        assert_true(has(t, "", "asked", "2"));
    }
    assert_false(has(t, "", "first", NULL));
    int n = 0;
    for (int i = 0; i < 200; i++) {
        snprintf(id, sizeof id, "id%d", i);
        n += has(t, "", id, "{}");
    }
    assert_true(n >= 20 && n <= 50);
    assert_true(has(t, "", "id199", "{}"));
    items_put(t, STR(""), STR("large"), (struct str){ large, sizeof large });
    assert_false(has(t, "", "large", NULL));
    items_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_found_by_whose_it_is),
        cmocka_unit_test(the_last_ones_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

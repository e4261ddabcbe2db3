/* test_log.c - log lines: what a level lets through, and their form.
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
#include <unistd.h>

#include "base/log.h"

/* Writes one line of each kind at the level, with standard error in a file; returns its content. */
static const char *written(enum log_level level, const char *text)
{
    static char got[16384];
    FILE *f = tmpfile();
    int kept = dup(STDERR_FILENO);
    assert_true(f && kept >= 0);
    dup2(fileno(f), STDERR_FILENO);
    log_set_level(level);
    log_error("e %s", text);
    log_warn("w %s", text);
    log_info("i %s", text);
    log_debug("d %s", text);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(f);
    got[fread(got, 1, sizeof got - 1, f)] = '\0';
    fclose(f);
    return got;
}

static int lines(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += *s == '\n';
    return n;
}

static void a_level_lets_through_what_is_as_grave(void **state)
{
    (void)state;
    static const char *const names[] = { "error", "warn", "info", "debug" };
    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        enum log_level parsed;
        const char *got = written((enum log_level)level, "text");
        assert_int_equal(lines(got), level + 1);
        assert_int_equal(log_get_level(), level);
        assert_true(log_parse_level(names[level], &parsed) && (int)parsed == level);
    }
    enum log_level level;
    assert_false(log_parse_level("loud", &level));
    assert_false(log_parse_level("", &level));
}

static void a_line_has_time_and_level(void **state)
{
    (void)state;
    int y, mo, d, h, mi, s, end = 0;
    const char *got = written(LOG_ERROR, "text");
    assert_int_equal(sscanf(got, "%4d-%2d-%2d %2d:%2d:%2d error e text\n%n", &y, &mo, &d, &h, &mi, &s, &end), 6);
    assert_int_equal(end, strlen(got));
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    static char text[10000];
    memset(text, 'x', sizeof text - 1);
    const char *got = written(LOG_ERROR, text);
    assert_int_equal(lines(got), 1);
    assert_true(strlen(got) > 4000 && strlen(got) <= 4096);
    assert_int_equal(got[strlen(got) - 1], '\n');
}

static void a_line_may_be_an_object(void **state)
{
    (void)state;
    log_set_output(STDERR_FILENO, true);
    const char *got = written(LOG_ERROR, "a \"b\" \\ c\nd");
    log_set_output(STDERR_FILENO, false);
    assert_int_equal(lines(got), 1);
    assert_non_null(strstr(got, "{\"time\": \"2"));
    assert_non_null(strstr(got, "Z\", \"level\": \"error\", \"message\": \"e a \\\"b\\\" \\\\ c d\"}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_level_lets_through_what_is_as_grave),
        cmocka_unit_test(a_line_has_time_and_level),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(a_line_may_be_an_object),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

/* test_opts.c - command-line options from a table.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "base/buf.h"
#include "cli/opts.h"

/* One option of every type. */
struct fixture {
    bool json, raw;
    int64_t n, seed;
    double top_p, bias;
    const char *text;
    uint64_t size;
    struct opt_list stops;
    int precision;
    struct opt table[10];
    struct opt_group group;
    struct opts opts;
    struct opts_parsed got;
    struct err e;
};

static void set_up(struct fixture *f)
{
    *f = (struct fixture){ .n = 7, .seed = -1, .top_p = 0.5, .precision = 1 };
    const struct opt table[] = {
        OPT_FLAG('j', "json", &f->json, "print JSON"),
        OPT_FLAG('r', "raw", &f->raw, "no template"),
        OPT_INT('n', "max-tokens", &f->n, 0, 100, "N", "most tokens of an answer"),
        OPT_INT(0, "seed", &f->seed, 0, INT64_MAX, "N", "of the random numbers"),
        OPT_FLOAT(0, "top-p", &f->top_p, 0, 1, "P", "nucleus"),
        OPT_FLOAT(0, "bias", &f->bias, -HUGE_VAL, HUGE_VAL, "X", "any number"),
        OPT_STRING('p', "prompt", &f->text, "TEXT", "the prompt"),
        OPT_BYTES(0, "cache", &f->size, "SIZE", "of the cache"),
        OPT_LIST(0, "stop", &f->stops, "TEXT", "stop before TEXT"),
        OPT_CHOICE(0, "precision", &f->precision, "int8|f32", "of the arithmetic"),
    };
    memcpy(f->table, table, sizeof table);
    f->group = (struct opt_group){ NULL, f->table, ARRAY_LEN(f->table) };
    f->opts = (struct opts){ "run", "run [MODEL] [OPTION]...\nrun --all", "Does something.", &f->group, 1 };
}

static void tear_down(struct fixture *f)
{
    opts_end(&f->got);
    opt_list_deinit(&f->stops);
}

#define PARSE(f, ...)                                                                                                  \
    opts_parse(&(f)->got, &(f)->opts, (int)ARRAY_LEN(((char *[]){ (char *)"run", __VA_ARGS__ })),                      \
               (char *[]){ (char *)"run", __VA_ARGS__ }, &(f)->e)

/* Parsing fails with ERR_ARG and exactly this message. */
#define REFUSES(message, ...)                                                                                          \
    do {                                                                                                               \
        struct fixture f_;                                                                                             \
        set_up(&f_);                                                                                                   \
        assert_int_equal(PARSE(&f_, __VA_ARGS__), ERR_ARG);                                                            \
        assert_string_equal(f_.e.msg, message);                                                                        \
        tear_down(&f_);                                                                                                \
    } while (0)

static void what_is_not_given_keeps_its_default(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(opts_parse(&f.got, &f.opts, 1, (char *[]){ (char *)"run" }, &f.e), 0);
    assert_false(f.json);
    assert_int_equal(f.n, 7);
    assert_int_equal(f.seed, -1);
    assert_true(f.top_p == 0.5);
    assert_null(f.text);
    assert_int_equal(f.precision, 1);
    assert_int_equal(f.stops.n, 0);
    assert_int_equal(f.got.args.n, 0);
    assert_false(f.got.help);
    assert_false(f.got.quiet);
    assert_int_equal(f.got.log_level, LOG_WARN);
    tear_down(&f);
}

static void every_type_is_set_by_both_spellings(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(PARSE(&f, "--json", "--max-tokens", "12", "--seed=9223372036854775807", "--top-p=0.25", "--bias",
                           "-1e3", "--prompt", "--raw", "--cache=1.5K", "--stop=a", "--stop", "b", "--precision",
                           "int8"),
                     0);
    assert_true(f.json);
    assert_false(f.raw); /* "--raw" was the prompt's value */
    assert_int_equal(f.n, 12);
    assert_true(f.seed == INT64_MAX);
    assert_true(f.top_p == 0.25);
    assert_true(f.bias == -1000);
    assert_string_equal(f.text, "--raw");
    assert_int_equal(f.size, 1536);
    assert_int_equal(f.stops.n, 2);
    assert_string_equal(f.stops.v[0], "a");
    assert_string_equal(f.stops.v[1], "b");
    assert_int_equal(f.precision, 0);
    tear_down(&f);
}

static void letters_take_values_and_stand_together(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(PARSE(&f, "-jrn5", "-p", "-", "-q"), 0);
    assert_true(f.json && f.raw && f.got.quiet);
    assert_int_equal(f.n, 5);
    assert_string_equal(f.text, "-");
    assert_int_equal(f.got.log_level, LOG_ERROR);
    tear_down(&f);
}

static void arguments_and_options_mix_until_two_dashes(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(PARSE(&f, "one", "--json", "-", "--", "--raw", "-x", ""), 0);
    assert_true(f.json);
    assert_false(f.raw);
    assert_int_equal(f.got.args.n, 5);
    const char *want[] = { "one", "-", "--raw", "-x", "" };
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(f.got.args.v[i], want[i]);
    tear_down(&f);
}

static void an_empty_value_counts_as_one(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(PARSE(&f, "--prompt="), 0);
    assert_string_equal(f.text, "");
    tear_down(&f);
}

static void sizes_know_their_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = { { "0", 0 },           { "17", 17 },        { "17B", 17 },          { "2k", 2048 },
                  { "2KiB", 2048 },     { "2kB", 2000 },     { "1.5G", 3ull << 29 }, { "3 GB", 3000000000 },
                  { "1T", 1ull << 40 }, { "4MiB", 4u << 20 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;
        set_up(&f);
        assert_int_equal(PARSE(&f, "--cache", (char *)cases[i].text), 0);
        assert_true(f.size == cases[i].bytes);
        tear_down(&f);
    }
}

static void wrong_values_name_option_finding_and_range(void **state)
{
    (void)state;
    REFUSES("--max-tokens: found \"many\", expected an integer from 0 to 100", "--max-tokens", "many");
    REFUSES("--max-tokens: found \"101\", expected an integer from 0 to 100", "-n101");
    REFUSES("--max-tokens: found \"\", expected an integer from 0 to 100", "--max-tokens=");
    REFUSES("--max-tokens: found \"5x\", expected an integer from 0 to 100", "--max-tokens=5x");
    REFUSES("--seed: found \"-1\", expected an integer of at least 0", "--seed", "-1");
    REFUSES("--seed: found \"9223372036854775808\", expected an integer of at least 0", "--seed",
            "9223372036854775808");
    REFUSES("--top-p: found \"1.01\", expected a number from 0 to 1", "--top-p", "1.01");
    REFUSES("--top-p: found \"nan\", expected a number from 0 to 1", "--top-p", "nan");
    REFUSES("--bias: found \"x\", expected a number", "--bias", "x");
    REFUSES("--cache: found \"5X\", expected a size such as 512M, 1.5GiB or 2GB", "--cache", "5X");
    REFUSES("--cache: found \"-5\", expected a size such as 512M, 1.5GiB or 2GB", "--cache", "-5");
    REFUSES("--cache: found \"99999999T\", expected a size such as 512M, 1.5GiB or 2GB", "--cache", "99999999T");
    REFUSES("--precision: found \"int\", expected one of int8|f32", "--precision", "int");
    REFUSES("--json takes no value, found \"yes\"", "--json=yes");
    REFUSES("--prompt needs a value: TEXT", "--prompt");
    REFUSES("-p (--prompt) needs a value: TEXT", "-jp");
}

static void unknown_options_name_the_nearest_one(void **state)
{
    (void)state;
    REFUSES("unknown option --max-token; did you mean --max-tokens?", "--max-token", "3");
    REFUSES("unknown option --presicion; did you mean --precision?", "--presicion=f32");
    REFUSES("unknown option --prec; did you mean --precision?", "--prec");
    REFUSES("unknown option --quite; did you mean --quiet?", "--quite");
    REFUSES("unknown option --watermelon; see octet help run", "--watermelon");
    REFUSES("unknown option -z; see octet help run", "-jz");
}

static void help_shows_usage_and_every_option(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(PARSE(&f, "--help"), 0);
    assert_true(f.got.help);
    struct buf text = { 0 };
    opts_help(&text, &f.opts);
    const char *want = "Usage: octet run [MODEL] [OPTION]...\n       octet run --all\n\nDoes something.\n\nOptions:\n"
                       "  -j, --json                  print JSON\n";
    assert_memory_equal(text.p, want, strlen(want));
    for (size_t i = 0; i < ARRAY_LEN(f.table); i++)
        assert_non_null(strstr(text.p, f.table[i].name));
    assert_non_null(strstr(text.p, "      --precision int8|f32    of the arithmetic\n"));
    assert_non_null(strstr(text.p, "--log-level"));
    buf_deinit(&text);
    tear_down(&f);
}

static void help_wraps_long_texts(void **state)
{
    (void)state;
    bool flag = false;
    const struct opt table[] = { OPT_FLAG(
        0, "a-name-that-is-too-long-for-the-column", &flag,
        "twelve words of text which are, all of them together, wider than one line") };
    const struct opt_group group = { "Long", table, 1 };
    const struct opts opts = { "run", "run", "About.", &group, 1 };
    struct buf text = { 0 };
    opts_help(&text, &opts);
    assert_non_null(strstr(
        text.p, "  --a-name-that-is-too-long-for-the-column\n"
                "                              twelve words of text which are, all of them together, wider than one\n"
                "                              line\n"));
    buf_deinit(&text);
}

/* --- the environment and the file ----------------------------------------------------------------------------------------------- */

struct layers {
    int64_t port;
    const char *dir, *config;
    bool json;
    struct opt_list names;
    uint64_t size;
    struct opt table[6];
    struct opt_group group;
    struct opts opts;
    struct opts_parsed got;
    struct err e;
    char file[64];
};

static void layers_set_up(struct layers *f, const char *text)
{
    *f = (struct layers){ .port = 80, .e = ERR_INIT, .file = "/tmp/octet-opts-XXXXXX" };
    const struct opt table[] = {
        OPT_INT('p', "port", &f->port, 0, 65535, "N", "of the server"),
        OPT_STRING(0, "cache-dir", &f->dir, "DIR", "of the cache"),
        OPT_FLAG(0, "log-json", &f->json, "as JSON"),
        OPT_LIST(0, "alias", &f->names, "NAME", "of the model"),
        OPT_BYTES(0, "kv-memory", &f->size, "SIZE", "of the cache"),
        OPT_CONFIG(&f->config),
    };
    memcpy(f->table, table, sizeof table);
    f->group = (struct opt_group){ NULL, f->table, ARRAY_LEN(f->table) };
    f->opts = (struct opts){ "serve", "serve", "Serves.", &f->group, 1 };
    int fd = mkstemp(f->file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void layers_tear_down(struct layers *f)
{
    unlink(f->file);
    opts_end(&f->got);
    opt_list_deinit(&f->names);
    unsetenv("OCTET_PORT");
    unsetenv("OCTET_ALIAS");
    unsetenv("OCTET_LOG_JSON");
    unsetenv("OCTET_CONFIG");
}

#define LAYERS(f, ...)                                                                                                 \
    opts_parse(&(f)->got, &(f)->opts, (int)ARRAY_LEN(((char *[]){ (char *)"serve", __VA_ARGS__ })),                    \
               (char *[]){ (char *)"serve", __VA_ARGS__ }, &(f)->e)

static void arguments_win_over_the_environment_and_that_over_the_file(void **state)
{
    (void)state;
    struct layers f;
    layers_set_up(&f, "port = 1\nlog-json = true\n");
    char *config = f.file;
    assert_int_equal(LAYERS(&f, (char *)"--config", config), 0);
    assert_int_equal(f.port, 1);
    assert_true(f.json);
    assert_int_equal(opts_source(&f.got, &f.port), OPT_FROM_FILE);
    opts_end(&f.got);
    setenv("OCTET_PORT", "2", 1);
    setenv("OCTET_LOG_JSON", "off", 1);
    assert_int_equal(LAYERS(&f, (char *)"--config", config), 0);
    assert_int_equal(f.port, 2);
    assert_false(f.json);
    assert_int_equal(opts_source(&f.got, &f.port), OPT_FROM_ENVIRONMENT);
    opts_end(&f.got);
    assert_int_equal(LAYERS(&f, (char *)"--config", config, (char *)"-p", (char *)"3"), 0);
    assert_int_equal(f.port, 3);
    assert_int_equal(opts_source(&f.got, &f.port), OPT_FROM_ARGUMENTS);
    assert_int_equal(opts_source(&f.got, &f.dir), OPT_FROM_DEFAULT);
    layers_tear_down(&f);
}

static void a_list_is_taken_whole_from_one_place(void **state)
{
    (void)state;
    struct layers f;
    layers_set_up(&f, "alias = [\"a\", 'b c' , d] # three\n");
    setenv("OCTET_CONFIG", f.file, 1);
    assert_int_equal(opts_parse(&f.got, &f.opts, 1, (char *[]){ (char *)"serve" }, &f.e), 0);
    assert_int_equal(f.names.n, 3);
    assert_string_equal(f.names.v[1], "b c");
    assert_string_equal(f.names.v[2], "d");
    opts_end(&f.got);
    opt_list_deinit(&f.names);
    setenv("OCTET_ALIAS", "x, y", 1);
    assert_int_equal(opts_parse(&f.got, &f.opts, 1, (char *[]){ (char *)"serve" }, &f.e), 0);
    assert_int_equal(f.names.n, 2);
    assert_string_equal(f.names.v[1], "y");
    opts_end(&f.got);
    opt_list_deinit(&f.names);
    assert_int_equal(LAYERS(&f, (char *)"--alias", (char *)"z"), 0);
    assert_int_equal(f.names.n, 1);
    layers_tear_down(&f);
}

static void a_file_may_be_ini_or_toml(void **state)
{
    (void)state;
    struct layers f;
    layers_set_up(&f,
                  "# a comment\nkv_memory = 2GiB\n[serve]\nport = 8083 # the door\ncache-dir = \"/a \\\"b\\\" # c\"\n"
                  "alias = one, two # and\nalias = three\nalias = \"four, not five\"\n[run]\nseed = 3\n");
    assert_int_equal(LAYERS(&f, (char *)"--config", f.file), 0);
    assert_int_equal(f.port, 8083);
    assert_int_equal(f.size, (uint64_t)2 << 30);
    assert_string_equal(f.dir, "/a \"b\" # c");
    assert_int_equal(f.names.n, 4);
    assert_string_equal(f.names.v[0], "one");
    assert_string_equal(f.names.v[1], "two");
    assert_string_equal(f.names.v[3], "four, not five");
    layers_tear_down(&f);
}

static void what_is_wrong_below_the_arguments_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } rows[] = {
        { "prot = 3\n", "unknown option --prot; did you mean --port?" },
        { "port = many\n", "--port: found \"many\", expected an integer from 0 to 65535" },
        { "port = 1\nport = 2\n", "--port is given twice" },
        { "log-json = maybe\n", "--log-json: found \"maybe\", expected true or false" },
        { "alias = [\"a\"\n", "alias: found \"[\"a\"\", expected a value, \"a value\" or [\"some\", \"values\"]" },
        { "config = other\n", "--config cannot stand in a file" },
        { "no value\n", "line 1: expected NAME = VALUE, [SECTION] or a comment" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct layers f;
        char want[256];
        layers_set_up(&f, rows[i].text);
        assert_true(LAYERS(&f, (char *)"--config", f.file) < 0);
        snprintf(want, sizeof want, "%s: %s", f.file, rows[i].message);
        assert_string_equal(f.e.msg, want);
        layers_tear_down(&f);
    }
    struct layers f;
    layers_set_up(&f, "");
    setenv("OCTET_PORT", "x", 1);
    assert_true(LAYERS(&f, (char *)"--log-json") < 0);
    assert_string_equal(f.e.msg, "OCTET_PORT: --port: found \"x\", expected an integer from 0 to 65535");
    layers_tear_down(&f);
}

static void a_command_without_config_ignores_the_environment(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    setenv("OCTET_SEED", "5", 1);
    assert_int_equal(opts_parse(&f.got, &f.opts, 1, (char *[]){ (char *)"run" }, &f.e), 0);
    assert_int_equal(f.seed, -1);
    unsetenv("OCTET_SEED");
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_given_keeps_its_default),
        cmocka_unit_test(every_type_is_set_by_both_spellings),
        cmocka_unit_test(letters_take_values_and_stand_together),
        cmocka_unit_test(arguments_and_options_mix_until_two_dashes),
        cmocka_unit_test(an_empty_value_counts_as_one),
        cmocka_unit_test(sizes_know_their_units),
        cmocka_unit_test(wrong_values_name_option_finding_and_range),
        cmocka_unit_test(unknown_options_name_the_nearest_one),
        cmocka_unit_test(help_shows_usage_and_every_option),
        cmocka_unit_test(help_wraps_long_texts),
        cmocka_unit_test(arguments_win_over_the_environment_and_that_over_the_file),
        cmocka_unit_test(a_list_is_taken_whole_from_one_place),
        cmocka_unit_test(a_file_may_be_ini_or_toml),
        cmocka_unit_test(what_is_wrong_below_the_arguments_is_told_with_its_place),
        cmocka_unit_test(a_command_without_config_ignores_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* cmd_template.c - octet template: a chat template rendered for variables that come in line by line.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/base.h"
#include "base/mem.h"
#include "cli/cmd.h"
#include "cli/lines.h"
#include "cli/opts.h"
#include "format/json.h"
#include "text/template/chat.h"

/* n digits of *s as a number, taken off; false if there are not as many. */
static bool take_digits(struct str *s, size_t n, int *out)
{
    int64_t x;
    if (s->n < n || s->p[0] == '+' || s->p[0] == '-' || !str_to_i64(str_sub(*s, 0, n), &x))
        return false;
    *s = str_sub(*s, n, s->n);
    *out = (int)x;
    return true;
}

static bool take_char(struct str *s, const char *any)
{
    if (s->n == 0 || !memchr(any, s->p[0], strlen(any)))
        return false;
    *s = str_sub(*s, 1, s->n);
    return true;
}

/* "2026-11-22", perhaps with "T12:00" or "T12:00:00" or "T12:00:00.5": local time, as Python's datetime without zone. */
static bool parse_time(struct str s, int64_t *out)
{
    struct tm tm = { .tm_isdst = -1 };
    bool ok = take_digits(&s, 4, &tm.tm_year) && take_char(&s, "-") && take_digits(&s, 2, &tm.tm_mon) &&
              take_char(&s, "-") && take_digits(&s, 2, &tm.tm_mday);
    if (ok && take_char(&s, "T "))
        ok = take_digits(&s, 2, &tm.tm_hour) && take_char(&s, ":") && take_digits(&s, 2, &tm.tm_min);
    if (ok && take_char(&s, ":"))
        ok = take_digits(&s, 2, &tm.tm_sec);
    if (ok && take_char(&s, "."))
        while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9')
            s = str_sub(s, 1, s.n);
    if (!ok || s.n > 0 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *out = (int64_t)mktime(&tm);
    return true;
}

static int render(const struct chat *chat, struct str line, struct marked *text, struct err *e)
{
    struct json *vars = NULL;
    struct str now_text = { 0 };
    int64_t now = (int64_t)time(NULL);
    int rc = json_parse(&vars, line, "standard input", &json_limits_default, e);
    if (rc == 0 && json_type(vars) != JSON_OBJECT)
        rc = json_expected(vars, NULL, "an object of template variables", e);
    if (rc == 0)
        rc = json_opt_str(vars, "now", &now_text, e);
    if (rc == 0 && now_text.n > 0 && !parse_time(now_text, &now))
        rc = json_expected(vars, "now", "a time such as \"2026-11-22T12:00:00\"", e);
    if (rc == 0)
        rc = chat_render(chat, vars, now, text, e);
    json_free(vars);
    return rc;
}

/* A line that cannot be rendered is answered with what is wrong; the next one may be fine. */
static int on_line(void *arg, struct str line, struct buf *out, struct err *e)
{
    const struct chat *chat = arg;
    struct marked text = { 0 };
    struct err why = ERR_INIT;
    (void)e;
    if (render(chat, line, &text, &why) == 0) {
        buf_z(out, "{\"text\": ");
        json_write_str(out, buf_view(&text.text));
    } else {
        buf_z(out, "{\"error\": ");
        json_write_str(out, str_from(why.msg));
    }
    buf_char(out, '}');
    marked_deinit(&text);
    return 0;
}

int cmd_template(int argc, char **argv)
{
    bool lines = false;
    const struct opt table[] = {
        OPT_FLAG(0, "lines", &lines, "answer every line of standard input with one line"),
    };
    const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) } };
    const struct opts opts = {
        "template",
        "template FILE.jinja|MODEL --lines",
        "Renders a chat template. Every line of standard input is a JSON object of the template's variables\n"
        "(messages, tools, add_generation_prompt, ...; now, a time such as \"2026-11-22T12:00:00\", is what\n"
        "strftime_now sees). Every line of output is {\"text\": ...} or {\"error\": ...}.",
        groups,
        ARRAY_LEN(groups),
    };
    struct opts_parsed got;
    struct err e = ERR_INIT;
    struct chat *chat = NULL;
    int code;
    if (!opts_begin(&got, &opts, argc, argv, &code))
        return code;
    int rc = 0;
    if (got.args.n != 1)
        rc = err_set(&e, ERR_ARG, "expected one template or model, found %zu arguments", got.args.n);
    else if (!lines)
        rc = err_set(&e, ERR_ARG, "expected the option --lines");
    if (rc == 0)
        rc = chat_open(&chat, got.args.v[0], &e);
    if (rc == 0)
        rc = lines_run(on_line, chat, &e);
    chat_close(chat);
    opts_end(&got);
    return rc == 0 ? cmd_finish("template") : cmd_fail("template", &e);
}

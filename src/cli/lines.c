/* lines.c - standard input line by line.
 * SPDX-License-Identifier: MIT */
#include "cli/lines.h"

#include <stdio.h>

/* Fills *line with the next line; *end: there is none. */
static int next_line(struct buf *line, bool *end, struct err *e)
{
    int c;
    buf_reset(line);
    while ((c = getc(stdin)) != EOF && c != '\n')
        buf_char(line, (char)c);
    if (ferror(stdin))
        return err_errno(e, "standard input");
    *end = c == EOF && !line->n;
    return buf_check(line, "a line of standard input", e);
}

int lines_run(lines_fn *fn, void *arg, struct err *e)
{
    struct buf line = { 0 }, out = { 0 };
    bool end = false;
    int rc = 0;
    for (size_t number = 1; !rc; number++) {
        rc = next_line(&line, &end, e);
        if (rc || end)
            break;
        if (!str_trim(buf_view(&line)).n)
            continue;
        buf_reset(&out);
        rc = fn(arg, buf_view(&line), &out, e);
        buf_char(&out, '\n');
        if (!rc)
            rc = buf_check(&out, "an answer", e);
        if (rc)
            err_wrap(e, "line %zu", number);
        /* Whoever asks through a pipe waits for the answer. A write that fails is found when the command ends. */
        else if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout))
            break;
    }
    buf_deinit(&line);
    buf_deinit(&out);
    return rc;
}

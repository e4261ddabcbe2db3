/* bench_tokenizer.c - how fast a tokenizer.json loads, encodes and decodes, on one thread.
 *
 *   bench_tokenizer TOKENIZER [FILE]...
 *
 * TOKENIZER is a tokenizer.json or a directory that holds one. The best of several runs counts for each FILE, which is taken as one
 * text; of a megabyte of one repeated character, too. Prints megabytes (10^6) of text a second, and tokens.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "text/tokenizer.h"

enum { RUNS = 5, REPEATED_BYTES = 1000000 };

static int fail(const struct err *e)
{
    fprintf(stderr, "bench_tokenizer: %s\n", e->msg);
    return 1;
}

static int bench_text(const struct tokenizer *t, const char *name, struct str text, struct err *e)
{
    double encode = 1e9, decode = 1e9;
    struct ids ids = { 0 };
    struct buf back = { 0 };
    for (int i = 0; i < RUNS; i++) {
        ids.n = 0;
        buf_reset(&back);
        int64_t start = clock_ns();
        int rc = tokenizer_encode(t, text, TOKENIZER_ADDED_ALL, &ids, e);
        if (rc)
            return rc;
        encode = MIN(encode, clock_seconds_since(start));
        start = clock_ns();
        tokenizer_decode(t, ids.v, ids.n, false, &back);
        decode = MIN(decode, clock_seconds_since(start));
    }
    double mb = (double)text.n * 1e-6;
    printf("%-32s %8.2f MB %9zu tokens  encode %7.1f MB/s  decode %7.1f MB/s\n", name, mb, ids.n, mb / encode,
           mb / decode);
    ids_deinit(&ids);
    buf_deinit(&back);
    return 0;
}

static int bench_repeated(const struct tokenizer *t, char c, struct err *e)
{
    struct buf text = { 0 };
    char name[32];
    for (int i = 0; i < REPEATED_BYTES; i++)
        buf_char(&text, c);
    snprintf(name, sizeof name, "a megabyte of '%c'", c);
    int rc = bench_text(t, name, buf_view(&text), e);
    buf_deinit(&text);
    return rc;
}

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct tokenizer *t = NULL;
    double load = 1e9;
    if (argc < 2) {
        fprintf(stderr, "usage: bench_tokenizer TOKENIZER [FILE]...\n");
        return 2;
    }
    for (int i = 0; i < RUNS; i++) {
        tokenizer_close(t);
        int64_t start = clock_ns();
        if (tokenizer_open(&t, argv[1], &e))
            return fail(&e);
        load = MIN(load, clock_seconds_since(start));
    }
    printf("load %.1f ms, %d ids\n", load * 1e3, (int)tokenizer_size(t));
    int rc = 0;
    for (int i = 2; i < argc && !rc; i++) {
        struct buf text = { 0 };
        rc = file_read(&text, argv[i], &e);
        if (!rc)
            rc = bench_text(t, argv[i], buf_view(&text), &e);
        buf_deinit(&text);
    }
    for (const char *c = "a ="; *c && !rc; c++)
        rc = bench_repeated(t, *c, &e);
    tokenizer_close(t);
    return rc ? fail(&e) : 0;
}

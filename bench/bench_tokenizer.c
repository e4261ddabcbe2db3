/* bench_tokenizer.c - how fast a tokenizer.json loads, encodes and decodes, on one thread.
 *
 *   bench_tokenizer TOKENIZER [FILE]...
 *
 * TOKENIZER is a tokenizer.json or a directory that holds one. All FILEs together are one text; then come made texts of a megabyte that would
 * take quadratic time if anything did. The best of several runs counts. Prints megabytes (10^6) of text a second, and tokens.
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

enum { RUNS = 5, MADE_BYTES = 1000000 };

/* A text of random characters from first to last, or of one string over and over. */
struct made {
    const char *name;
    const char *repeated; /* NULL: random */
    uint32_t first, last;
    uint32_t word; /* a space behind so many characters; 0: none */
};

static const struct made made[] = {
    { "'a'", "a", 0, 0, 0 },
    { "' '", " ", 0, 0, 0 },
    { "'='", "=", 0, 0, 0 },
    { "'1'", "1", 0, 0, 0 },
    { "line feeds", "\n", 0, 0, 0 },
    { "'ab'", "ab", 0, 0, 0 },
    { "U+0301", "\xcc\x81", 0, 0, 0 },
    { "U+0345 U+0327", "\xcd\x85\xcc\xa7", 0, 0, 0 },
    { "one emoji", "\xf0\x9f\x98\x80", 0, 0, 0 },
    { "one ideograph", "\xe4\xb8\xad", 0, 0, 0 },
    { "spaces and CR", "   \r", 0, 0, 0 },
    { "'<|im_end|'", "<|im_end|", 0, 0, 0 },
    { "'<|im_end|>'", "<|im_end|>", 0, 0, 0 },
    { "random lower case", NULL, 'a', 'z', 0 },
    { "words of 16 letters", NULL, 'a', 'z', 16 },
    { "words of 32 letters", NULL, 'a', 'z', 32 },
    { "words of 48 letters", NULL, 'a', 'z', 48 },
    { "words of 64 letters", NULL, 'a', 'z', 64 },
    { "random ASCII", NULL, ' ', '~', 0 },
    { "random marks", NULL, 0x300, 0x36f, 0 },
    { "random Cyrillic", NULL, 0x410, 0x44f, 0 },
    { "random ideographs", NULL, 0x4e00, 0x9fff, 0 },
    { "random emoji", NULL, 0x1f300, 0x1f64f, 0 },
    { "random syllables", NULL, 0xac00, 0xd7a3, 0 },
};

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
    printf("%-20s %6.2f MB %9zu tokens  encode %7.1f MB/s  decode %7.1f MB/s\n", name, mb, ids.n, mb / encode,
           mb / decode);
    ids_deinit(&ids);
    buf_deinit(&back);
    return 0;
}

static int bench_files(const struct tokenizer *t, char **paths, int n, struct err *e)
{
    struct buf text = { 0 };
    char name[32];
    int rc = 0;
    for (int i = 0; i < n && !rc; i++) {
        struct buf file = { 0 };
        rc = file_read(&file, paths[i], e);
        buf_str(&text, buf_view(&file));
        buf_deinit(&file);
    }
    snprintf(name, sizeof name, "%d files", n);
    if (!rc && n)
        rc = bench_text(t, name, buf_view(&text), e);
    buf_deinit(&text);
    return rc;
}

static int bench_made(const struct tokenizer *t, const struct made *m, struct err *e)
{
    struct buf text = { 0 };
    struct rng r;
    rng_init(&r, 1);
    for (uint32_t i = 1; text.n < MADE_BYTES; i++) {
        char bytes[UTF8_MAX];
        if (m->repeated)
            buf_z(&text, m->repeated);
        else if (m->word && i % (m->word + 1) == 0)
            buf_char(&text, ' ');
        else
            buf_add(&text, bytes, (size_t)utf8_encode(bytes, m->first + rng_below(&r, m->last - m->first + 1)));
    }
    int rc = bench_text(t, m->name, buf_view(&text), e);
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
    int rc = bench_files(t, argv + 2, argc - 2, &e);
    for (size_t i = 0; i < ARRAY_LEN(made) && !rc; i++)
        rc = bench_made(t, &made[i], &e);
    tokenizer_close(t);
    return rc ? fail(&e) : 0;
}

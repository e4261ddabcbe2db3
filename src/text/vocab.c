/* vocab.c - model.vocab and model.merges in one pass over the file.
 *
 * Spellings are appended to one block of bytes and found by offset, because the block moves while it grows; the map from
 * spellings to ids is made at the end, when it no longer does.
 * SPDX-License-Identifier: MIT */
#include "text/vocab.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "format/json.h"
#include "format/json_stream.h"

/* Depths of the containers, counted as json_stream counts them. */
enum { IN_FILE = 1, IN_MODEL = 2, IN_PART = 3, IN_PAIR = 4 };

enum { QUOTED_MAX = 100 }; /* bytes of a spelling in a message */

enum part { PART_NONE, PART_VOCAB, PART_MERGES };

struct reader {
    struct vocab *v;
    struct str json;
    const char *what;
    bool in_model;
    enum part next; /* what the value behind the key just read would be */
    enum part part; /* what the current token is inside of */
    bool seen_vocab, seen_merges;
    size_t copied;          /* bytes of json already in v->rest, or left out of it */
    struct vocab_text pair; /* the first half of a merge that is an array */
    int n_pair;
    struct vocab_text key; /* the spelling whose id comes next */
};

struct str vocab_str(const struct vocab *v, struct vocab_text t)
{
    return (struct str){ v->chars.p + t.at, t.n };
}

int32_t vocab_find(const struct vocab *v, struct str spelling)
{
    uint32_t id;
    return map_get(&v->ids, spelling, &id) ? (int32_t)id : -1;
}

struct vocab_quoted vocab_quote(struct str spelling)
{
    /* Each byte becomes at most six, as \u0000 does; then come quotes and dots. */
    _Static_assert(sizeof(struct vocab_quoted) > 6 * QUOTED_MAX + 5, "a quoted spelling has room");
    struct vocab_quoted q = { "" };
    struct buf b = { 0 };
    json_write_str(&b, str_sub(spelling, 0, utf8_whole(str_sub(spelling, 0, QUOTED_MAX))));
    if (spelling.n > QUOTED_MAX)
        buf_z(&b, "...");
    if (b.n)
        memcpy(q.text, b.p, MIN(b.n, sizeof q.text - 1));
    buf_deinit(&b);
    return q;
}

void vocab_deinit(struct vocab *v)
{
    map_deinit(&v->ids);
    buf_deinit(&v->chars);
    buf_deinit(&v->rest);
    mem_free(v->tokens);
    mem_free(v->merges);
    *v = (struct vocab){ 0 };
}

static int no_memory(const struct reader *r, struct err *e)
{
    return err_set(e, ERR_NOMEM, "%s: no memory for its vocabulary", r->what);
}

/* Room for one more of n objects. */
static void *grow(void *p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return p;
    size_t want = *cap ? *cap * 2 : 4096;
    void *grown = mem_try_realloc(p, want, size);
    if (grown)
        *cap = want;
    return grown;
}

static int store(struct reader *r, struct str s, struct vocab_text *out, struct err *e)
{
    *out = (struct vocab_text){ (uint32_t)r->v->chars.n, (uint32_t)s.n };
    buf_str(&r->v->chars, s);
    return buf_check(&r->v->chars, "the vocabulary", e);
}

static int add_token(struct reader *r, struct str number, struct err *e)
{
    struct vocab *v = r->v;
    struct str name = vocab_str(v, r->key);
    int64_t id;
    if (!str_to_i64(number, &id) || id < 0)
        return err_set(e, ERR_FORMAT, "%s: model.vocab: %s has id %.*s, expected an integer from 0", r->what,
                       vocab_quote(name).text, (int)MIN(number.n, 40), number.p);
    if (id > VOCAB_ID_MAX)
        return err_set(e, ERR_LIMIT, "%s: model.vocab: %s has id %.*s, the largest that is supported is %d", r->what,
                       vocab_quote(name).text, (int)MIN(number.n, 40), number.p, (int)VOCAB_ID_MAX);
    struct vocab_token *tokens = grow(v->tokens, v->n_token, &v->cap_token, sizeof *tokens);
    if (!tokens)
        return no_memory(r, e);
    v->tokens = tokens;
    v->tokens[v->n_token++] = (struct vocab_token){ r->key, (int32_t)id };
    return 0;
}

static int add_merge(struct reader *r, struct vocab_text left, struct vocab_text right, struct err *e)
{
    struct vocab *v = r->v;
    struct vocab_merge *merges = grow(v->merges, v->n_merge, &v->cap_merge, sizeof *merges);
    if (!merges)
        return no_memory(r, e);
    v->merges = merges;
    v->merges[v->n_merge++] = (struct vocab_merge){ left, right };
    return 0;
}

/* "left right": the spelling of files before 2024. */
static int add_merge_line(struct reader *r, struct str line, struct err *e)
{
    if (str_starts(line, STR("#version")))
        return 0;
    struct vocab_text all;
    struct str left, right = line;
    if (!str_cut(&right, ' ', &left) || memchr(right.p, ' ', right.n))
        return err_set(e, ERR_FORMAT, "%s: model.merges: merge %zu is %s, expected two tokens with one space between",
                       r->what, r->v->n_merge, vocab_quote(line).text);
    int rc = store(r, line, &all, e);
    if (rc)
        return rc;
    return add_merge(r, (struct vocab_text){ all.at, (uint32_t)left.n },
                     (struct vocab_text){ all.at + (uint32_t)left.n + 1, (uint32_t)right.n }, e);
}

static int wrong_merge(const struct reader *r, struct err *e)
{
    return err_set(e, ERR_FORMAT,
                   "%s: model.merges: merge %zu: expected a string \"left right\" or an array of two strings", r->what,
                   r->v->n_merge);
}

static int in_vocab(struct reader *r, const struct json_token *tok, struct err *e)
{
    if (tok->type == JSON_TOKEN_KEY)
        return store(r, tok->text, &r->key, e);
    if (tok->type == JSON_TOKEN_NUMBER)
        return add_token(r, tok->text, e);
    return err_set(e, ERR_FORMAT, "%s: model.vocab: the id of %s is not a number", r->what,
                   vocab_quote(vocab_str(r->v, r->key)).text);
}

static int in_merges(struct reader *r, const struct json_token *tok, struct err *e)
{
    int rc = 0;
    if (tok->depth == IN_PART && tok->type == JSON_TOKEN_STRING)
        return add_merge_line(r, tok->text, e);
    if (tok->depth == IN_PART && tok->type == JSON_TOKEN_BEGIN_ARRAY) {
        r->n_pair = 0;
        return 0;
    }
    if (tok->depth == IN_PART && tok->type == JSON_TOKEN_END_ARRAY)
        return r->n_pair == 2 ? 0 : wrong_merge(r, e);
    if (tok->depth != IN_PAIR || tok->type != JSON_TOKEN_STRING || r->n_pair == 2)
        return wrong_merge(r, e);
    struct vocab_text text;
    rc = store(r, tok->text, &text, e);
    if (!rc && ++r->n_pair == 2)
        rc = add_merge(r, r->pair, text, e);
    r->pair = text;
    return rc;
}

/* The value of model.vocab or model.merges begins: what lies inside it is left out of `rest`. */
static int enter(struct reader *r, enum part part, const struct json_token *tok, struct err *e)
{
    bool *seen = part == PART_VOCAB ? &r->seen_vocab : &r->seen_merges;
    if (*seen)
        return err_set(e, ERR_FORMAT, "%s: model.%s occurs twice", r->what, part == PART_VOCAB ? "vocab" : "merges");
    *seen = true;
    r->part = part;
    buf_str(&r->v->rest, str_sub(r->json, r->copied, tok->end));
    return 0;
}

static int on_token(void *arg, const struct json_token *tok, struct err *e)
{
    struct reader *r = arg;
    if (r->part && tok->depth == IN_MODEL) {
        /* Its closing bracket. */
        r->part = PART_NONE;
        r->copied = tok->end - 1;
        return 0;
    }
    if (r->part == PART_VOCAB)
        return in_vocab(r, tok, e);
    if (r->part == PART_MERGES)
        return in_merges(r, tok, e);
    if (tok->type == JSON_TOKEN_KEY) {
        r->next = PART_NONE;
        if (tok->depth == IN_FILE)
            r->in_model = str_eqz(tok->text, "model");
        else if (tok->depth == IN_MODEL && r->in_model && str_eqz(tok->text, "vocab"))
            r->next = PART_VOCAB;
        else if (tok->depth == IN_MODEL && r->in_model && str_eqz(tok->text, "merges"))
            r->next = PART_MERGES;
        return 0;
    }
    enum part part = r->next;
    r->next = PART_NONE;
    if (part == PART_VOCAB && tok->type == JSON_TOKEN_BEGIN_OBJECT)
        return enter(r, part, tok, e);
    if (part == PART_MERGES && tok->type == JSON_TOKEN_BEGIN_ARRAY)
        return enter(r, part, tok, e);
    return 0;
}

static int index_tokens(struct reader *r, struct err *e)
{
    struct vocab *v = r->v;
    int32_t max = -1;
    for (size_t i = 0; i < v->n_token; i++)
        max = MAX(max, v->tokens[i].id);
    v->ids.borrow = true;
    unsigned char *taken = mem_try_calloc((size_t)max + 2, 1);
    if (!taken)
        return no_memory(r, e);
    int rc = map_reserve(&v->ids, v->n_token) ? no_memory(r, e) : 0;
    for (size_t i = 0; i < v->n_token && !rc; i++) {
        struct vocab_token t = v->tokens[i];
        struct str name = vocab_str(v, t.text);
        int set = map_set(&v->ids, name, (uint32_t)t.id);
        if (set < 0)
            rc = no_memory(r, e);
        else if (set == 0)
            rc = err_set(e, ERR_FORMAT, "%s: model.vocab: %s occurs twice", r->what, vocab_quote(name).text);
        else if (taken[t.id]++)
            rc = err_set(e, ERR_FORMAT, "%s: model.vocab: id %d is given twice, the second time to %s", r->what,
                         (int)t.id, vocab_quote(name).text);
    }
    mem_free(taken);
    return rc;
}

int vocab_read(struct vocab *v, struct str json, const char *what, struct err *e)
{
    struct reader r = { .v = v, .json = json, .what = what };
    int rc = json_stream(json, what, on_token, &r, e);
    if (rc)
        return rc;
    buf_str(&v->rest, str_sub(json, r.copied, json.n));
    v->has_merges = r.seen_merges;
    rc = buf_check(&v->rest, what, e);
    return rc ? rc : index_tokens(&r, e);
}

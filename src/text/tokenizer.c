/* tokenizer.c - reads tokenizer.json, and the way back from ids to text.
 *
 * The bytes that each id stands for lie one behind the other in one block, found by offset. A token's bytes are those that its
 * spelling stands for in the alphabet of bytelevel.h; a spelling with any other character (most added tokens have one) stands for
 * itself. tokenizers' ByteLevel decoder decides so, too, for added tokens as for all others.
 * SPDX-License-Identifier: MIT */
#include "text/tokenizer.h"

#include <string.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "format/json.h"
#include "text/bytelevel.h"
#include "text/encoder.h"
#include "text/vocab.h"

#define FILE_MAX_BYTES ((size_t)256 << 20) /* the largest published files have 30 MB */

struct token {
    uint32_t at, n; /* its bytes, in tokenizer.bytes */
    bool known, added, special;
};

struct tokenizer {
    struct encoder encoder;
    struct buf bytes;
    struct token *tokens; /* owned: by id */
    int32_t n_token;
};

/* What is needed while a tokenizer is read. */
struct loading {
    struct tokenizer *t;
    const char *what;
    struct vocab vocab;
    struct json *root;
};

static int no_memory(const struct loading *l, struct err *e)
{
    return err_set(e, ERR_NOMEM, "%s: no memory for its vocabulary", l->what);
}

static int read_added_token(struct loading *l, const struct json *spec, struct added_token *a, struct err *e)
{
    struct str content;
    int64_t id = 0;
    int rc = json_req_str(spec, "content", &content, e);
    if (!rc)
        rc = json_req_i64(spec, "id", 0, VOCAB_ID_MAX, &id, e);
    if (!rc)
        rc = json_opt_bool(spec, "single_word", &a->single_word, e);
    if (!rc)
        rc = json_opt_bool(spec, "lstrip", &a->lstrip, e);
    if (!rc)
        rc = json_opt_bool(spec, "rstrip", &a->rstrip, e);
    a->normalized = true;
    if (!rc)
        rc = json_opt_bool(spec, "normalized", &a->normalized, e);
    if (!rc)
        rc = json_opt_bool(spec, "special", &a->special, e);
    if (rc)
        return rc;
    int32_t other = vocab_find(&l->vocab, content);
    if (other >= 0 && other != id)
        return err_set(e, ERR_FORMAT, "%s: added_tokens: %s has id %d, but id %d in model.vocab", l->what,
                       vocab_quote(content).text, (int)id, (int)other);
    a->id = (int32_t)id;
    a->content = (struct str){ xstrndup(content.p, content.n), content.n };
    return 0;
}

static int read_added(struct loading *l, struct err *e)
{
    struct encoder *c = &l->t->encoder;
    const struct json *list = json_get(l->root, "added_tokens");
    if (!list)
        return 0;
    int rc = json_req_array(l->root, "added_tokens", &list, e);
    if (rc)
        return rc;
    c->added = mem_try_calloc(MAX(json_len(list), 1), sizeof *c->added);
    if (!c->added)
        return no_memory(l, e);
    for (size_t i = 0; i < json_len(list) && !rc; i++) {
        const struct json *spec = json_at(list, i);
        if (json_type(spec) != JSON_OBJECT)
            return json_expected_at(list, i, "an object", e);
        rc = read_added_token(l, spec, &c->added[c->n_added], e);
        /* tokenizers leaves out a token without content. */
        if (!rc && c->added[c->n_added].content.n)
            c->n_added++;
        else if (!rc)
            mem_free((char *)c->added[c->n_added].content.p);
    }
    return rc;
}

static void set_bytes(struct tokenizer *t, int32_t id, struct str spelling)
{
    struct token *k = &t->tokens[id];
    k->known = true;
    k->at = (uint32_t)t->bytes.n;
    if (!bytelevel_bytes(spelling, &t->bytes))
        buf_str(&t->bytes, spelling);
    k->n = (uint32_t)(t->bytes.n - k->at);
}

/* The table of tokens by id; the bytes of added tokens come later. */
static int fill_tokens(struct loading *l, struct err *e)
{
    struct tokenizer *t = l->t;
    const struct vocab *v = &l->vocab;
    int32_t max = -1;
    for (size_t i = 0; i < v->n_token; i++)
        max = MAX(max, v->tokens[i].id);
    for (size_t i = 0; i < t->encoder.n_added; i++)
        max = MAX(max, t->encoder.added[i].id);
    t->n_token = max + 1;
    t->tokens = mem_try_calloc((size_t)t->n_token + 1, sizeof *t->tokens);
    if (!t->tokens)
        return no_memory(l, e);
    for (size_t i = 0; i < v->n_token; i++)
        set_bytes(t, v->tokens[i].id, vocab_str(v, v->tokens[i].text));
    for (size_t i = 0; i < t->encoder.n_added; i++) {
        const struct added_token *a = &t->encoder.added[i];
        struct token *k = &t->tokens[a->id];
        if (k->known && !k->added && vocab_find(v, a->content) < 0)
            return err_set(e, ERR_FORMAT, "%s: added_tokens: %s has id %d, which model.vocab gives to another token",
                           l->what, vocab_quote(a->content).text, (int)a->id);
        if (k->added)
            return err_set(e, ERR_FORMAT, "%s: added_tokens: id %d is given twice, the second time to %s", l->what,
                           (int)a->id, vocab_quote(a->content).text);
        k->added = true;
        k->special = a->special;
    }
    return buf_check(&t->bytes, "the vocabulary", e);
}

/* Only what does nothing: a prefix or suffix of words, dropout, and bytes as <0x0A> where all bytes have tokens of their own. */
static int check_model(const struct json *model, struct err *e)
{
    static const char *const affixes[] = { "continuing_subword_prefix", "end_of_word_suffix" };
    struct str s = STR("BPE");
    int rc = json_opt_str(model, "type", &s, e);
    if (!rc && !str_eqz(s, "BPE"))
        rc = json_unsupported(model, "type", "\"BPE\"", e);
    for (size_t i = 0; i < ARRAY_LEN(affixes) && !rc; i++) {
        s = STR("");
        rc = json_opt_str(model, affixes[i], &s, e);
        if (!rc && s.n)
            rc = json_unsupported(model, affixes[i], "null or \"\"", e);
    }
    double dropout = 0;
    if (!rc)
        rc = json_opt_double(model, "dropout", 0, 1, &dropout, e);
    if (!rc && dropout > 0)
        rc = json_unsupported(model, "dropout", "null or 0", e);
    return rc;
}

static int read_bpe(struct loading *l, const struct json *model, struct err *e)
{
    struct bpe *b = &l->t->encoder.bpe;
    const struct json *part;
    struct str unk = { 0 };
    bool byte_fallback = false;
    int rc = check_model(model, e);
    if (!rc)
        rc = json_req_object(model, "vocab", &part, e);
    if (!rc)
        rc = json_req_array(model, "merges", &part, e);
    if (!rc)
        rc = json_opt_bool(model, "fuse_unk", &b->fuse_unk, e);
    if (!rc)
        rc = json_opt_bool(model, "ignore_merges", &b->ignore_merges, e);
    if (!rc)
        rc = json_opt_bool(model, "byte_fallback", &byte_fallback, e);
    if (!rc)
        rc = json_opt_str(model, "unk_token", &unk, e);
    if (rc)
        return rc;
    b->unk_id = unk.p ? vocab_find(&l->vocab, unk) : -1;
    if (unk.p && b->unk_id < 0)
        return json_expected(model, "unk_token", "a token of model.vocab", e);
    /* An added token must not be spelt out of ordinary text; one that is matched as a word only may be part of longer words. */
    bool *barred = mem_try_calloc((size_t)l->t->n_token + 1, sizeof *barred);
    if (!barred)
        return no_memory(l, e);
    for (size_t i = 0; i < l->t->encoder.n_added; i++)
        if (!l->t->encoder.added[i].single_word)
            barred[l->t->encoder.added[i].id] = true;
    rc = bpe_init(b, &l->vocab, barred, l->what, e);
    mem_free(barred);
    if (!rc && byte_fallback && !bpe_has_all_bytes(b))
        rc = json_unsupported(model, "byte_fallback", "false, or a vocabulary with a token for every byte", e);
    return rc;
}

/* Puts an added token where text is searched for it, and sets the bytes that it stands for. What tokenizers prints for a token with
 * `normalized` is its normalised content. */
static int place_added(struct loading *l, size_t i, struct marked *normal, struct err *e)
{
    struct encoder *c = &l->t->encoder;
    const struct added_token *a = &c->added[i];
    struct str content = a->content;
    if (a->normalized) {
        marked_reset(normal);
        int rc = normalise_run(&c->normalise, content, 0, (struct normalise_spans){ 0 }, normal, e);
        if (rc)
            return rc;
        content = buf_view(&normal->text);
    }
    set_bytes(l->t, a->id, content);
    return added_trie_add(a->normalized ? &c->normal : &c->raw, content, (int32_t)i) ? no_memory(l, e) : 0;
}

/* Text that two tokens share after normalisation belongs to the special one, else to the first. */
static int place_all_added(struct loading *l, struct err *e)
{
    const struct encoder *c = &l->t->encoder;
    struct marked normal = { 0 };
    int rc = 0;
    for (int special = 1; special >= 0; special--)
        for (size_t i = 0; i < c->n_added && !rc; i++)
            if (c->added[i].special == (special == 1))
                rc = place_added(l, i, &normal, e);
    marked_deinit(&normal);
    return rc ? rc : buf_check(&l->t->bytes, "the vocabulary", e);
}

/* ByteLevel, alone or as the only one of a Sequence. */
static int check_decoder(const struct json *owner, const char *key, const struct json *spec, struct err *e)
{
    static const char expected[] = "a ByteLevel decoder";
    struct str type;
    if (json_type(spec) != JSON_OBJECT)
        return json_unsupported(owner, key, expected, e);
    int rc = json_req_str(spec, "type", &type, e);
    if (rc || str_eqz(type, "ByteLevel"))
        return rc;
    const struct json *list;
    if (!str_eqz(type, "Sequence"))
        return json_unsupported(spec, "type", "\"ByteLevel\"", e);
    rc = json_req_array(spec, "decoders", &list, e);
    if (rc)
        return rc;
    if (json_len(list) != 1)
        return json_unsupported(spec, "decoders", "ByteLevel alone", e);
    if (json_type(json_at(list, 0)) != JSON_OBJECT)
        return json_expected_at(list, 0, "an object", e);
    rc = json_req_str(json_at(list, 0), "type", &type, e);
    return rc || str_eqz(type, "ByteLevel") ? rc : json_unsupported(json_at(list, 0), "type", "\"ByteLevel\"", e);
}

static int read_normalizer(struct loading *l, struct err *e)
{
    const struct json *spec = json_get(l->root, "normalizer");
    if (spec && json_type(spec) != JSON_OBJECT)
        return json_expected(l->root, "normalizer", "an object or null", e);
    return normalise_parse(&l->t->encoder.normalise, spec, e);
}

static int load(struct loading *l, struct str json, struct err *e)
{
    struct encoder *c = &l->t->encoder;
    const struct json *model;
    int rc = vocab_read(&l->vocab, json, l->what, e);
    if (!rc)
        rc = json_parse(&l->root, buf_view(&l->vocab.rest), l->what, &json_limits_default, e);
    if (!rc)
        rc = json_req_object(l->root, "model", &model, e);
    if (!rc)
        rc = read_added(l, e);
    if (!rc)
        rc = fill_tokens(l, e);
    if (!rc)
        rc = read_normalizer(l, e);
    if (!rc)
        rc = place_all_added(l, e);
    if (!rc)
        rc = pretok_parse(&c->pretok, l->root, e);
    if (!rc)
        rc = check_decoder(l->root, "decoder", json_get(l->root, "decoder"), e);
    return rc ? rc : read_bpe(l, model, e);
}

int tokenizer_parse(struct tokenizer **out, struct str json, const char *what, struct err *e)
{
    struct loading l = { .t = xcalloc(1, sizeof *l.t), .what = what };
    int rc = json.n > FILE_MAX_BYTES ? err_set(e, ERR_LIMIT, "%s: %zu bytes are too many for a tokenizer", what, json.n)
                                     : load(&l, json, e);
    json_free(l.root);
    vocab_deinit(&l.vocab);
    if (rc) {
        tokenizer_close(l.t);
        l.t = NULL;
    }
    *out = l.t;
    return rc;
}

int tokenizer_open(struct tokenizer **out, const char *path, struct err *e)
{
    struct file_map map = { 0 };
    char *in_dir = file_is_dir(path) ? file_join(path, "tokenizer.json") : NULL;
    const char *file = in_dir ? in_dir : path;
    *out = NULL;
    int rc = file_map_open(&map, file, e);
    if (!rc)
        rc = tokenizer_parse(out, (struct str){ (const char *)map.p, map.n }, file, e);
    file_map_close(&map);
    mem_free(in_dir);
    return rc;
}

void tokenizer_close(struct tokenizer *t)
{
    if (!t)
        return;
    encoder_deinit(&t->encoder);
    buf_deinit(&t->bytes);
    mem_free(t->tokens);
    mem_free(t);
}

int tokenizer_encode(const struct tokenizer *t, struct str text, enum tokenizer_added added, struct ids *out,
                     struct err *e)
{
    return encoder_encode(&t->encoder, text, NULL, 0, added == TOKENIZER_ADDED_ALL, out, e);
}

int tokenizer_encode_marked(const struct tokenizer *t, const struct marked *text, struct ids *out, struct err *e)
{
    return encoder_encode(&t->encoder, buf_view(&text->text), text->spans, text->n_span, true, out, e);
}

int32_t tokenizer_size(const struct tokenizer *t)
{
    return t->n_token;
}

static const struct token *find(const struct tokenizer *t, int32_t id)
{
    static const struct token none;
    return id >= 0 && id < t->n_token ? &t->tokens[id] : &none;
}

struct str tokenizer_bytes(const struct tokenizer *t, int32_t id)
{
    const struct token *k = find(t, id);
    return k->n ? (struct str){ t->bytes.p + k->at, k->n } : STR("");
}

bool tokenizer_is_added(const struct tokenizer *t, int32_t id)
{
    return find(t, id)->added;
}

bool tokenizer_is_special(const struct tokenizer *t, int32_t id)
{
    return find(t, id)->special;
}

int32_t tokenizer_find_added(const struct tokenizer *t, struct str content)
{
    for (size_t i = 0; i < t->encoder.n_added; i++)
        if (str_eq(t->encoder.added[i].content, content))
            return t->encoder.added[i].id;
    return -1;
}

void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool skip_special, struct buf *out)
{
    struct buf bytes = BUF_INIT(SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++)
        if (!skip_special || !tokenizer_is_special(t, ids[i]))
            buf_str(&bytes, tokenizer_bytes(t, ids[i]));
    utf8_clean(out, buf_view(&bytes));
    out->failed |= bytes.failed;
    buf_deinit(&bytes);
}

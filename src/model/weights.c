/* weights.c - binding, and the message that says what is wrong with a checkpoint.
 *
 * In a good checkpoint every name is found and every tensor is asked for once. In a bad one usually a single thing is wrong with all
 * layers at once, so the report first looks for the known causes and lists single tensors only as far as a reader follows.
 * SPDX-License-Identifier: MIT */
#include "model/weights.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/num.h"
#include "model/quant.h"

enum { NAME_BYTES = 512, LISTED = 20, LISTED_EXPLAINED = 5, NEAR_DISTANCE = 4, NEAR_CANDIDATES = 1024 };

struct weights {
    const struct modeldir *dir; /* borrowed: outlives this */
    struct quant quant;
    char *prefix;     /* owned; "language_model." or "" */
    bool *used;       /* owned; [dir->tensors.n] */
    struct weight *v; /* owned; [n] */
    size_t n, cap;    /* bound so far */
    float **floats;   /* owned; [n_floats]: vectors and biases widened to f32 */
    size_t n_floats, cap_floats;
    char **missing; /* owned; names of tensors that are not there */
    size_t n_missing, cap_missing;
    char **wrong; /* owned; whole sentences */
    size_t n_wrong, cap_wrong;
    bool no_memory;
};

/* ---- building */

/* The prefix that a wrapper puts before all names: what stands before the embedding's. */
static char *find_prefix(const struct tensors *t)
{
    static const struct str embed = { "model.embed_tokens.weight", sizeof "model.embed_tokens.weight" - 1 };
    if (!tensors_find(t, embed.p))
        for (size_t i = 0; i < t->n; i++) {
            struct str name = str_from(t->v[i].name);
            if (str_ends(name, embed) && name.n > embed.n && name.p[name.n - embed.n - 1] == '.')
                return xstrndup(name.p, name.n - embed.n);
        }
    return xstrdup("");
}

int weights_new(struct weights **out, const struct modeldir *d, struct err *e)
{
    struct weights *w = xcalloc(1, sizeof *w);
    *out = NULL;
    w->dir = d;
    w->used = mem_try_calloc(d->tensors.n + 1, sizeof *w->used);
    w->prefix = find_prefix(&d->tensors);
    int rc = w->used ? quant_read(&w->quant, d->config, e)
                     : err_set(e, ERR_NOMEM, "%s: no memory to bind its tensors", d->path);
    if (rc)
        weights_free(w);
    else
        *out = w;
    return rc;
}

static void free_names(char **v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free(v[i]);
    mem_free(v);
}

void weights_free(struct weights *w)
{
    if (!w)
        return;
    for (size_t i = 0; i < w->n; i++)
        mem_free(w->v[i].name);
    for (size_t i = 0; i < w->n_floats; i++)
        mem_free(w->floats[i]);
    free_names(w->missing, w->n_missing);
    free_names(w->wrong, w->n_wrong);
    mem_free(w->v);
    mem_free(w->floats);
    mem_free(w->used);
    mem_free(w->prefix);
    quant_deinit(&w->quant);
    mem_free(w);
}

/* Room for one more in an array that grows with the number of layers. */
static void *grow(void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? 2 * *cap : 64;
    return xrealloc(v, *cap * size);
}

static void add_missing(struct weights *w, const char *name)
{
    w->missing = grow(w->missing, w->n_missing, &w->cap_missing, sizeof *w->missing);
    w->missing[w->n_missing++] = xstrdup(name);
}

PRINTF_LIKE(2, 3) static void add_wrong(struct weights *w, const char *fmt, ...)
{
    struct buf text = BUF_INIT(0);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    w->wrong = grow(w->wrong, w->n_wrong, &w->cap_wrong, sizeof *w->wrong);
    w->wrong[w->n_wrong++] = buf_take(&text);
}

/* Takes name. */
static void add_bound(struct weights *w, char *name, const struct mat *m, size_t n_bytes, bool vec)
{
    w->v = grow(w->v, w->n, &w->cap, sizeof *w->v);
    w->v[w->n++] = (struct weight){ .name = name, .mat = *m, .n_bytes = n_bytes, .vec = vec };
}

/* The tensor `name` with the wrapper's prefix, marked as used; NULL if it is not there. */
static const struct tensor *take(struct weights *w, const char *name, const char *suffix)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s%s", w->prefix, name, suffix);
    const struct tensor *t = tensors_find(&w->dir->tensors, full);
    if (t)
        w->used[t - w->dir->tensors.v] = true;
    return t;
}

/* The text of a message part, also where memory ran out on it. */
static const char *text_of(const struct buf *b)
{
    return b->p ? b->p : "";
}

static char *format_name(const char *fmt, va_list ap)
{
    struct buf name = BUF_INIT(NAME_BYTES);
    buf_vprintf(&name, fmt, ap);
    return buf_take(&name);
}

/* ---- checks of one module */

/* Is t [n_mat][n_out][n_col], the first dimension left out where n_mat is 1? */
static bool has_shape(const struct tensor *t, const struct mat *m, size_t n_col)
{
    if (t->n_dim == 3 ? t->dim[0] != (size_t)m->n_mat : t->n_dim != 2 || m->n_mat != 1)
        return false;
    return t->dim[t->n_dim - 2] == (size_t)m->n_out && t->dim[t->n_dim - 1] == n_col;
}

static void describe_shape(struct buf *out, const struct mat *m, size_t n_col)
{
    if (m->n_mat > 1)
        buf_printf(out, "[%d, %d, %zu]", m->n_mat, m->n_out, n_col);
    else
        buf_printf(out, "[%d, %zu]", m->n_out, n_col);
}

static void wrong_tensor(struct weights *w, const struct tensor *t, const char *type, const struct mat *m, size_t n_col)
{
    struct buf text = BUF_INIT(0);
    buf_printf(&text, "expected %s ", type);
    describe_shape(&text, m, n_col);
    buf_z(&text, ", found ");
    tensor_describe(&text, t);
    add_wrong(w, "%s: %s", t->name, text_of(&text));
    buf_deinit(&text);
}

static bool bind_plain(struct weights *w, struct mat *m, const struct tensor *weight)
{
    if (!dtype_is_float(weight->dtype) || !has_shape(weight, m, (size_t)m->n_in)) {
        wrong_tensor(w, weight, "a float", m, (size_t)m->n_in);
        return false;
    }
    m->mode = QUANT_PLAIN;
    m->dtype = weight->dtype;
    m->bits = 8 * (int)dtype_bytes(weight->dtype);
    m->w = weight->p;
    return true;
}

/* What the columns of weight and scales say, whatever config.json says: bits = words * 32 / n_in, group = n_in / columns. Both go
 * into the message where they are whole numbers. */
static void wrong_columns(struct weights *w, const char *name, const struct mat *m, const struct quant_params *q,
                          const struct tensor *weight, const struct tensor *scales)
{
    struct buf text = BUF_INIT(0);
    size_t words = weight->dim[weight->n_dim - 1], cols = scales->dim[scales->n_dim - 1], n_in = (size_t)m->n_in;
    quant_describe(&text, q);
    buf_printf(&text, " (config.json) of %d inputs needs weight U32 ", m->n_in);
    describe_shape(&text, m, n_in * (size_t)q->bits / 32);
    buf_z(&text, " and scales ");
    describe_shape(&text, m, n_in / (size_t)q->group);
    buf_z(&text, "; found weight ");
    tensor_describe(&text, weight);
    buf_z(&text, " and scales ");
    tensor_describe(&text, scales);
    bool whole = words <= n_in && words * 32 % n_in == 0 && cols && n_in % cols == 0;
    if (whole && (words * 32 / n_in != (size_t)q->bits || n_in / cols != (size_t)q->group))
        buf_printf(&text, ", which would be %zu-bit, group %zu", words * 32 / n_in, n_in / cols);
    add_wrong(w, "%s: %s", name, text_of(&text));
    buf_deinit(&text);
}

/* Do the types of scales and biases belong to the mode? */
static bool check_types(struct weights *w, const char *name, const struct quant_params *q, const struct tensor *scales,
                        const struct tensor *biases)
{
    const char *mode = quant_mode_name(q->mode);
    bool affine = q->mode == QUANT_AFFINE;
    if (affine && scales->dtype == DTYPE_U8)
        add_wrong(w, "%s: scales are U8, as mxfp4, mxfp8 and nvfp4 have them; config.json says affine", name);
    else if (affine && !dtype_is_float(scales->dtype))
        add_wrong(w, "%s: scales are %s, expected BF16, F16 or F32", name, dtype_name(scales->dtype));
    else if (!affine && scales->dtype != DTYPE_U8)
        add_wrong(w, "%s: scales are %s, mode %s has U8", name, dtype_name(scales->dtype), mode);
    else if (!affine && biases)
        add_wrong(w, "%s: biases are there, mode %s has none", name, mode);
    else if (affine && !biases)
        add_wrong(w, "%s: biases are missing: mode affine needs them beside the scales", name);
    else if (affine && biases->dtype != scales->dtype)
        add_wrong(w, "%s: biases are %s, but scales %s", name, dtype_name(biases->dtype), dtype_name(scales->dtype));
    else
        return true;
    return false;
}

static bool bind_packed(struct weights *w, struct mat *m, const char *name, const struct quant_params *q,
                        const struct tensor *weight, const struct tensor *scales, const struct tensor *biases)
{
    size_t n_in = (size_t)m->n_in;
    if (!check_types(w, name, q, scales, biases))
        return false;
    if (n_in % (size_t)q->group || n_in * (size_t)q->bits % 32) {
        add_wrong(w, "%s: %d inputs are no multiple of the group size %d", name, m->n_in, q->group);
        return false;
    }
    size_t n_group = n_in / (size_t)q->group, n_word = n_in * (size_t)q->bits / 32;
    if (weight->dtype != DTYPE_U32) {
        wrong_tensor(w, weight, "U32", m, n_word);
        return false;
    }
    if (weight->n_dim < 2 || scales->n_dim < 2) {
        bool first = weight->n_dim < 2;
        wrong_tensor(w, first ? weight : scales, dtype_name(first ? DTYPE_U32 : scales->dtype), m,
                     first ? n_word : n_group);
        return false;
    }
    if (!has_shape(weight, m, n_word) || !has_shape(scales, m, n_group)) {
        wrong_columns(w, name, m, q, weight, scales);
        return false;
    }
    if (biases && !has_shape(biases, m, n_group)) {
        wrong_tensor(w, biases, dtype_name(scales->dtype), m, n_group);
        return false;
    }
    m->mode = q->mode;
    m->bits = q->bits;
    m->group = q->group;
    m->dtype = scales->dtype;
    m->w = weight->p;
    m->s = scales->p;
    m->b = biases ? biases->p : NULL;
    return true;
}

/* Parameters of a module by its entry, else by the presence of scales. false: the tensors contradict config.json. */
static bool settle(struct weights *w, const char *name, bool scales, struct quant_params *out)
{
    char full[NAME_BYTES];
    snprintf(full, sizeof full, "%s%s", w->prefix, name);
    const struct quant_params *own = quant_find(&w->quant, str_from(full));
    *out = own ? *own : scales ? w->quant.global : (struct quant_params){ .mode = QUANT_PLAIN };
    if (scales && out->mode == QUANT_PLAIN) {
        add_wrong(w,
                  own ? "%s: has scales, but config.json says that it is not quantised"
                      : "%s: has scales, but config.json has no \"quantization\"",
                  name);
        return false;
    }
    return true;
}

static bool bind(struct weights *w, struct mat *m, const char *name)
{
    const struct tensor *weight = take(w, name, ".weight");
    const struct tensor *scales = take(w, name, ".scales");
    const struct tensor *biases = take(w, name, ".biases");
    struct quant_params q;
    char part[NAME_BYTES];
    if (!weight) {
        snprintf(part, sizeof part, "%s.weight", name);
        add_missing(w, part);
        return false;
    }
    if (!settle(w, name, scales != NULL, &q))
        return false;
    if (!scales && (q.mode != QUANT_PLAIN || weight->dtype == DTYPE_U32)) {
        snprintf(part, sizeof part, "%s.scales", name);
        add_missing(w, part);
        return false;
    }
    if (!scales && biases) {
        add_wrong(w, "%s: has biases but no scales", name);
        return false;
    }
    return scales ? bind_packed(w, m, name, &q, weight, scales, biases) : bind_plain(w, m, weight);
}

void weights_mat(struct weights *w, struct mat *out, int n_mat, int n_out, int n_in, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *name = format_name(fmt, ap);
    va_end(ap);
    *out = (struct mat){ .n_mat = n_mat, .n_out = n_out, .n_in = n_in };
    if (bind(w, out, name))
        add_bound(w, name, out, mat_bytes(out), false);
    else
        mem_free(name);
}

/* n elements of t as f32, owned by w; NULL without memory. */
static const float *widen(struct weights *w, const struct tensor *t, size_t n)
{
    float *v = mem_try_calloc(n, sizeof *v);
    if (!v) {
        w->no_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < n; i++)
        v[i] = num_load(t->p, t->dtype, i);
    w->floats = grow(w->floats, w->n_floats, &w->cap_floats, sizeof(float *));
    w->floats[w->n_floats++] = v;
    return v;
}

const float *weights_vec(struct weights *w, int n, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *name = format_name(fmt, ap);
    va_end(ap);
    const struct tensor *t = take(w, name, "");
    const float *v = NULL;
    if (!t) {
        add_missing(w, name);
    } else if (!dtype_is_float(t->dtype) || t->n_dim != 1 || t->dim[0] != (size_t)n) {
        struct buf found = BUF_INIT(0);
        tensor_describe(&found, t);
        add_wrong(w, "%s: expected a float [%d], found %s", name, n, text_of(&found));
        buf_deinit(&found);
    } else {
        v = widen(w, t, (size_t)n);
    }
    if (!v) {
        mem_free(name);
        return NULL;
    }
    struct mat m = { .bits = 8 * (int)dtype_bytes(t->dtype), .dtype = t->dtype, .n_mat = 1, .n_out = 1, .n_in = n };
    m.w = t->p;
    add_bound(w, name, &m, t->n_bytes, true);
    return v;
}

void weights_bias(struct weights *w, struct mat *m, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *name = format_name(fmt, ap);
    va_end(ap);
    const struct tensor *t = take(w, name, "");
    size_t n = (size_t)m->n_mat * (size_t)m->n_out;
    bool shape = t && (m->n_mat == 1 ? t->n_dim == 1 && t->dim[0] == n
                                     : t->n_dim == 2 && t->dim[0] == (size_t)m->n_mat && t->dim[1] == (size_t)m->n_out);
    if (!t) {
        add_missing(w, name);
    } else if (!shape || !dtype_is_float(t->dtype)) {
        struct buf found = BUF_INIT(0);
        tensor_describe(&found, t);
        add_wrong(w, "%s: expected a float [%s%d], found %s", name, m->n_mat > 1 ? "experts, " : "", m->n_out,
                  text_of(&found));
        buf_deinit(&found);
    } else {
        m->bias = widen(w, t, n);
    }
    mem_free(name);
}

/* ---- the report */

static bool useless(const struct weights *w, const struct tensor *t)
{
    static const char *const parts[] = { "rotary_emb.inv_freq", "vision_tower.", "vision_model.", "visual.", "mtp." };
    struct str name = str_from(t->name);
    size_t prefix = strlen(w->prefix);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        ptrdiff_t at = str_find(name, str_from(parts[i]));
        if (at == 0 || (at > 0 && name.p[at - 1] == '.'))
            return true;
    }
    if (!str_starts(str_sub(name, prefix, name.n), STR("lm_head.")))
        return false;
    for (size_t i = 0; i < w->n; i++)
        if (!strcmp(w->v[i].name, "lm_head"))
            return false;
    for (size_t i = 0; i < w->n_missing; i++)
        if (str_starts(str_from(w->missing[i]), STR("lm_head.")))
            return false;
    return true;
}

struct report {
    const struct weights *w;
    const struct tensor **extra; /* owned; tensors that nobody asked for */
    size_t n_extra;
    struct buf text;
};

static const struct tensor *extra_with(const struct report *r, const char *part)
{
    for (size_t i = 0; i < r->n_extra; i++)
        if (str_find(str_from(r->extra[i]->name), str_from(part)) >= 0)
            return r->extra[i];
    return NULL;
}

static const char *missing_with(const struct report *r, const char *part)
{
    for (size_t i = 0; i < r->w->n_missing; i++)
        if (strstr(r->w->missing[i], part))
            return r->w->missing[i];
    return NULL;
}

/* The known causes that explain a whole list of missing and superfluous tensors. */
static bool explain(struct report *r)
{
    static const char *const foreign[][2] = {
        { ".mlp.experts.", "the experts are stored one by one or fused as transformers stores them" },
        { ".qweight", "the weights are packed as AWQ or GPTQ pack them" },
        { ".weight_packed", "the weights are packed as compressed-tensors packs them" },
        { ".weight_scale", "the weights are scaled as FP8 and ModelOpt checkpoints scale them" },
    };
    const struct tensor *t = extra_with(r, "switch_mlp.switch_mlp.");
    const char *lost = missing_with(r, ".mlp.switch_mlp.");
    if (t) {
        buf_printf(&r->text,
                   "the prefix switch_mlp is doubled (%s): the tensors were renamed twice on conversion; convert "
                   "the model again with mlx_lm.convert",
                   t->name);
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++)
        if ((t = extra_with(r, foreign[i][0]))) {
            buf_printf(&r->text, "%s (%s): this is no MLX checkpoint; convert it with mlx_lm.convert", foreign[i][1],
                       t->name);
            return true;
        }
    t = extra_with(r, ".mlp.gate_proj.");
    if (lost && t) {
        buf_printf(&r->text,
                   "the checkpoint has dense layers (%s) where config.json asks for experts (%s): see num_experts, "
                   "mlp_only_layers, decoder_sparse_step",
                   t->name, lost);
        return true;
    }
    t = extra_with(r, ".mlp.switch_mlp.");
    lost = missing_with(r, ".mlp.gate_proj.");
    if (lost && t) {
        buf_printf(&r->text,
                   "the checkpoint has experts (%s) where config.json asks for a dense layer (%s): see num_experts, "
                   "mlp_only_layers, decoder_sparse_step",
                   t->name, lost);
        return true;
    }
    return false;
}

/* The superfluous tensor whose name, but for a wrapper's prefix, is closest to that of a missing one. */
static const char *near_name(const struct report *r, const char *missing)
{
    const char *best = NULL;
    int best_distance = NEAR_DISTANCE + 1;
    struct str lost = str_from(missing), prefix = str_from(r->w->prefix);
    for (size_t i = 0; i < MIN(r->n_extra, NEAR_CANDIDATES); i++) {
        struct str name = str_from(r->extra[i]->name);
        if (str_starts(name, prefix))
            name = str_sub(name, prefix.n, name.n);
        if (name.n > lost.n + NEAR_DISTANCE || lost.n > name.n + NEAR_DISTANCE)
            continue;
        int d = str_distance(name, lost, best_distance - 1);
        if (d < best_distance) {
            best_distance = d;
            best = r->extra[i]->name;
        }
    }
    return best;
}

static void list_problems(struct report *r, size_t limit)
{
    const struct weights *w = r->w;
    size_t total = w->n_missing + w->n_wrong + r->n_extra, listed = 0;
    for (size_t i = 0; i < w->n_missing && listed < limit; i++, listed++) {
        const char *near = near_name(r, w->missing[i]);
        buf_printf(&r->text, "\n  missing: %s%s", w->prefix, w->missing[i]);
        if (near)
            buf_printf(&r->text, " (did you mean %s?)", near);
        else if (!strcmp(w->missing[i], "lm_head.weight") && !extra_with(r, "lm_head"))
            buf_z(&r->text, " (a tied head? config.json's tie_word_embeddings is false)");
    }
    for (size_t i = 0; i < w->n_wrong && listed < limit; i++, listed++)
        buf_printf(&r->text, "\n  wrong: %s", w->wrong[i]);
    for (size_t i = 0; i < r->n_extra && listed < limit; i++, listed++) {
        buf_printf(&r->text, "\n  superfluous: %s ", r->extra[i]->name);
        tensor_describe(&r->text, r->extra[i]);
    }
    if (total > listed)
        buf_printf(&r->text, "\n  and %zu more", total - listed);
}

static int by_name(const void *a, const void *b)
{
    const struct tensor *const *x = a, *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

int weights_finish(struct weights *w, struct err *e)
{
    const struct tensors *t = &w->dir->tensors;
    struct report r = { .w = w, .extra = mem_try_calloc(t->n + 1, sizeof *r.extra) };
    int rc = 0;
    if (!r.extra || w->no_memory) {
        mem_free(r.extra);
        return err_set(e, ERR_NOMEM, "%s: no memory to bind its tensors", w->dir->path);
    }
    for (size_t i = 0; i < t->n; i++)
        if (!w->used[i] && !useless(w, &t->v[i]))
            r.extra[r.n_extra++] = &t->v[i];
    if (w->n_missing || w->n_wrong || r.n_extra) {
        qsort(r.extra, r.n_extra, sizeof *r.extra, by_name);
        bool explained = explain(&r);
        if (!explained)
            buf_z(&r.text, "tensors and config.json do not agree");
        buf_printf(&r.text, " (tensors: %zu missing, %zu wrong, %zu superfluous)", w->n_missing, w->n_wrong, r.n_extra);
        list_problems(&r, explained ? LISTED_EXPLAINED : LISTED);
        rc = err_set(e, ERR_FORMAT, "%s: %s", w->dir->path, text_of(&r.text));
        buf_deinit(&r.text);
    }
    mem_free(r.extra);
    return rc;
}

size_t weights_len(const struct weights *w)
{
    return w->n;
}

const struct weight *weights_at(const struct weights *w, size_t i)
{
    return &w->v[i];
}

/* safetensors.c - reads and writes the header of safetensors files.
 *
 *   u64 length, little-endian | header: JSON, `length` bytes | data
 *
 * Offsets count from the start of the data. The tensors of a file must cover its data exactly: no gap, no overlap, nothing behind.
 * A whole file is checked in a table of its own before any of it enters the caller's.
 * SPDX-License-Identifier: MIT */
#include "format/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "format/json.h"

/* 100 MB: the limit of the safetensors library. */
enum { LENGTH_BYTES = 8, HEADER_MAX = 100000000, NAME_MAX_BYTES = 1024 };

static const struct json_limits header_limits = { .bytes = HEADER_MAX, .depth = 8, .unique = true };

/* One file while it is parsed. */
struct parse {
    const char *what;
    const uint8_t *data;
    size_t n_data;
    int shard;
    struct tensor *v; /* owned until they enter the table */
    size_t n;
    struct err *e;
};

static int wrong_name(const struct parse *f, struct str name)
{
    bool plain = name.n > 0 && name.n <= NAME_MAX_BYTES;
    for (size_t i = 0; i < name.n && plain; i++)
        plain = (unsigned char)name.p[i] > 0x20 && name.p[i] != 0x7f;
    if (plain)
        return 0;
    struct buf shown = BUF_INIT(0);
    struct str cut = str_sub(name, 0, 60);
    json_write_str(&shown, str_sub(cut, 0, utf8_whole(cut)));
    int rc = err_set(f->e, ERR_FORMAT,
                     "%s: %s%s is no tensor name: 1 to %d bytes are expected, no spaces or control characters", f->what,
                     shown.p ? shown.p : "", cut.n < name.n ? "..." : "", NAME_MAX_BYTES);
    buf_deinit(&shown);
    return rc;
}

static int parse_dtype(const struct parse *f, struct tensor *t, const struct json *entry)
{
    struct str name;
    if (json_req_str(entry, "dtype", &name, f->e))
        return f->e->code;
    if (!dtype_parse(name, &t->dtype))
        return json_expected(entry, "dtype", "a safetensors type such as BF16 or U32", f->e);
    return 0;
}

static int parse_shape(const struct parse *f, struct tensor *t, const struct json *entry)
{
    const struct json *shape;
    if (json_req_array(entry, "shape", &shape, f->e))
        return f->e->code;
    if (json_len(shape) > TENSOR_MAX_DIM)
        return err_set(f->e, ERR_UNSUPPORTED, "%s: %s: %zu dimensions, at most %d are supported", f->what, t->name,
                       json_len(shape), TENSOR_MAX_DIM);
    t->n_dim = (int)json_len(shape);
    t->n_bytes = dtype_bytes(t->dtype);
    bool fits = true;
    for (int i = 0; i < t->n_dim; i++) {
        int64_t dim;
        if (!json_i64(json_at(shape, (size_t)i), &dim) || dim < 0)
            return json_expected_at(shape, (size_t)i, "a size of at least 0", f->e);
        t->dim[i] = (size_t)dim;
        fits = fits && mem_mul(t->n_bytes, t->dim[i], &t->n_bytes);
    }
    if (!fits)
        return err_set(f->e, ERR_FORMAT, "%s: %s: the product of its shape overflows", f->what, t->name);
    return 0;
}

static int parse_offsets(const struct parse *f, struct tensor *t, const struct json *entry)
{
    const struct json *pair;
    uint64_t at[2];
    if (json_req_array(entry, "data_offsets", &pair, f->e))
        return f->e->code;
    if (json_len(pair) != 2)
        return json_expected(entry, "data_offsets", "two byte offsets", f->e);
    for (size_t i = 0; i < 2; i++) {
        int64_t n;
        if (!json_i64(json_at(pair, i), &n) || n < 0)
            return json_expected_at(pair, i, "a byte offset", f->e);
        at[i] = (uint64_t)n;
    }
    if (at[0] > at[1])
        return err_set(f->e, ERR_FORMAT, "%s: %s: ends at byte %" PRIu64 ", before its start at %" PRIu64, f->what,
                       t->name, at[1], at[0]);
    if (at[1] > f->n_data)
        return err_set(f->e, ERR_FORMAT,
                       "%s: %s: ends at byte %" PRIu64 " of the data, but the file holds only %zu; it is cut short",
                       f->what, t->name, at[1], f->n_data);
    if (at[1] - at[0] != t->n_bytes) {
        struct buf shape = BUF_INIT(0);
        tensor_describe(&shape, t);
        int rc = err_set(f->e, ERR_FORMAT, "%s: %s: %s needs %zu bytes, data_offsets give it %" PRIu64, f->what,
                         t->name, shape.p ? shape.p : "", t->n_bytes, at[1] - at[0]);
        buf_deinit(&shape);
        return rc;
    }
    t->p = f->data + at[0];
    return 0;
}

static int parse_tensor(struct parse *f, struct str name, const struct json *entry)
{
    if (wrong_name(f, name))
        return f->e->code;
    struct tensor *t = &f->v[f->n];
    t->name = mem_try_calloc(1, name.n + 1);
    if (!t->name)
        return err_set(f->e, ERR_NOMEM, "%s: no memory for its tensors", f->what);
    f->n++;
    memcpy(t->name, name.p, name.n);
    t->shard = f->shard;
    if (json_type(entry) != JSON_OBJECT)
        return err_set(f->e, ERR_FORMAT, "%s: %s: expected an object with dtype, shape and data_offsets, found %s",
                       f->what, t->name, json_type_name(json_type(entry)));
    if (parse_dtype(f, t, entry) || parse_shape(f, t, entry) || parse_offsets(f, t, entry))
        return f->e->code;
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct tensor *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return x->n_bytes < y->n_bytes ? -1 : x->n_bytes > y->n_bytes;
}

/* Leaves the tensors in the order of their data. */
static int check_cover(struct parse *f)
{
    size_t at = 0;
    if (f->n)
        qsort(f->v, f->n, sizeof *f->v, by_place);
    for (size_t i = 0; i < f->n; i++) {
        const struct tensor *t = &f->v[i];
        size_t start = (size_t)(t->p - f->data);
        if (start < at)
            return err_set(f->e, ERR_FORMAT, "%s: tensors %s and %s overlap at byte %zu of the data", f->what,
                           f->v[i - 1].name, t->name, start);
        if (start > at)
            return err_set(f->e, ERR_FORMAT, "%s: bytes %zu to %zu of the data, before %s, belong to no tensor",
                           f->what, at, start, t->name);
        at += t->n_bytes;
    }
    if (at != f->n_data)
        return err_set(f->e, ERR_FORMAT, "%s: %zu bytes behind the last tensor belong to none", f->what,
                       f->n_data - at);
    return 0;
}

static int parse_header(struct parse *f, const struct json *header)
{
    struct json_iter it;
    if (json_type(header) != JSON_OBJECT)
        return err_set(f->e, ERR_FORMAT, "%s: the header is %s, expected an object", f->what,
                       json_type_name(json_type(header)));
    f->v = mem_try_calloc(json_len(header) + 1, sizeof *f->v);
    if (!f->v)
        return err_set(f->e, ERR_NOMEM, "%s: no memory for its tensors", f->what);
    for (bool more = json_first(&it, header); more; more = json_next(&it)) {
        if (str_eqz(it.key, "__metadata__"))
            continue;
        if (parse_tensor(f, it.key, it.value))
            return f->e->code;
    }
    return check_cover(f);
}

/* Moves the file's tensors into *t, or changes nothing. */
static int enter(struct tensors *t, struct parse *f)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct tensor *old = tensors_find(t, f->v[i].name);
        if (old)
            return err_set(f->e, ERR_FORMAT, "%s: tensor %s is there already, in file %d of the set", f->what,
                           f->v[i].name, old->shard + 1);
    }
    size_t n = t->n + f->n;
    if (n > t->cap) {
        struct tensor *v = n <= UINT32_MAX ? mem_try_realloc(t->v, n, sizeof *v) : NULL;
        if (!v)
            return err_set(f->e, ERR_NOMEM, "%s: no memory for its tensors", f->what);
        t->v = v;
        t->cap = n;
    }
    t->by_name.borrow = true;
    if (map_reserve(&t->by_name, n))
        return err_set(f->e, ERR_NOMEM, "%s: no memory for its tensors", f->what);
    for (size_t i = 0; i < f->n; i++) {
        if (map_set(&t->by_name, str_from(f->v[i].name), (uint32_t)(t->n + i)) < 0)
            return err_set(f->e, ERR_NOMEM, "%s: no memory for its tensors", f->what);
    }
    if (f->n)
        memcpy(t->v + t->n, f->v, f->n * sizeof *f->v);
    t->n = n;
    f->n = 0;
    return 0;
}

/* Files that people take for safetensors. */
static int check_magic(const uint8_t *p, size_t n, const char *what, struct err *e)
{
    struct str head = { (const char *)p, MIN(n, 64) };
    if (str_starts(head, STR("GGUF")))
        return err_set(e, ERR_UNSUPPORTED, "%s: this is a GGUF file; Octet reads MLX checkpoints (safetensors)", what);
    if (str_starts(head, STR("version https://git-lfs")))
        return err_set(e, ERR_FORMAT, "%s: this is a Git LFS pointer, not the weights: run \"git lfs pull\"", what);
    if (n < LENGTH_BYTES)
        return err_set(e, ERR_FORMAT, "%s: %zu bytes are too few for a safetensors file", what, n);
    return 0;
}

static uint64_t load_u64(const uint8_t *p)
{
    uint64_t u = 0;
    for (int i = LENGTH_BYTES; i-- > 0;)
        u = u << 8 | p[i];
    return u;
}

int safetensors_parse(struct tensors *t, const uint8_t *p, size_t n, int shard, const char *what, struct err *e)
{
    struct err local = ERR_INIT;
    struct json *header = NULL;
    if (check_magic(p, n, what, &local))
        return err_set(e, local.code, "%s", local.msg);
    uint64_t n_header = load_u64(p);
    if (n_header < 2 || n_header > HEADER_MAX)
        return err_set(e, ERR_FORMAT,
                       "%s: the header's length is %" PRIu64 " bytes, expected 2 to %d: no safetensors file", what,
                       n_header, HEADER_MAX);
    if (n_header > n - LENGTH_BYTES)
        return err_set(e, ERR_FORMAT, "%s: the header's length is %" PRIu64 " bytes, but the file has only %zu", what,
                       n_header, n);
    struct parse f = { .what = what, .shard = shard, .e = &local };
    f.data = p + LENGTH_BYTES + n_header;
    f.n_data = n - LENGTH_BYTES - (size_t)n_header;
    struct str text = { (const char *)p + LENGTH_BYTES, (size_t)n_header };
    int rc = json_parse(&header, text, what, &header_limits, &local);
    if (!rc)
        rc = parse_header(&f, header);
    if (!rc)
        rc = enter(t, &f);
    for (size_t i = 0; i < f.n; i++)
        mem_free(f.v[i].name);
    mem_free(f.v);
    json_free(header);
    return rc ? err_set(e, rc, "%s", local.msg) : 0;
}

const struct tensor *tensors_find(const struct tensors *t, const char *name)
{
    uint32_t i;
    return map_get(&t->by_name, str_from(name), &i) ? &t->v[i] : NULL;
}

void tensors_deinit(struct tensors *t)
{
    for (size_t i = 0; i < t->n; i++)
        mem_free(t->v[i].name);
    mem_free(t->v);
    map_deinit(&t->by_name);
    *t = (struct tensors){ 0 };
}

static void write_dims(struct buf *out, const struct tensor *t, const char *separator)
{
    buf_char(out, '[');
    for (int i = 0; i < t->n_dim; i++)
        buf_printf(out, "%s%zu", i ? separator : "", t->dim[i]);
    buf_char(out, ']');
}

void tensor_describe(struct buf *out, const struct tensor *t)
{
    buf_printf(out, "%s ", dtype_name(t->dtype));
    write_dims(out, t, ", ");
}

int safetensors_header(struct buf *out, struct tensor *v, size_t n, struct err *e)
{
    struct buf json = BUF_INIT(HEADER_MAX);
    uint8_t length[LENGTH_BYTES];
    size_t at = 0;
    buf_z(&json, "{\"__metadata__\":{\"format\":\"mlx\"}");
    for (size_t i = 0; i < n; i++) {
        struct tensor *t = &v[i];
        size_t start = at;
        bool fits = true;
        t->n_bytes = dtype_bytes(t->dtype);
        for (int d = 0; d < t->n_dim; d++)
            fits = fits && mem_mul(t->n_bytes, t->dim[d], &t->n_bytes);
        if (!fits || !mem_add(at, t->n_bytes, &at)) {
            buf_deinit(&json);
            return err_set(e, ERR_LIMIT, "tensor %s is too large to be written", t->name);
        }
        buf_char(&json, ',');
        json_write_str(&json, str_from(t->name));
        buf_printf(&json, ":{\"data_offsets\":[%zu,%zu],\"dtype\":\"%s\",\"shape\":", start, at, dtype_name(t->dtype));
        write_dims(&json, t, ",");
        buf_char(&json, '}');
    }
    buf_char(&json, '}');
    int rc = buf_check(&json, "safetensors header", e);
    for (int i = 0; i < LENGTH_BYTES; i++)
        length[i] = (uint8_t)((uint64_t)json.n >> (8 * i));
    if (!rc) {
        buf_add(out, length, sizeof length);
        buf_str(out, buf_view(&json));
    }
    buf_deinit(&json);
    return rc;
}

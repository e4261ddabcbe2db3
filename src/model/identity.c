/* identity.c - a hash of what decides the keys and values of a model.
 * SPDX-License-Identifier: MIT */
#include "model/identity.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/buf.h"
#include "base/mem.h"
#include "format/json.h"

/* VERSION changes when what is computed changes for the same files. */
enum { VERSION = 1, SAMPLE_BYTES = 1024 };

static int by_name(const void *a, const void *b)
{
    const struct tensor *x = *(const struct tensor *const *)a, *y = *(const struct tensor *const *)b;
    return strcmp(x->name, y->name);
}

/* Beginning, middle and end: three reads of a tensor, whatever its size. */
static void add_sample(XXH3_state_t *x, const struct tensor *t)
{
    size_t n = MIN(t->n_bytes, (size_t)SAMPLE_BYTES);
    const size_t at[] = { 0, (t->n_bytes - n) / 2, t->n_bytes - n };
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        XXH3_128bits_update(x, t->p + at[i], n);
}

static void add_tensors(XXH3_state_t *x, const struct tensors *all)
{
    const struct tensor **v = xcalloc(MAX(all->n, 1), sizeof *v);
    struct buf text = { 0 };
    for (size_t i = 0; i < all->n; i++)
        v[i] = &all->v[i];
    qsort(v, all->n, sizeof *v, by_name);
    for (size_t i = 0; i < all->n; i++) {
        buf_reset(&text);
        buf_z(&text, v[i]->name);
        buf_char(&text, ' ');
        tensor_describe(&text, v[i]);
        XXH3_128bits_update(x, text.p, text.n + 1);
        add_sample(x, v[i]);
    }
    buf_deinit(&text);
    mem_free(v);
}

void model_identity(const struct model *m, uint8_t out[IDENTITY_BYTES])
{
    XXH3_state_t *x = XXH3_createState();
    struct buf text = { 0 };
    XXH3_128bits_reset(x);
    json_write(&text, model_dir(m)->config);
    buf_printf(&text, "\n%d %s %zu %d", VERSION, model_numerics(m), model_kv_bytes_per_token(m), KV_PAGE_TOK);
    XXH3_128bits_update(x, text.p, text.n);
    add_tensors(x, &model_dir(m)->tensors);
    XXH128_canonical_t c;
    XXH128_canonicalFromHash(&c, XXH3_128bits_digest(x));
    memcpy(out, c.digest, IDENTITY_BYTES);
    XXH3_freeState(x);
    buf_deinit(&text);
}

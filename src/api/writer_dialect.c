/* writer_dialect.c - what the dialects of writers have in common.
 * SPDX-License-Identifier: MIT */
#include "api/writer_dialect.h"

#include <string.h>

#include "base/version.h"
#include "format/json.h"

void writer_fresh_id(struct writer *w, const char *prefix, char *out)
{
    size_t n = strlen(prefix);
    memcpy(out, prefix, n);
    w->o.id(w->o.id_arg, out + n);
}

struct str writer_fingerprint(const struct writer *w)
{
    return w->o.fingerprint.n ? w->o.fingerprint : STR("octet-" OCTET_VERSION);
}

void writer_json_member(struct buf *out, const char *name, struct str s)
{
    buf_z(out, ",\"");
    buf_z(out, name);
    buf_z(out, "\":");
    json_write_str(out, s);
}

void writer_json_texts(struct writer *w, const struct writer_choice *c, enum writer_kind kind, struct buf *out)
{
    buf_reset(&w->scratch);
    for (size_t i = 0; i < c->n_item; i++)
        if (c->item[i].kind == kind)
            buf_str(&w->scratch, buf_view(&c->item[i].text));
    json_write_str(out, buf_view(&w->scratch));
    out->failed |= w->scratch.failed;
}

/* gdef.h - a grammar as data: the nodes that text/grammar/grammar_build.h makes and text/grammar/gstore.h runs. Private to the grammar's files.
 *
 * Nodes are numbered from 0. After gdef_finish they are read-only and carry what running needs: whether a node can be empty, whether it
 * derives anything at all, and a rank: a node that begins with another has a lower rank than that one.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GDEF_H
#define TEXT_GRAMMAR_GDEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/err.h"
#include "text/grammar/dfa.h"

enum gnode_kind { G_NEVER, G_EMPTY, G_LITERAL, G_DFA, G_SEQ, G_ALT, G_REPEAT, G_RULE, G_MEMBERS };

#define GDEF_NONE UINT32_MAX

struct gnode {
    enum gnode_kind kind;
    bool nullable, productive;
    uint32_t a,
        b; /* LITERAL: text [a, a + b); DFA: a; SEQ, ALT: kids [a, a + b); REPEAT: node a; RULE: its node a or GDEF_NONE;
                          MEMBERS: a */
    uint32_t min, max; /* REPEAT; GDEF_NONE: no bound */
    uint32_t tail;     /* SEQ: from this kid on all can be empty */
    uint32_t rank;
};

struct gmembers {
    uint32_t first, n; /* kids */
    uint32_t n_required;
    uint32_t required;   /* required[required + i]: member i */
    uint32_t extra, sep; /* nodes or GDEF_NONE */
    uint32_t min, max;   /* GDEF_NONE: no bound */
};

struct gdfa {
    struct dfa dfa;            /* owned */
    uint64_t (*class_bits)[4]; /* owned: the bytes of each class */
};

struct gdef {
    struct gnode *nodes; /* owned, as all below */
    size_t n, cap;
    uint32_t *kids;
    size_t n_kid, cap_kid;
    char *text;
    size_t n_text, cap_text;
    struct gdfa *dfas;
    size_t n_dfa, cap_dfa;
    struct gmembers *members;
    size_t n_members, cap_members;
    uint8_t *required;
    size_t n_required, cap_required;
    uint32_t *by_rank; /* [n] */
    uint32_t root;
};

void gdef_deinit(struct gdef *d);
/* Works out what running needs. ERR_UNSUPPORTED: left recursion. ERR_FORMAT: it derives nothing. */
MUST_CHECK int gdef_finish(struct gdef *d, struct work *w, struct err *e);

static inline uint32_t gdef_kid(const struct gdef *d, const struct gnode *x, uint32_t i)
{
    return d->kids[x->a + i];
}

#endif

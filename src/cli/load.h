/* load.h - opens what a command needs of a model directory.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_LOAD_H
#define CLI_LOAD_H

#include <stdbool.h>

#include "base/err.h"
#include "model/model.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

struct load {
    struct model *model;   /* owned */
    struct tokenizer *tok; /* owned; NULL without `text` */
    struct chat *chat;     /* owned; NULL without `text` */
    double seconds;        /* from the call to ready */
};

/* Opens the model and, with `text`, beside it on a thread of its own the tokenizer and the chat template. On failure *l holds nothing. */
MUST_CHECK int load_open(struct load *l, const char *path, const struct model_opts *o, bool text, struct err *e);
void load_close(struct load *l);

/* The model to use where none was named: $OCTET_MODEL, else the demonstration model in models/octet-mini of the directory of the
 * executable or of one of the three above it, in share/octet beside bin, where `make install` put it, or in the working
 * directory. The caller frees it; NULL with a message if there is none. */
char *load_default_model(struct err *e);

#endif

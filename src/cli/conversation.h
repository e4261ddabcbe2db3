/* conversation.h - messages so far, and the prompt that they make.
 *
 * Messages are kept as JSON text, in the form that templates, /save and the APIs share. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_CONVERSATION_H
#define CLI_CONVERSATION_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "text/ids.h"
#include "text/template/chat.h"
#include "text/tokenizer.h"

/* All zeros is an empty conversation. */
struct conversation {
    char *system;       /* owned; NULL: none */
    char *tools;        /* owned; a JSON array; NULL: none */
    struct buf turns;   /* message objects, joined by ", " */
    size_t before_last; /* length of turns before the last message was added */
};

void conversation_deinit(struct conversation *c);
void conversation_set_system(struct conversation *c, const char *text); /* NULL or "": none */
/* Reads the tools from a file: a JSON array, each in OpenAI's form, given to the template as it stands. */
MUST_CHECK int conversation_read_tools(struct conversation *c, const char *path, struct err *e);
void conversation_add(struct conversation *c, const char *role, struct str content);
void conversation_drop_last(struct conversation *c); /* takes back the last conversation_add */
void conversation_reset(struct conversation *c);     /* forgets the messages, keeps system and tools */
/* Appends the messages as a JSON array, the system message first. */
void conversation_write(const struct conversation *c, struct buf *out);
/* Appends the ids of the rendered prompt, up to where the assistant begins. */
MUST_CHECK int conversation_ids(const struct conversation *c, const struct chat *chat, const struct tokenizer *tok,
                                struct ids *out, struct err *e);

#endif

/* replay.h - answers as they were sampled, so that a conversation which comes back has the same token ids as the first time.
 *
 * A client sends every earlier answer again, and its text does not always give the ids back that were sampled: white space around calls,
 * spelling of numbers, another split into tokens. Then all that was computed behind that place would be lost. So each finished answer is
 * remembered with its ids, found again by the id of its first call or by its content, and used only if text, reasoning, names and arguments
 * are what was sent. Arguments are compared as the values that JavaScript sees, since most clients parse and write them anew: white space,
 * 5000.0 and 5000, 1e3 and 1000, integers beyond 2^53, escapes, and integer-like keys, which JavaScript moves to the front, make no
 * difference; the order of other keys does.
 *
 * Bounded in bytes: the answer that was used longest ago goes first. With a directory, answers are appended to a file there (0600 in a directory of 0700), which
 * belongs to one checkpoint; what is damaged in it is skipped. An answer belongs to the key of the client that got it. Any thread may call.
 * SPDX-License-Identifier: MIT */
#ifndef API_REPLAY_H
#define API_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "format/json.h"
#include "text/ids.h"

struct replay;

struct replay_opts {
    const char *dir;     /* where the file is kept; NULL: only in memory */
    struct str identity; /* of the checkpoint and its tokenizer: another one has another file */
    size_t max_bytes;    /* 0: 64 MiB */
};

/* A call as the model made it: its name as the model sees it, and all of its arguments. */
struct replay_call {
    struct str id, name, args; /* args: JSON text */
};

/* An answer as the client got it, and how it was sampled. All borrowed. */
struct replay_turn {
    struct str text, reasoning;
    const struct replay_call *call; /* [n_call] */
    size_t n_call;
    const int32_t *ids; /* [n_ids]: all that was sampled, the stop token included if there was one */
    size_t n_ids;
};

/* Fails only if the directory cannot be made or written. */
MUST_CHECK int replay_open(struct replay **out, const struct replay_opts *o, struct err *e);
void replay_close(struct replay *r);
/* `key_id`: a digest of the client's key; empty without keys. Does nothing with a turn without ids, or whose arguments are no JSON objects. */
void replay_add(struct replay *r, struct str key_id, const struct replay_turn *t);

/* Looks for the answer that `message` (of role assistant, in the templates' shape) is: same text and reasoning but for white space at their ends,
 * same calls. */
bool replay_find(struct replay *r, struct str key_id, const struct json *message, struct ids *out);

/* Forgets all, the file too. */
void replay_clear(struct replay *r);

struct replay_stats {
    size_t turns, bytes;
};
void replay_stats(struct replay *r, struct replay_stats *out);

/* Appends v as one spelling of what JavaScript makes of it: equal values give equal bytes. */
void replay_js_value(struct buf *out, const struct json *v);

#endif

/* writer_dialect.h - inside the writers: what an answer has said so far, and what one API adds to that.
 *
 * writer.c turns the calls of writer.h into items: a run of text, a run of reasoning, or one tool call. Of one choice one item is open at a time;
 * what is said next of another kind closes it. A dialect says how an item begins, goes on and ends in a stream, and how all items look in
 * one object. Text is kept in the items where it is needed again: for the one object, and by dialects that repeat it (`keeps`).
 * SPDX-License-Identifier: MIT */
#ifndef API_WRITER_DIALECT_H
#define API_WRITER_DIALECT_H

#include "api/custom_input.h"
#include "api/logprob_json.h"
#include "api/writer.h"

enum writer_kind { WRITER_TEXT, WRITER_REASONING, WRITER_CALL };

struct writer_item {
    enum writer_kind kind;
    bool complete; /* not cut by a limit */
    int index;     /* of the item among those of its choice; of a call among its calls (n_call) */
    int n_call;
    const struct api_tool *tool; /* CALL; borrowed from the request */
    char call_id[40];            /* CALL */
    char id[32];                 /* Responses: of the item, with its prefix */
    struct custom_input custom;  /* CALL of a custom tool: decodes its text */
    struct buf text;             /* owned; kept: all of the text, or of the arguments (of a custom tool: its input) */
    struct buf logprob;          /* owned; Responses: elements of its list */
};

struct writer_choice {
    int index;
    struct writer_item *item; /* owned; [n_item] */
    size_t n_item, cap;
    bool open; /* the last item is not over */
    int n_call;
    enum writer_finish why;
    struct buf stop;            /* owned; the stop string that ended it */
    struct buf logprob;         /* owned; chat: elements; in a stream those of one event */
    struct logprob_lists lists; /* completions: the same */
    size_t n_char;              /* completions: characters so far, whether they had logprobs or not */
};

struct writer {
    const struct writer_dialect *dialect;
    struct writer_opts o;
    bool keeps;
    bool failed;                  /* memory ran out */
    struct writer_choice *choice; /* owned; [n_choice] */
    int n_choice;
    struct writer_prompt prompt;
    struct buf id;      /* owned; the answer's */
    struct buf head;    /* owned; what every event of a dialect repeats, made once */
    struct buf scratch; /* owned */
    int64_t sequence;   /* Responses: number of the next event */
};

/* `part`, `item_begin`, `item_end`: only in a stream. */
struct writer_dialect {
    const char *id_prefix;   /* of the answer */
    const char *call_prefix; /* of a call */
    bool keeps;              /* needs the text of items in a stream, too */
    bool reasoning_is_text;  /* has no place of its own for reasoning */
    bool logprobs_of_items;  /* kept with the item, not with the choice */
    void (*start)(struct writer *w, struct buf *out);
    void (*progress)(struct writer *w, size_t done, size_t total, size_t n_cached, double seconds, struct buf *out);
    void (*keepalive)(struct writer *w, struct buf *out);
    void (*name_item)(struct writer *w, struct writer_item *it); /* gives it an id; NULL: none; without a stream, too */
    void (*item_begin)(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out);
    void (*part)(struct writer *w, struct writer_choice *c, struct writer_item *it, struct str text, struct buf *out);
    void (*item_end)(struct writer *w, struct writer_choice *c, struct writer_item *it, struct buf *out);
    void (*item)(const struct writer_item *it, struct buf *out); /* all of it, with its id; NULL: items have none */
    void (*logprobs)(struct writer *w, struct writer_choice *c, const struct writer_logprob *lp, size_t n);
    void (*choice_finish)(struct writer *w, struct writer_choice *c, struct buf *out);
    void (*finish)(struct writer *w, const struct writer_usage *u, struct buf *out); /* the end of a stream */
    void (*object)(struct writer *w, const struct writer_usage *u, struct buf *out); /* all of an answer */
    void (*error)(struct writer *w, const struct api_error *x, struct buf *out);
};

/* Appends PREFIX and 24 fresh characters to `out`, which has room for them and a NUL. */
void writer_fresh_id(struct writer *w, const char *prefix, char *out);
/* Appends the texts of all items of that kind, one behind the other, as one JSON string. */
void writer_json_texts(struct writer *w, const struct writer_choice *c, enum writer_kind kind, struct buf *out);
/* Appends ,"name":"s" */
void writer_json_member(struct buf *out, const char *name, struct str s);
/* system_fingerprint: the program and its version. */
struct str writer_fingerprint(const struct writer *w);

#endif

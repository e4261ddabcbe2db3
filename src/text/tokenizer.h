/* tokenizer.h - tokenizer.json of a byte-level BPE: text to token ids and back, exactly as Hugging Face tokenizers does.
 *
 * Encoding: added tokens are cut out first (longest match at the leftmost place, their flags obeyed; those with normalized=true
 * after normalisation), the rest is normalised, split by the pre-tokeniser's patterns, mapped to bytes and merged by rank. Nothing is put
 * before or behind the text (add_special_tokens=False): the post-processor, truncation and padding of the file are not applied, since
 * a chat template writes its own special tokens. Wrong UTF-8 counts as U+FFFD.
 *
 * Where this differs from tokenizers 0.23: an added token has the id that the file gives it (tokenizers numbers anew where ids leave a
 * gap; a file that contradicts itself is refused); no merge makes an added token; patterns see the characters that PCRE2 and
 * utf8proc know (Unicode 14 in PCRE2 10.42 and utf8proc 2.8; tokenizers: 16), so newer ones may be split off differently.
 *
 * Opening validates the whole file; a tokenizer is read-only afterwards and may be shared by any number of threads.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TOKENIZER_H
#define TEXT_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "text/ids.h"
#include "text/marked.h"

struct tokenizer;

/* Opens a tokenizer.json file, or the one in a model directory. *out is NULL on failure. ERR_UNSUPPORTED names
 * what is not byte-level BPE. */
MUST_CHECK int tokenizer_open(struct tokenizer **out, const char *path, struct err *e);
/* The same from bytes; `what` names them in messages. Pure. */
MUST_CHECK int tokenizer_parse(struct tokenizer **out, struct str json, const char *what, struct err *e);
void tokenizer_close(struct tokenizer *t);

/* Which text may become an added token. */
enum tokenizer_added { TOKENIZER_ADDED_ALL, TOKENIZER_ADDED_NONE };

/* Appends the ids of text; on failure out is as it was. The pre-tokeniser's limits, a text beyond 2^31 bytes (ERR_LIMIT) and a word
 * too long for the memory (ERR_NOMEM) are the only failures. Takes linear time but for single words, which take O(n log n). */
MUST_CHECK int tokenizer_encode(const struct tokenizer *t, struct str text, enum tokenizer_added added, struct ids *out,
                                struct err *e);
/* The same for a rendered prompt: an added token is matched only where none of its bytes came from a value. */
MUST_CHECK int tokenizer_encode_marked(const struct tokenizer *t, const struct marked *text, struct ids *out,
                                       struct err *e);

int32_t tokenizer_size(const struct tokenizer *t); /* largest id + 1 */
/* The bytes that token `id` stands for (an added token: its content, normalised if it is looked for so; characters of the byte-level
 * alphabet count as their bytes if there are no others); borrowed; empty for an id that is not in the vocabulary. */
struct str tokenizer_bytes(const struct tokenizer *t, int32_t id);
bool tokenizer_is_added(const struct tokenizer *t, int32_t id);
bool tokenizer_is_special(const struct tokenizer *t, int32_t id);            /* left out by skip_special */
int32_t tokenizer_find_added(const struct tokenizer *t, struct str content); /* -1 if there is none */

/* Appends the text of ids with wrong UTF-8 as U+FFFD, as tokenizers' decode does. */
void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, bool skip_special, struct buf *out);

#endif

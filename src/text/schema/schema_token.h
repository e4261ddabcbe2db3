/* schema_token.h - the punctuation of JSON texts, with the white space that may stand beside it.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_SCHEMA_SCHEMA_TOKEN_H
#define TEXT_SCHEMA_SCHEMA_TOKEN_H

#include "text/grammar/grammar_build.h"

int schema_token_space(struct grammar_build *b);
int schema_token_comma(struct grammar_build *b);         /* with the space behind it */
int schema_token_open(struct grammar_build *b, char c);  /* with the space behind it */
int schema_token_close(struct grammar_build *b, char c); /* with the space before it */

#endif

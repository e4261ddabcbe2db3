/* jinja_lex.h - a template's source as tokens, cut as jinja2 cuts it with trim_blocks and lstrip_blocks.
 *
 * Comments and raw blocks are resolved here, and white space control is applied: data tokens hold exactly what is printed. Tags
 * become a begin token, the tokens inside and an end token.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_TEMPLATE_JINJA_LEX_H
#define TEXT_TEMPLATE_JINJA_LEX_H

#include "base/str.h"
#include "text/template/jinja_run.h"

enum jtoken_type {
    JTOKEN_END, /* of the template */
    JTOKEN_DATA,
    JTOKEN_PRINT_BEGIN, /* {{ */
    JTOKEN_PRINT_END,
    JTOKEN_BLOCK_BEGIN, /* {% */
    JTOKEN_BLOCK_END,
    JTOKEN_NAME,
    JTOKEN_INT,    /* text as written */
    JTOKEN_FLOAT,  /* text as written */
    JTOKEN_STRING, /* text between the quotes, escapes as written */
    JTOKEN_ADD,
    JTOKEN_SUB,
    JTOKEN_MUL,
    JTOKEN_DIV,
    JTOKEN_FLOORDIV,
    JTOKEN_MOD,
    JTOKEN_POW,
    JTOKEN_TILDE,
    JTOKEN_EQ,
    JTOKEN_NE,
    JTOKEN_LT,
    JTOKEN_LE,
    JTOKEN_GT,
    JTOKEN_GE,
    JTOKEN_ASSIGN,
    JTOKEN_LPAREN,
    JTOKEN_RPAREN,
    JTOKEN_LBRACKET,
    JTOKEN_RBRACKET,
    JTOKEN_LBRACE,
    JTOKEN_RBRACE,
    JTOKEN_DOT,
    JTOKEN_COMMA,
    JTOKEN_COLON,
    JTOKEN_PIPE,
    JTOKEN_SEMICOLON,
};

struct jtoken {
    enum jtoken_type type;
    int line;
    struct str text; /* borrowed from the source */
};

/* The tokens of `source`, which has "\n" alone as line ends and is valid UTF-8; the last one is JTOKEN_END. Tokens live in the run's
 * memory. */
MUST_CHECK int jlex(struct jrun *r, struct str source, const struct jtoken **out);

#endif

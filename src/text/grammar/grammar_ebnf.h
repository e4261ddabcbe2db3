/* grammar_ebnf.h - the notation that grammar_ebnf (text/grammar/grammar.h) reads: Lark's, and llama.cpp's GBNF, as far as they agree.
 *
 *   start: greeting ("," name)* "!"?      a rule: name, colon, alternatives with |; it ends where the next begins, or at ;
 *   greeting: "hello" | /[hH]i+/          literals, regular expressions (text/grammar/pattern.h; matched whole, / is written \/)
 *   name: "a".."z" [title] | word{2,3}    a range of characters, an optional part, a count
 *   word ::= [a-z]+ | "x" | greeting      a rule with ::= is GBNF: here [...] is a set of characters
 *   // comment                            # is one, too
 *
 * Literals: "..." or '...', with \n \r \t \b \f \v \0 \" \' \\ \/ \xHH \uHHHH \u{H...}; an i behind one means either case of its ASCII letters.
 * Items are repeated by ? * + {n} {n,} {n,m} {,m} ~n ~n..m; ( ) groups; an alternative may be empty (a bar on a new line before the first
 * makes none). "-> name" behind an alternative is skipped. White space counts only inside literals and sets. Names are letters, digits, _ and -, not first a digit; ?name: and !name: define name.
 *
 * Rules may be recursive; left recursion only directly (sum: sum "+" term | term). Directives (%ignore, %import) are refused.
 * The rule "start" or "root", else the first, is the whole output.
 * SPDX-License-Identifier: MIT */
#ifndef TEXT_GRAMMAR_GRAMMAR_EBNF_H
#define TEXT_GRAMMAR_GRAMMAR_EBNF_H

enum { EBNF_BYTES_MAX = 1 << 20, EBNF_DEPTH_MAX = 200, EBNF_RULES_MAX = 10000 };

#endif

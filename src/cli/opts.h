/* opts.h - command-line options from a table: parsing, checks, help text.
 *
 * A command describes itself with a struct opts: usage lines, a paragraph, and groups of options, each of which points to the
 * variable that it sets. Variables hold their defaults before parsing; what is not given stays as it was.
 *
 *   struct { int64_t seed; bool json; const char *prompt; struct opt_list stop; } o = { .seed = 1 };
 *   const struct opt table[] = {
 *       OPT_STRING('p', "prompt", &o.prompt, "TEXT", "the prompt; - reads standard input"),
 *       OPT_INT(0, "seed", &o.seed, 0, INT64_MAX, "N", "of the random numbers"),
 *       OPT_FLAG(0, "json", &o.json, "print one JSON object"),
 *       OPT_LIST(0, "stop", &o.stop, "TEXT", "stop before TEXT; may be repeated"),
 *   };
 *   const struct opt_group groups[] = { { NULL, table, ARRAY_LEN(table) } };
 *   const struct opts opts = { "run", "run [MODEL] [OPTION]...", "Answers a prompt.", groups, ARRAY_LEN(groups) };
 *   struct opts_parsed got;
 *   int code;
 *   if (!opts_begin(&got, &opts, argc, argv, &code))
 *       return code;
 *   ... got.args.v[0 .. got.args.n), got.quiet ...
 *   opts_end(&got);     and opt_list_deinit(&o.stop)
 *
 * Spelling: --name VALUE, --name=VALUE, -x VALUE, -xVALUE, flags together as -ab; "--" ends the options; options and arguments may be
 * mixed; "-" alone is an argument. A value is always the next word, whatever it begins with. Every command also knows --help (-h),
 * --quiet (-q) and --log-level.
 *
 * A command whose table has an OPT_CONFIG is layered: each of its options has a twin in the environment (--cache-dir: OCTET_CACHE_DIR; a list is
 * separated by commas) and may stand in the file that this option names (cli/config_file.h). The command line wins over the environment, that over
 * the file, and a list is taken whole from one of them. One thread.
 * SPDX-License-Identifier: MIT */
#ifndef CLI_OPTS_H
#define CLI_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

enum opt_type {
    OPT_TYPE_FLAG,
    OPT_TYPE_INT,
    OPT_TYPE_FLOAT,
    OPT_TYPE_STRING,
    OPT_TYPE_BYTES,
    OPT_TYPE_LIST,
    OPT_TYPE_CHOICE,
    OPT_TYPE_CONFIG
};

/* The values of an option that may be repeated, or the arguments: borrowed from argv, in order. All zeros is empty. */
struct opt_list {
    const char **v; /* owned: the array */
    size_t n;
};

struct opt {
    char letter;      /* 0: none */
    const char *name; /* without dashes */
    enum opt_type type;
    union {
        bool *flag;
        int64_t *num;
        double *real;
        const char **text; /* borrowed from argv */
        uint64_t *bytes;
        struct opt_list *list;
        int *choice;  /* index into `choices` */
    } to;             /* borrowed: set by the parser */
    int64_t min, max; /* of an int, inclusive */
    double fmin, fmax;
    const char *choices; /* "int8|f32" */
    const char *value;   /* the value's name in the help: "N", "TEXT" */
    const char *help;    /* one line or more, without a full stop at the end */
};

/* Rows of a table. `l`: the letter or 0. */
#define OPT_FLAG(l, nm, var, text)                                                                                     \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_FLAG, .to.flag = (var), .help = (text)                           \
    }
#define OPT_INT(l, nm, var, lo, hi, val, text)                                                                         \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_INT, .to.num = (var), .min = (lo), .max = (hi), .value = (val),  \
        .help = (text)                                                                                                 \
    }
#define OPT_FLOAT(l, nm, var, lo, hi, val, text)                                                                       \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_FLOAT, .to.real = (var), .fmin = (lo), .fmax = (hi),             \
        .value = (val), .help = (text)                                                                                 \
    }
#define OPT_STRING(l, nm, var, val, help_text)                                                                         \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_STRING, .to.text = (var), .value = (val), .help = (help_text)    \
    }
/* A size: digits, perhaps a fraction, and K, M, G, T or KiB ... (powers of 1024) or kB, MB, GB, TB (powers of 1000). */
#define OPT_BYTES(l, nm, var, val, text)                                                                               \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_BYTES, .to.bytes = (var), .value = (val), .help = (text)         \
    }
#define OPT_LIST(l, nm, var, val, text)                                                                                \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_LIST, .to.list = (var), .value = (val), .help = (text)           \
    }
#define OPT_CHOICE(l, nm, var, names, text)                                                                            \
    {                                                                                                                  \
        .letter = (l), .name = (nm), .type = OPT_TYPE_CHOICE, .to.choice = (var), .choices = (names),                  \
        .value = (names), .help = (text)                                                                               \
    }
/* --config: the file with values of other options. */
#define OPT_CONFIG(var)                                                                                                \
    {                                                                                                                  \
        .name = "config", .type = OPT_TYPE_CONFIG, .to.text = (var), .value = "FILE",                                  \
        .help = "read options from FILE: lines such as port = 8082; an option is also read from the environment, as "  \
                "OCTET_PORT"                                                                                           \
    }

struct opt_group {
    const char *title; /* "Sampling"; NULL: "Options" */
    const struct opt *v;
    size_t n;
};

struct opts {
    const char *command;
    const char *usage; /* lines behind "octet ", separated by newlines */
    const char *about; /* what the command does; lines of at most 100 characters */
    const struct opt_group *groups;
    size_t n_group;
};

enum opt_source { OPT_FROM_DEFAULT, OPT_FROM_FILE, OPT_FROM_ENVIRONMENT, OPT_FROM_ARGUMENTS };

struct opts_parsed {
    struct opt_list args;
    bool help, quiet;
    enum log_level log_level;
    bool says_level;         /* --log-level or --quiet was given */
    struct opt_given *given; /* owned; [n_given]: where each value came from */
    size_t n_given;
    struct opt_list kept; /* values that did not come from argv; its strings are owned */
};

void opt_list_deinit(struct opt_list *a);

/* Parses argv[1 .. argc). ERR_ARG with the option, what was found and what was expected; an unknown option names the nearest known one.
 * On failure *out holds nothing to release; lists in the caller's variables may. Pure: prints nothing. */
MUST_CHECK int opts_parse(struct opts_parsed *out, const struct opts *o, int argc, char **argv, struct err *e);
/* Where the value of the variable that an option points to came from. */
enum opt_source opts_source(const struct opts_parsed *p, const void *variable);
/* Appends the help text. */
void opts_help(struct buf *out, const struct opts *o);

/* What a command calls: parses, sets the log level, prints help or the message. False: the command returns *code at once. */
bool opts_begin(struct opts_parsed *out, const struct opts *o, int argc, char **argv, int *code);
void opts_end(struct opts_parsed *p);

#endif

/* opts.c - command-line options from a table.
 * SPDX-License-Identifier: MIT */
#include "cli/opts.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cmd.h"
#include "cli/config_file.h"

enum { HELP_COLUMN = 30, HELP_WIDTH = 100, NEAR_DISTANCE = 3, NAME_BYTES = 64 };

/* The options that every command has, as a group of their own. */
struct general {
    bool help, quiet;
    int level;
    struct opt table[3];
    struct opt_group group;
};

struct opt_given {
    const void *variable;
    enum opt_source source;
};

static void general_init(struct general *g)
{
    *g = (struct general){
        .level = LOG_WARN,
        .table = { OPT_FLAG('h', "help", &g->help, "print this text"),
                   OPT_FLAG('q', "quiet", &g->quiet, "no figures, no progress, only errors"),
                   OPT_CHOICE(0, "log-level", &g->level, "error|warn|info|debug", "what is reported on stderr") },
        .group = { "General", g->table, ARRAY_LEN(g->table) },
    };
}

void opt_list_deinit(struct opt_list *a)
{
    mem_free(a->v);
    *a = (struct opt_list){ 0 };
}

static void list_add(struct opt_list *a, const char *value)
{
    a->v = xrealloc(a->v, (a->n + 1) * sizeof *a->v);
    a->v[a->n++] = value;
}

static const struct opt *find_name(const struct opts *o, const struct opt_group *general, struct str name)
{
    for (size_t g = 0; g <= o->n_group; g++) {
        const struct opt_group *group = g < o->n_group ? &o->groups[g] : general;
        for (size_t i = 0; i < group->n; i++)
            if (str_eqz(name, group->v[i].name))
                return &group->v[i];
    }
    return NULL;
}

static const struct opt *find_letter(const struct opts *o, const struct opt_group *general, char letter)
{
    for (size_t g = 0; g <= o->n_group; g++) {
        const struct opt_group *group = g < o->n_group ? &o->groups[g] : general;
        for (size_t i = 0; i < group->n; i++)
            if (group->v[i].letter == letter)
                return &group->v[i];
    }
    return NULL;
}

/* ERR_ARG for a name that no table has, with the nearest name that one has. */
static int unknown(const struct opts *o, const struct opt_group *general, struct str name, struct err *e)
{
    const char *near = NULL;
    int best = NEAR_DISTANCE + 1;
    for (size_t g = 0; g <= o->n_group; g++) {
        const struct opt_group *group = g < o->n_group ? &o->groups[g] : general;
        for (size_t i = 0; i < group->n; i++) {
            struct str known = str_from(group->v[i].name);
            int d = str_distance(name, known, NEAR_DISTANCE);
            /* "--temp" is far from "--temperature" by distance, but plainly its beginning. */
            if (d > 1 && name.n >= 3 && str_starts(known, name))
                d = 1;
            if (d < best && (size_t)d < known.n) {
                best = d;
                near = group->v[i].name;
            }
        }
    }
    if (near)
        return err_set(e, ERR_ARG, "unknown option --%.*s; did you mean --%s?", (int)MIN(name.n, NAME_BYTES), name.p,
                       near);
    return err_set(e, ERR_ARG, "unknown option --%.*s; see octet help %s", (int)MIN(name.n, NAME_BYTES), name.p,
                   o->command);
}

static int set_int(const struct opt *p, struct str value, struct err *e)
{
    int64_t v;
    if (str_to_i64(value, &v) && v >= p->min && v <= p->max) {
        *p->to.num = v;
        return 0;
    }
    if (p->max == INT64_MAX)
        return err_set(e, ERR_ARG, "--%s: found \"%s\", expected an integer of at least %" PRId64, p->name, value.p,
                       p->min);
    return err_set(e, ERR_ARG, "--%s: found \"%s\", expected an integer from %" PRId64 " to %" PRId64, p->name, value.p,
                   p->min, p->max);
}

static int set_float(const struct opt *p, struct str value, struct err *e)
{
    double v;
    if (str_to_double(value, &v) && v >= p->fmin && v <= p->fmax) {
        *p->to.real = v;
        return 0;
    }
    if (isinf(p->fmax) && isinf(p->fmin))
        return err_set(e, ERR_ARG, "--%s: found \"%s\", expected a number", p->name, value.p);
    if (isinf(p->fmax))
        return err_set(e, ERR_ARG, "--%s: found \"%s\", expected a number of at least %g", p->name, value.p, p->fmin);
    return err_set(e, ERR_ARG, "--%s: found \"%s\", expected a number from %g to %g", p->name, value.p, p->fmin,
                   p->fmax);
}

/* The factor that a unit stands for, 0 for one that is not known. */
static double unit_factor(struct str unit)
{
    static const char letters[] = "KMGT";
    if (!unit.n || str_eqz(unit, "B"))
        return 1;
    char first = unit.p[0] == 'k' ? 'K' : unit.p[0];
    const char *at = strchr(letters, first);
    if (!at)
        return 0;
    struct str rest = str_sub(unit, 1, unit.n);
    int power = (int)(at - letters) + 1;
    if (!rest.n || str_eqz(rest, "iB"))
        return ldexp(1, 10 * power);
    return str_eqz(rest, "B") ? pow(1000, power) : 0;
}

static int set_bytes(const struct opt *p, struct str value, struct err *e)
{
    size_t n = strspn(value.p, "0123456789.");
    double v, factor = unit_factor(str_trim(str_sub(value, n, value.n)));
    /* 2^63: a size beyond it is a mistake, and the double still converts exactly. */
    if (!factor || !str_to_double(str_sub(value, 0, n), &v) || v * factor >= 0x1p63)
        return err_set(e, ERR_ARG, "--%s: found \"%s\", expected a size such as 512M, 1.5GiB or 2GB", p->name, value.p);
    *p->to.bytes = (uint64_t)(v * factor);
    return 0;
}

static int set_choice(const struct opt *p, struct str value, struct err *e)
{
    struct str rest = str_from(p->choices), head;
    for (int i = 0;; i++) {
        bool more = str_cut(&rest, '|', &head);
        if (str_eq(value, more ? head : rest)) {
            *p->to.choice = i;
            return 0;
        }
        if (!more)
            return err_set(e, ERR_ARG, "--%s: found \"%s\", expected one of %s", p->name, value.p, p->choices);
    }
}

/* A flag's value where it is no argument. */
static int set_flag(const struct opt *p, struct str value, struct err *e)
{
    static const char *const yes[] = { "1", "true", "yes", "on" }, *const no[] = { "0", "false", "no", "off", "" };
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_eqz(value, yes[i])) {
            *p->to.flag = true;
            return 0;
        }
    for (size_t i = 0; i < ARRAY_LEN(no); i++)
        if (str_eqz(value, no[i])) {
            *p->to.flag = false;
            return 0;
        }
    return err_set(e, ERR_ARG, "--%s: found \"%s\", expected true or false", p->name, value.p);
}

/* Sets the variable of p; `value` is NUL-terminated, and lives as long as the variable is used. */
static int set(const struct opt *p, const char *value, struct err *e)
{
    switch (p->type) {
    case OPT_TYPE_FLAG:
        *p->to.flag = true;
        return 0;
    case OPT_TYPE_INT:
        return set_int(p, str_from(value), e);
    case OPT_TYPE_FLOAT:
        return set_float(p, str_from(value), e);
    case OPT_TYPE_STRING:
    case OPT_TYPE_CONFIG:
        *p->to.text = value;
        return 0;
    case OPT_TYPE_BYTES:
        return set_bytes(p, str_from(value), e);
    case OPT_TYPE_LIST:
        list_add(p->to.list, value);
        return 0;
    case OPT_TYPE_CHOICE:
        return set_choice(p, str_from(value), e);
    }
    return 0;
}

static void note(struct opts_parsed *out, const struct opt *p, enum opt_source source)
{
    out->given = xrealloc(out->given, (out->n_given + 1) * sizeof *out->given);
    out->given[out->n_given++] = (struct opt_given){ p->to.flag, source };
}

/* "--name", "--name=value" or "--name value" at argv[*i]. */
static int parse_long(struct opts_parsed *out, const struct opts *o, const struct opt_group *general, char **argv,
                      int argc, int *i, struct err *e)
{
    struct str word = str_from(argv[*i] + 2), name = word;
    const char *value = NULL;
    if (str_cut(&word, '=', &name))
        value = word.p;
    const struct opt *p = find_name(o, general, name);
    if (!p)
        return unknown(o, general, name, e);
    if (p->type == OPT_TYPE_FLAG && value)
        return err_set(e, ERR_ARG, "--%s takes no value, found \"%s\"", p->name, value);
    if (p->type != OPT_TYPE_FLAG && !value) {
        if (*i + 1 >= argc)
            return err_set(e, ERR_ARG, "--%s needs a value: %s", p->name, p->value);
        value = argv[++*i];
    }
    note(out, p, OPT_FROM_ARGUMENTS);
    return set(p, value, e);
}

/* "-x value", "-xvalue" or flags together, at argv[*i]. */
static int parse_short(struct opts_parsed *out, const struct opts *o, const struct opt_group *general, char **argv,
                       int argc, int *i, struct err *e)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        const struct opt *p = find_letter(o, general, *c);
        if (!p)
            return err_set(e, ERR_ARG, "unknown option -%c; see octet help %s", *c, o->command);
        note(out, p, OPT_FROM_ARGUMENTS);
        if (p->type == OPT_TYPE_FLAG) {
            *p->to.flag = true;
            continue;
        }
        if (c[1])
            return set(p, c + 1, e);
        if (*i + 1 >= argc)
            return err_set(e, ERR_ARG, "-%c (--%s) needs a value: %s", *c, p->name, p->value);
        return set(p, argv[++*i], e);
    }
    return 0;
}

/* --- the environment and the file -------------------------------------------------------------------------------------------------- */

enum opt_source opts_source(const struct opts_parsed *p, const void *variable)
{
    for (size_t i = 0; i < p->n_given; i++)
        if (p->given[i].variable == variable)
            return p->given[i].source;
    return OPT_FROM_DEFAULT;
}

static const char *keep(struct opts_parsed *out, const char *text, size_t n)
{
    char *copy = xstrndup(text, n);
    list_add(&out->kept, copy);
    return copy;
}

static int set_layer(const struct opt *p, const char *value, struct err *e)
{
    return p->type == OPT_TYPE_FLAG ? set_flag(p, str_from(value), e) : set(p, value, e);
}

/* Values with commas between. */
static void add_list(struct opts_parsed *out, const struct opt *p, struct str rest)
{
    struct str head;
    for (bool more = true; more;) {
        more = str_cut(&rest, ',', &head);
        head = str_trim(more ? head : rest);
        if (head.n)
            list_add(p->to.list, keep(out, head.p, head.n));
    }
}

/* The option's variable of the environment, if it is set. */
static int from_environment(struct opts_parsed *out, const struct opt *p, struct err *e)
{
    char name[NAME_BYTES] = "OCTET_";
    size_t n = strlen(name);
    for (const char *c = p->name; *c && n + 1 < sizeof name; c++)
        name[n++] = (char)(*c == '-' ? '_' : toupper((unsigned char)*c));
    name[n] = 0;
    const char *value = getenv(name);
    int rc = 0;
    if (!value)
        return 0;
    note(out, p, OPT_FROM_ENVIRONMENT);
    if (p->type != OPT_TYPE_LIST) {
        rc = set_layer(p, keep(out, value, strlen(value)), e);
        return rc ? err_wrap(e, "%s", name) : 0;
    }
    add_list(out, p, str_from(value));
    return 0;
}

/* The file's entries for options that nothing above it gave. */
static int from_file(struct opts_parsed *out, const struct opts *o, const struct general *g, const char *path,
                     struct err *e)
{
    struct config_file file = { 0 };
    size_t n_above = out->n_given;
    int rc = config_file_read(&file, path, o->command, e);
    for (size_t i = 0; i < file.n && !rc; i++) {
        const struct opt *p = find_name(o, &g->group, str_from(file.v[i].key));
        bool above = false, before = false;
        if (!p || p->to.flag == &g->help || p->type == OPT_TYPE_CONFIG) {
            rc = p ? err_set(e, ERR_ARG, "--%s cannot stand in a file", p->name)
                   : unknown(o, &g->group, str_from(file.v[i].key), e);
            break;
        }
        for (size_t k = 0; k < out->n_given; k++)
            if (out->given[k].variable == (const void *)p->to.flag)
                *(k < n_above ? &above : &before) = true;
        if (above)
            continue;
        if (before && p->type != OPT_TYPE_LIST)
            rc = err_set(e, ERR_ARG, "--%s is given twice", p->name);
        else if (p->type == OPT_TYPE_LIST && file.v[i].bare)
            add_list(out, p, str_from(file.v[i].value));
        else
            rc = set_layer(p, keep(out, file.v[i].value, strlen(file.v[i].value)), e);
        note(out, p, OPT_FROM_FILE);
    }
    config_file_deinit(&file);
    if (rc && e && !str_starts(str_from(e->msg), str_from(path)))
        err_wrap(e, "%s", path);
    return rc;
}

/* The command's OPT_CONFIG; NULL: it is not layered. */
static const struct opt *find_config(const struct opts *o)
{
    for (size_t g = 0; g < o->n_group; g++)
        for (size_t i = 0; i < o->groups[g].n; i++)
            if (o->groups[g].v[i].type == OPT_TYPE_CONFIG)
                return &o->groups[g].v[i];
    return NULL;
}

static int lower_layers(struct opts_parsed *out, const struct opts *o, const struct general *g, struct err *e)
{
    const struct opt *config = find_config(o);
    if (!config || g->help)
        return 0;
    for (size_t k = 0; k <= o->n_group; k++) {
        const struct opt_group *group = k < o->n_group ? &o->groups[k] : &g->group;
        for (size_t i = 0; i < group->n; i++) {
            const struct opt *p = &group->v[i];
            bool skip = p->to.flag == &g->help || opts_source(out, p->to.flag) != OPT_FROM_DEFAULT;
            int rc = skip ? 0 : from_environment(out, p, e);
            if (rc)
                return rc;
        }
    }
    return *config->to.text ? from_file(out, o, g, *config->to.text, e) : 0;
}

int opts_parse(struct opts_parsed *out, const struct opts *o, int argc, char **argv, struct err *e)
{
    struct general g;
    int rc = 0;
    general_init(&g);
    *out = (struct opts_parsed){ 0 };
    bool options = true;
    for (int i = 1; i < argc && !rc; i++) {
        const char *a = argv[i];
        if (!options || a[0] != '-' || !a[1])
            list_add(&out->args, a);
        else if (strcmp(a, "--") == 0)
            options = false;
        else if (a[1] == '-')
            rc = parse_long(out, o, &g.group, argv, argc, &i, e);
        else
            rc = parse_short(out, o, &g.group, argv, argc, &i, e);
    }
    if (!rc)
        rc = lower_layers(out, o, &g, e);
    if (rc) {
        opts_end(out);
        return rc;
    }
    out->help = g.help;
    out->quiet = g.quiet;
    out->says_level = g.quiet || opts_source(out, &g.level) != OPT_FROM_DEFAULT;
    out->log_level = g.quiet ? LOG_ERROR : (enum log_level)g.level;
    return 0;
}

/* The words of `text` from the current column on, in lines that begin at HELP_COLUMN. */
static void help_wrap(struct buf *out, size_t column, const char *text)
{
    struct str rest = str_from(text), word;
    bool more = true;
    if (column + 2 > HELP_COLUMN) {
        buf_char(out, '\n');
        column = 0;
    }
    buf_printf(out, "%*s", HELP_COLUMN - (int)column, "");
    column = HELP_COLUMN;
    while (more) {
        more = str_cut(&rest, ' ', &word);
        if (!more)
            word = rest;
        if (column > HELP_COLUMN && column + 1 + word.n > HELP_WIDTH) {
            buf_printf(out, "\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        } else if (column > HELP_COLUMN) {
            buf_char(out, ' ');
            column++;
        }
        buf_str(out, word);
        column += word.n;
    }
    buf_char(out, '\n');
}

static void help_group(struct buf *out, const struct opt_group *group)
{
    buf_printf(out, "\n%s:\n", group->title ? group->title : "Options");
    for (size_t i = 0; i < group->n; i++) {
        const struct opt *p = &group->v[i];
        size_t start = out->n;
        if (p->letter)
            buf_printf(out, "  -%c, --%s", p->letter, p->name);
        else
            buf_printf(out, "      --%s", p->name);
        if (p->value)
            buf_printf(out, " %s", p->value);
        help_wrap(out, out->n - start, p->help);
    }
}

void opts_help(struct buf *out, const struct opts *o)
{
    struct str rest = str_from(o->usage), line;
    const char *lead = "Usage: octet ";
    for (bool more = true; more; lead = "       octet ") {
        more = str_cut(&rest, '\n', &line);
        buf_z(out, lead);
        buf_str(out, more ? line : rest);
        buf_char(out, '\n');
    }
    buf_printf(out, "\n%s\n", o->about);
    for (size_t g = 0; g < o->n_group; g++)
        help_group(out, &o->groups[g]);
    struct general general;
    general_init(&general);
    help_group(out, &general.group);
}

bool opts_begin(struct opts_parsed *out, const struct opts *o, int argc, char **argv, int *code)
{
    struct err e = ERR_INIT;
    if (opts_parse(out, o, argc, argv, &e)) {
        *code = cmd_fail(o->command, &e);
        return false;
    }
    if (out->help) {
        struct buf text = { 0 };
        opts_help(&text, o);
        fputs(text.p, stdout);
        buf_deinit(&text);
        opts_end(out);
        *code = cmd_finish(o->command);
        return false;
    }
    log_set_level(out->log_level);
    return true;
}

void opts_end(struct opts_parsed *p)
{
    for (size_t i = 0; i < p->kept.n; i++)
        mem_free((void *)(uintptr_t)p->kept.v[i]);
    opt_list_deinit(&p->kept);
    opt_list_deinit(&p->args);
    mem_free(p->given);
    p->given = NULL;
    p->n_given = 0;
}

/* head.c - the grammar of a request's head, as far as an answer in JSON needs it.
 * SPDX-License-Identifier: MIT */
#include "server/head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

/* The HTTP library keeps a record of each field, in the memory meant for the head. */
enum { FIELDS_MAX = 500 };

static const struct head_fault too_many = { 431, "the head of the request has too many lines" };
static const struct head_fault no_request = { 400, "the first line is not METHOD PATH HTTP/1.1" };
static const struct head_fault bad_version = { 505, "this server speaks HTTP/1.1" };
static const struct head_fault no_colon = { 400, "a line of the head is not NAME: VALUE" };
static const struct head_fault bad_length = { 400, "Content-Length: expected a number" };
static const struct head_fault no_host = { 400, "a request of HTTP/1.1 has to name its Host" };

/* The next line without its end; false: the empty one. */
static bool next_line(struct str *rest, struct str *line)
{
    if (!str_cut(rest, '\n', line))
        return false;
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    return line->n > 0;
}

static bool is_name(struct str s, const char *z)
{
    struct str want = str_from(z);
    return s.n == want.n && strncasecmp(s.p, z, s.n) == 0;
}

/* As the library takes it: blanks before it, none behind it. */
static bool is_number(struct str s)
{
    uint64_t n;
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = str_sub(s, 1, s.n);
    return s.n && s.p[0] >= '0' && s.p[0] <= '9' && str_to_u64(s, &n);
}

static const struct head_fault *check_first(struct str line, bool *needs_host)
{
    struct str rest = line, word, version = { 0 };
    int n = 0;
    while (str_cut(&rest, ' ', &word)) {
        if (!word.n)
            return &no_request;
        n++;
    }
    version = rest;
    if (n != 2 || !str_starts(version, STR("HTTP/")))
        return &no_request;
    *needs_host = str_eqz(version, "HTTP/1.1");
    return *needs_host || str_eqz(version, "HTTP/1.0") ? NULL : &bad_version;
}

static const struct head_fault *check_field(struct str line, bool *needs_host)
{
    struct str value = line, name;
    if (line.p[0] == ' ' || line.p[0] == '\t') /* the line before goes on */
        return NULL;
    if (!str_cut(&value, ':', &name) || !name.n || str_trim(name).n != name.n)
        return &no_colon;
    if (is_name(name, "Host"))
        *needs_host = false;
    if (is_name(name, "Content-Length") && !is_number(value))
        return &bad_length;
    return NULL;
}

const struct head_fault *head_check(struct str head)
{
    struct str line;
    bool needs_host = false;
    int n = 0;
    if (!next_line(&head, &line))
        return &no_request;
    const struct head_fault *fault = check_first(line, &needs_host);
    while (!fault && next_line(&head, &line))
        fault = n++ < FIELDS_MAX ? check_field(line, &needs_host) : &too_many;
    return fault ? fault : needs_host ? &no_host : NULL;
}

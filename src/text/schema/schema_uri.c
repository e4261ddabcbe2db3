/* schema_uri.c - references of schemas to each other.
 * SPDX-License-Identifier: MIT */
#include "text/schema/schema_uri.h"

#include <stdbool.h>
#include <string.h>

struct parts {
    struct str scheme, authority, path, query; /* scheme with ":", authority with "//", query with "?" */
};

static bool scheme_char(char c, bool first)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
        return true;
    return !first && ((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.');
}

static size_t until(struct str s, const char *stops)
{
    size_t i = 0;
    while (i < s.n && !strchr(stops, s.p[i]))
        i++;
    return i;
}

static struct parts split(struct str s)
{
    struct parts p = { 0 };
    s.n = until(s, "#");
    size_t i = 0;
    while (i < s.n && scheme_char(s.p[i], i == 0))
        i++;
    if (i > 0 && i < s.n && s.p[i] == ':') {
        p.scheme = str_sub(s, 0, i + 1);
        s = str_sub(s, i + 1, s.n);
    }
    if (str_starts(s, STR("//"))) {
        size_t n = 2 + until(str_sub(s, 2, s.n), "/?");
        p.authority = str_sub(s, 0, n);
        s = str_sub(s, n, s.n);
    }
    size_t n = until(s, "?");
    p.path = str_sub(s, 0, n);
    p.query = str_sub(s, n, s.n);
    return p;
}

/* Appends the path without its "." and ".." segments. */
static void clean_path(struct buf *out, struct str path)
{
    size_t start = out->n;
    while (path.n) {
        size_t n = (path.p[0] == '/') + until(str_sub(path, path.p[0] == '/', path.n), "/");
        struct str segment = str_sub(path, 0, n);
        struct str name = str_sub(segment, segment.p[0] == '/', n);
        bool last = n == path.n;
        if (str_eqz(name, "..")) {
            while (out->n > start && out->p[out->n - 1] != '/')
                buf_truncate(out, out->n - 1);
            if (out->n > start)
                buf_truncate(out, out->n - 1);
        }
        if (!str_eqz(name, ".") && !str_eqz(name, ".."))
            buf_str(out, segment);
        else if (last)
            buf_char(out, '/');
        path = str_sub(path, n, path.n);
    }
}

static void merge_path(struct buf *out, struct parts base, struct str path)
{
    struct buf merged = { 0 };
    size_t cut = base.path.n;
    while (cut > 0 && base.path.p[cut - 1] != '/')
        cut--;
    if (path.n == 0 || path.p[0] != '/') {
        if (base.authority.n && base.path.n == 0)
            buf_char(&merged, '/');
        buf_str(&merged, str_sub(base.path, 0, cut));
    }
    buf_str(&merged, path);
    clean_path(out, buf_view(&merged));
    buf_deinit(&merged);
}

void schema_uri_resolve(struct buf *out, struct str base, struct str ref)
{
    struct parts r = split(ref), b = split(base);
    buf_str(out, r.scheme.n ? r.scheme : b.scheme);
    if (r.scheme.n || r.authority.n) {
        buf_str(out, r.authority);
        clean_path(out, r.path);
        buf_str(out, r.query);
        return;
    }
    buf_str(out, b.authority);
    if (r.path.n == 0) {
        buf_str(out, b.path);
        buf_str(out, r.query.n ? r.query : b.query);
        return;
    }
    merge_path(out, b, r.path);
    buf_str(out, r.query);
}

struct str schema_uri_fragment(struct str ref)
{
    size_t n = until(ref, "#");
    return str_sub(ref, n + 1, ref.n);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void schema_uri_decode(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        int hi = i + 2 < s.n && s.p[i] == '%' ? hex(s.p[i + 1]) : -1;
        int lo = hi >= 0 ? hex(s.p[i + 2]) : -1;
        if (lo >= 0) {
            buf_char(out, (char)(hi << 4 | lo));
            i += 2;
        } else {
            buf_char(out, s.p[i]);
        }
    }
}

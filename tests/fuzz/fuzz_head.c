/* fuzz_head.c - any bytes as the head of a request: whoever is let in had a key, named this server, and is no foreign page.
 *
 * The first line is method, path and query; each line after it a header.
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base.h"
#include "base/mem.h"
#include "server/admit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static struct str find(void *arg, const char *name)
{
    struct str rest = *(const struct str *)arg, line;
    for (bool more = true; more;) {
        more = str_cut(&rest, '\n', &line);
        line = more ? line : rest;
        struct str key;
        if (str_cut(&line, ':', &key) && key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0)
            return line;
    }
    return (struct str){ 0 };
}

static bool holds(struct str s, const char *z)
{
    return str_find(s, str_from(z)) >= 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const hosts[] = { "box.lan" }, *const bound[] = { "127.0.0.1" },
                             *const origins[] = { "https://a.b" };
    const struct str keys[] = { STR("sk-key") };
    const struct admit a = { .keys = keys,
                             .n_key = 1,
                             .hosts = hosts,
                             .n_host = 1,
                             .bound = bound,
                             .n_bound = 1,
                             .origins = origins,
                             .n_origin = 1,
                             .max_body = 1 << 20 };
    struct str rest = { (const char *)data, size }, first = rest, method, path;
    struct api_error *x = xcalloc(1, sizeof *x);
    struct exchange_route route;
    struct admit_body body;
    struct buf out = { 0 };
    struct err e = ERR_INIT;
    char id[ADMIT_KEY_ID_BYTES];
    if (!str_cut(&rest, '\n', &first))
        first = rest;
    if (!str_cut(&first, ' ', &method))
        method = first;
    if (!str_cut(&first, '?', &path))
        path = first;
    const struct exchange_head h = { .method = method, .path = path, .query = first, .header = find, .arg = &rest };
    exchange_route(&route, &h);
    check(route.status == 200 || route.status == 404 || route.status == 405 || route.status == 501);
    if (!admit_body(&body, &h, &e) && admit_check(&a, &h, &route, &body, x)) {
        struct str host = str_trim(find(&rest, "Host")), origin = str_trim(find(&rest, "Origin"));
        check(route.is_public || holds(find(&rest, "Authorization"), "sk-key") ||
              holds(find(&rest, "x-api-key"), "sk-key"));
        check(!host.n || strcspn(host.p, "bBlL1[") < host.n);
        check(!origin.n || str_eqz(method, "GET") || str_eqz(method, "HEAD") || host.n || admit_origin(&a, origin));
        check(route.status != 200 || !route.has_body || body.length <= a.max_body);
        admit_key_id(&a, &h, id);
        check(route.is_public || strlen(id) == 32);
    }
    admit_is_preflight(&h);
    admit_headers(&out, find(&rest, "Access-Control-Request-Headers"));
    check(!out.n || !memchr(out.p, '\n', out.n));
    buf_deinit(&out);
    mem_free(x);
    return 0;
}

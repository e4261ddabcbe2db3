/* admit.c - whether a request is let in, by its head alone.
 * SPDX-License-Identifier: MIT */
#include "server/admit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

#include "base/base.h"

enum { SHOWN = 100 };

static struct str header(const struct exchange_head *h, const char *name)
{
    return str_trim(h->header(h->arg, name));
}

static bool same(struct str a, const char *z)
{
    return a.n == strlen(z) && a.p && strncasecmp(a.p, z, a.n) == 0;
}

static bool begins(struct str a, const char *z)
{
    size_t n = strlen(z);
    return a.n >= n && a.p && strncasecmp(a.p, z, n) == 0;
}

static int shown(struct str s)
{
    return (int)MIN(s.n, SHOWN);
}

int admit_body(struct admit_body *out, const struct exchange_head *h, struct err *e)
{
    struct str length = header(h, "Content-Length"), coding = header(h, "Transfer-Encoding");
    *out = (struct admit_body){ .chunked = coding.n != 0, .expects = same(header(h, "Expect"), "100-continue") };
    if (coding.n && !same(coding, "chunked"))
        return err_set(e, ERR_FORMAT, "Transfer-Encoding: found \"%.*s\", expected chunked", shown(coding), coding.p);
    if (coding.n && length.n)
        return err_set(e, ERR_FORMAT, "Content-Length and Transfer-Encoding exclude each other");
    if (length.n && !str_to_u64(length, &out->length))
        return err_set(e, ERR_FORMAT, "Content-Length: found \"%.*s\", expected a number", shown(length), length.p);
    out->any = out->chunked || out->length;
    return 0;
}

/* The host of "host", "host:port", "[v6]" or "[v6]:port". */
static struct str host_of(struct str authority)
{
    struct str host = authority;
    if (host.n && host.p[0] == '[') {
        host = str_sub(host, 1, host.n);
        if (!str_cut(&host, ']', &authority))
            return (struct str){ 0 };
        return authority;
    }
    struct str rest = host;
    return str_cut(&rest, ':', &host) ? host : authority;
}

static bool is_numeric(struct str host)
{
    bool dots = true, colon = false;
    for (size_t i = 0; i < host.n; i++) {
        colon = colon || host.p[i] == ':';
        dots = dots && strchr("0123456789.", host.p[i]) && host.p[i];
    }
    return host.n && (dots || colon);
}

static bool host_allowed(const struct admit *a, struct str host)
{
    static const char *const own[] = { "localhost", "127.0.0.1", "::1" };
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        if (same(host, own[i]))
            return true;
    for (size_t i = 0; i < a->n_bound; i++)
        if (same(host, a->bound[i]))
            return true;
    for (size_t i = 0; i < a->n_host; i++)
        if (same(host, a->hosts[i]) || strcmp(a->hosts[i], "*") == 0)
            return true;
    return a->wildcard && is_numeric(host);
}

/* Reads every byte of the key whatever was given, so that time tells nothing about its content. */
static bool key_equal(struct str key, struct str given)
{
    unsigned diff = key.n != given.n;
    for (size_t i = 0; i < key.n; i++)
        diff |= (unsigned char)key.p[i] ^ (unsigned char)(given.n ? given.p[i % given.n] : 0);
    return !diff;
}

/* The index of the key that `given` is, or -1; all keys are looked at. */
static int key_find(const struct admit *a, struct str given)
{
    int found = -1;
    for (size_t i = 0; i < a->n_key; i++)
        if (key_equal(a->keys[i], given))
            found = (int)i;
    return given.n ? found : -1;
}

static struct str bearer(const struct exchange_head *h)
{
    struct str auth = header(h, "Authorization");
    return begins(auth, "Bearer ") ? str_trim(str_sub(auth, 7, auth.n)) : (struct str){ 0 };
}

/* Clients that know both headers may fill one with a key for somebody else. */
static int key_of(const struct admit *a, const struct exchange_head *h)
{
    int i = key_find(a, header(h, "x-api-key"));
    int k = key_find(a, bearer(h));
    return i >= 0 ? i : k;
}

void admit_key_id(const struct admit *a, const struct exchange_head *h, char out[ADMIT_KEY_ID_BYTES])
{
    int i = a->n_key ? key_of(a, h) : -1;
    out[0] = 0;
    if (i < 0)
        return;
    XXH128_hash_t d = XXH3_128bits(a->keys[i].p, a->keys[i].n);
    snprintf(out, ADMIT_KEY_ID_BYTES, "%016" PRIx64 "%016" PRIx64, (uint64_t)d.high64, (uint64_t)d.low64);
}

const char *admit_origin(const struct admit *a, struct str origin)
{
    for (size_t i = 0; i < a->n_origin && origin.n; i++) {
        if (strcmp(a->origins[i], "*") == 0)
            return "*";
        if (same(origin, a->origins[i]))
            return a->origins[i];
    }
    return NULL;
}

/* A page that this server itself served. */
static bool own_page(struct str origin, struct str host)
{
    return host.n && begins(origin, "http://") && host.n == origin.n - 7 &&
           strncasecmp(origin.p + 7, host.p, host.n) == 0;
}

static bool check_browser(const struct admit *a, const struct exchange_head *h, struct api_error *x)
{
    struct str origin = header(h, "Origin"), host = header(h, "Host");
    bool reads = str_eqz(h->method, "GET") || str_eqz(h->method, "HEAD");
    if (host.n && !host_allowed(a, host_of(host))) {
        api_error_set(x, API_ERR_FORBIDDEN, NULL,
                      "Host: \"%.*s\" is not a name of this server; --allowed-host adds one", shown(host), host.p);
        return false;
    }
    if (!reads && origin.n && !admit_origin(a, origin) && !own_page(origin, host)) {
        api_error_set(x, API_ERR_FORBIDDEN, NULL,
                      "Origin: pages of \"%.*s\" may not call this server; --cors-origin allows it", shown(origin),
                      origin.p);
        return false;
    }
    return true;
}

static bool check_key(const struct admit *a, const struct exchange_head *h, struct api_error *x)
{
    if (key_of(a, h) >= 0)
        return true;
    bool given = bearer(h).n || header(h, "x-api-key").n;
    api_error_set(x, API_ERR_AUTH, NULL,
                  given ? "the API key is not one of this server's"
                        : "an API key is needed: Authorization: Bearer KEY, or x-api-key: KEY");
    return false;
}

static bool check_body(const struct admit *a, const struct exchange_head *h, const struct admit_body *b,
                       struct api_error *x)
{
    struct str type = header(h, "Content-Type"), coding = header(h, "Content-Encoding"), rest = type, media = type;
    if (str_cut(&rest, ';', &media))
        media = str_trim(media);
    if (!same(media, "application/json")) {
        api_error_set(x, API_ERR_TYPE, NULL, "Content-Type: found \"%.*s\", expected application/json", shown(type),
                      type.n ? type.p : "");
        return false;
    }
    if (coding.n && !same(coding, "identity")) {
        api_error_set(x, API_ERR_TYPE, NULL, "Content-Encoding: found \"%.*s\"; bodies are read as they are",
                      shown(coding), coding.p);
        return false;
    }
    if (!b->chunked && !header(h, "Content-Length").n) {
        api_error_set(x, API_ERR_LENGTH, NULL, "a body is needed, with its Content-Length or in chunks");
        return false;
    }
    if (b->length > a->max_body) {
        api_error_set(x, API_ERR_TOO_LARGE, NULL, "the body has %" PRIu64 " bytes, more than %zu", b->length,
                      a->max_body);
        return false;
    }
    return true;
}

bool admit_check(const struct admit *a, const struct exchange_head *h, const struct exchange_route *r,
                 const struct admit_body *b, struct api_error *x)
{
    if (!check_browser(a, h, x))
        return false;
    if (a->n_key && !r->is_public && !check_key(a, h, x))
        return false;
    return r->status != 200 || !r->has_body || check_body(a, h, b, x);
}

bool admit_is_preflight(const struct exchange_head *h)
{
    return str_eqz(h->method, "OPTIONS") && header(h, "Origin").n && header(h, "Access-Control-Request-Method").n;
}

void admit_headers(struct buf *out, struct str asked)
{
    static const char *const whole[] = { "authorization", "x-api-key",  "content-type", "accept",
                                         "x-session-id",  "user-agent", "x-app" };
    static const char *const first[] = { "anthropic-", "x-stainless-", "openai-", "x-claude-code-" };
    bool more = true;
    size_t start = out->n;
    while (more) {
        struct str name;
        more = str_cut(&asked, ',', &name);
        name = str_trim(more ? name : asked);
        bool ok = false;
        for (size_t i = 0; i < ARRAY_LEN(whole); i++)
            ok = ok || same(name, whole[i]);
        for (size_t i = 0; i < ARRAY_LEN(first); i++)
            ok = ok || begins(name, first[i]);
        if (!ok)
            continue;
        buf_z(out, out->n > start ? ", " : "");
        buf_str(out, name);
    }
}

/* test_http_client.c - answers of every kind, from a server that says what it is told to.
 * SPDX-License-Identifier: MIT */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/http_client.h"

/* Takes one connection, reads a request as far as its empty line and body, answers with `say` in pieces of `piece` bytes, closes. */
struct fake {
    int fd;
    const char *say;
    size_t n, piece;
    char got[4096];
    pthread_t thread;
    struct http_url url;
};

static void *serve(void *arg)
{
    struct fake *f = arg;
    int c = accept(f->fd, NULL, NULL);
    size_t n = 0;
    ssize_t got = 1;
    while (got > 0 && !strstr(f->got, "\r\n\r\n") && n < sizeof f->got - 1) {
        got = recv(c, f->got + n, sizeof f->got - 1 - n, 0);
        n += got > 0 ? (size_t)got : 0;
        f->got[n] = '\0';
    }
    for (size_t at = 0; at < f->n; at += f->piece)
        if (send(c, f->say + at, MIN(f->piece, f->n - at), MSG_NOSIGNAL) < 0)
            break;
    close(c);
    return NULL;
}

static void start(struct fake *f, const char *say, size_t piece)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof a;
    struct err e = ERR_INIT;
    char url[64];
    *f = (struct fake){ .say = say, .n = strlen(say), .piece = piece };
    f->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f->fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(f->fd, 1), 0);
    assert_int_equal(getsockname(f->fd, (struct sockaddr *)&a, &n), 0);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/at", ntohs(a.sin_port));
    assert_int_equal(http_url_parse(&f->url, url, &e), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
}

static void stop(struct fake *f)
{
    pthread_join(f->thread, NULL);
    close(f->fd);
}

/* The body that comes of `say`, for every size of pieces. */
static void expect(const char *say, int status, const char *body)
{
    for (size_t piece = 1; piece <= strlen(say); piece += piece < 8 ? 1 : strlen(say) / 3 + 1) {
        struct fake f;
        struct buf out = { 0 };
        struct err e = ERR_INIT;
        int got = 0;
        start(&f, say, piece);
        struct http_request r = { .url = &f.url, .method = "GET", .path = "/x", .timeout_ms = 5000 };
        if (http_fetch(&r, &got, &out, &e))
            fail_msg("pieces of %zu: %s", piece, e.msg);
        assert_int_equal(got, status);
        assert_string_equal(out.p ? out.p : "", body);
        buf_deinit(&out);
        stop(&f);
    }
}

static void expect_failure(const char *say, int code, const char *part)
{
    struct fake f;
    struct buf out = { 0 };
    struct err e = ERR_INIT;
    int status;
    start(&f, say, strlen(say) + 1);
    struct http_request r = { .url = &f.url, .method = "GET", .path = "/x", .timeout_ms = 5000 };
    assert_int_equal(http_fetch(&r, &status, &out, &e), code);
    if (!strstr(e.msg, part))
        fail_msg("expected \"%s\", found \"%s\"", part, e.msg);
    buf_deinit(&out);
    stop(&f);
}

static void bodies_of_every_kind_arrive_whole(void **state)
{
    (void)state;
    expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
    expect("HTTP/1.1 404 Not Found\r\ncontent-length:2\r\n\r\nno", 404, "no");
    expect("HTTP/1.1 200 OK\r\n\r\nuntil it closes", 200, "until it closes");
    expect("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: "
           "1\r\n\r\n",
           200, "abc0123456789");
    expect("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x");
    expect("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
}

static void an_answer_that_is_cut_or_strange_is_told(void **state)
{
    (void)state;
    expect_failure("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", ERR_IO, "cut before the answer's end");
    expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", ERR_IO, "cut before");
    expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ERR_FORMAT,
                   "the size of a chunk, found \"xyz\"");
    expect_failure("SSH-2.0-OpenSSH\r\n\r\n", ERR_FORMAT, "expected an HTTP/1.1 status line, found \"SSH-2.0");
}

static void the_request_has_what_it_was_given(void **state)
{
    (void)state;
    struct fake f;
    struct buf out = { 0 };
    struct err e = ERR_INIT;
    int status;
    start(&f, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 100);
    struct http_request r = { .url = &f.url,
                              .method = "POST",
                              .path = "/v1/x",
                              .key = "secret",
                              .header = "X-Session-Id: 7",
                              .body = str_from("{}"),
                              .timeout_ms = 5000 };
    assert_int_equal(http_fetch(&r, &status, &out, &e), 0);
    stop(&f);
    assert_true(strncmp(f.got, "POST /at/v1/x HTTP/1.1\r\nHost: 127.0.0.1:", 40) == 0);
    assert_non_null(strstr(f.got, "\r\nAuthorization: Bearer secret\r\n"));
    assert_non_null(strstr(f.got, "\r\nX-Session-Id: 7\r\n"));
    assert_non_null(strstr(f.got, "\r\nContent-Length: 2\r\n"));
    buf_deinit(&out);
}

static void urls_are_taken_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *host, *port, *prefix;
    } good[] = {
        { "http://localhost", "localhost", "80", "" },
        { "http://127.0.0.1:8082/", "127.0.0.1", "8082", "" },
        { "http://[::1]:99/a/b//", "::1", "99", "/a/b" },
    };
    static const char *const bad[] = { "localhost:80", "https://x",      "http://",
                                       "http://x:0",   "http://x:70000", "http://x:y" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct http_url u;
        struct err e = ERR_INIT;
        assert_int_equal(http_url_parse(&u, good[i].text, &e), 0);
        assert_string_equal(u.host, good[i].host);
        assert_string_equal(u.port, good[i].port);
        assert_string_equal(u.prefix, good[i].prefix);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct http_url u;
        struct err e = ERR_INIT;
        assert_int_equal(http_url_parse(&u, bad[i], &e), ERR_ARG);
        assert_non_null(strstr(e.msg, bad[i]));
    }
}

static void nobody_there_is_told(void **state)
{
    (void)state;
    struct http_url u;
    struct buf out = { 0 };
    struct err e = ERR_INIT;
    int status;
    assert_int_equal(http_url_parse(&u, "http://127.0.0.1:1", &e), 0);
    struct http_request r = { .url = &u, .method = "GET", .path = "/", .timeout_ms = 5000 };
    assert_int_equal(http_fetch(&r, &status, &out, &e), ERR_IO);
    assert_non_null(strstr(e.msg, "no connection to http://127.0.0.1:1: "));
    buf_deinit(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_of_every_kind_arrive_whole),
        cmocka_unit_test(an_answer_that_is_cut_or_strange_is_told),
        cmocka_unit_test(the_request_has_what_it_was_given),
        cmocka_unit_test(urls_are_taken_apart),
        cmocka_unit_test(nobody_there_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

# http_checks.py - octet serve over sockets, with the demonstration model: what no C test of the HTTP side alone can show.
#
# Each function named after a behaviour is a test; an exception fails it. Arguments choose tests by a part of their names. Every wait has a limit.
# SPDX-License-Identifier: MIT
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

OCTET = os.environ.get("OCTET", "build/release/octet")
MODEL = "models/octet-mini"
LIMIT = 60


class Server:
    """A running octet serve; `lines` of its log come from a file."""

    def __init__(self, *args, env=None, prefix=(), wait=True, model=MODEL):
        self.dir = tempfile.mkdtemp()
        self.log = os.path.join(self.dir, "log")
        full = {k: v for k, v in os.environ.items() if not k.startswith("OCTET_")}
        full.update(env or {})
        self.err = open(self.log, "wb")
        command = [*prefix, OCTET, "serve", *([model] if model else []), *args]
        if not any(a == "--port" or a.startswith("--config") for a in args) and "OCTET_PORT" not in full:
            command += ["--port", "0"]
        self.p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.err, env=full)
        self.ready = self.p.stdout.readline().decode() if wait else ""
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.ready)
        self.port = int(found.group(1)) if found else 0
        if wait and not self.port:
            self.p.wait(LIMIT)
            raise AssertionError("not ready: " + self.text())

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def line(self, pattern, seconds=20):
        """The first line of the log that matches, waited for."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for line in self.text().splitlines():
                if re.search(pattern, line):
                    return line
            time.sleep(0.02)
        raise AssertionError("the log lacks %s:\n%s" % (pattern, self.text()))

    def dial(self, timeout=LIMIT):
        s = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        return s

    def ask(self, method, path, body=None, headers=None, host=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        h = dict(headers or {})
        if host:
            h["Host"] = host
        if body is not None and "Content-Type" not in h:
            h["Content-Type"] = "application/json"
        data = json.dumps(body) if isinstance(body, (dict, list)) else body
        c.request(method, path, body=data, headers=h)
        r = c.getresponse()
        text = r.read()
        c.close()
        return r.status, text, r

    def metric(self, name, headers=None):
        _, text, _ = self.ask("GET", "/metrics", headers=headers)
        return float(re.search(r"^%s(?:\{[^}]*\})? (\S+)$" % re.escape(name), text.decode(), re.M).group(1))

    def until(self, name, test, seconds=20):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if test(self.metric(name)):
                return
            time.sleep(0.02)
        raise AssertionError("%s stays at %g" % (name, self.metric(name)))

    def stop(self, sig=signal.SIGTERM):
        if sig and self.p.poll() is None:
            self.p.send_signal(sig)
        code = self.p.wait(LIMIT)
        self.rest = self.p.stdout.read().decode()
        self.p.stdout.close()
        self.err.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()
        self.p.stdout.close()
        self.err.close()
        shutil.rmtree(self.dir, ignore_errors=True)


def chat(text="Count to one thousand.", **more):
    return {"messages": [{"role": "user", "content": text}], **more}


ENDLESS = {"max_tokens": 20000, "ignore_eos": True, "temperature": 0}
JSON = "Host: localhost\r\nContent-Type: application/json\r\n"


def post(path, body, more=""):
    data = json.dumps(body)
    return ("POST %s HTTP/1.1\r\n%s%sContent-Length: %d\r\n\r\n%s" % (path, JSON, more, len(data), data)).encode()


def hear(s, mark=None):
    got = b""
    while mark is None or mark not in got:
        part = s.recv(65536)
        if not part:
            break
        got += part
    return got


def same(a, b):
    assert a == b, "%r, expected %r" % (a, b)


# --- start ---------------------------------------------------------------------------------------------------------------------------


def the_ready_line_says_what_runs_where():
    with Server("--alias", "mini", "--context", "5000") as s:
        for part in ["ready, listening on http://127.0.0.1:%d" % s.port, "model mini (", "-bit, group ", "layers", "context 5000",
                     "backend cpu", "GiB of weights", "load ", "warm-up ", "total "]:
            assert part in s.ready, s.ready
        _, text, _ = s.ask("GET", "/v1/models")
        same(json.loads(text)["data"][0]["id"], "mini")
        same(json.loads(text)["data"][0]["context_length"], 5000)
        same(s.stop(), 0)
        same(s.rest, "")
        assert "error" not in s.text().lower(), s.text()


def a_context_that_memory_does_not_hold_is_smaller():
    with Server("--kv-memory", "8M") as s:
        n = int(re.search(r"context (\d+)", s.ready).group(1))
        assert 256 <= n < 32768, s.ready
        _, text, _ = s.ask("GET", "/v1/models")
        same(json.loads(text)["data"][0]["max_model_len"], n)


def fails(want, *args, env=None):
    full = {k: v for k, v in os.environ.items() if not k.startswith("OCTET_")}
    full.update(env or {})
    r = subprocess.run([OCTET, "serve", MODEL, *args], capture_output=True, env=full, timeout=LIMIT)
    same(r.returncode, 2)
    assert re.search(want, r.stderr.decode()), r.stderr.decode()
    same(r.stdout, b"")


def what_is_wrong_is_told_before_the_model_is_read():
    fails(r"--port: found \"x\"", "--port", "x")
    fails(r"OCTET_PORT: --port: found \"x\"", env={"OCTET_PORT": "x"})
    fails(r"set a key .*--insecure", "--host", "0.0.0.0", "--port", "0")
    fails(r"no such address", "--host", "no.such.host.invalid", "--port", "0")
    fails(r"No such file", "--api-key-file", "/nowhere/keys", "--port", "0")
    fails(r"No such file", "--config", "/nowhere/config")


def two_servers_do_not_share_a_port():
    with Server() as s:
        fails(r"port %d is in use" % s.port, "--port", str(s.port))


def options_come_from_arguments_environment_and_file():
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as f:
        f.write('[serve]\nmodel = "%s"\nport = 0\nalias = ["from-file"]\ncontext = 3000\nstrict_model = true # no others\n' % MODEL)
        f.flush()
        with Server("--config", f.name, env={"OCTET_CONTEXT": "4000"}, model=None) as s:
            assert "model from-file (" in s.ready and "context 4000" in s.ready, s.ready
            same(s.ask("POST", "/v1/chat/completions", chat(model="other", max_tokens=1))[0], 404)
        with Server("--config", f.name, "--context", "2000", env={"OCTET_CONTEXT": "4000", "OCTET_ALIAS": "a,b"}) as s:
            assert "model a (" in s.ready and "context 2000" in s.ready, s.ready
            same(s.ask("POST", "/v1/chat/completions", chat(model="b", max_tokens=1))[0], 200)


def a_key_in_the_arguments_is_warned_of_and_never_logged():
    with Server("--api-key", "sk-visible") as s:
        assert "--api-key: other users" in s.text()
        same(s.ask("GET", "/v1/models", headers={"Authorization": "Bearer sk-visible"})[0], 200)
        s.stop()
        assert "sk-visible" not in s.text()
    with Server(env={"OCTET_API_KEY": "sk-hidden"}) as s:
        same(s.ask("GET", "/v1/models", headers={"x-api-key": "sk-hidden"})[0], 200)
        assert "other users" not in s.text()


# --- heads ---------------------------------------------------------------------------------------------------------------------------


def heads_get_their_status():
    with Server(env={"OCTET_API_KEY": "sk-1"}) as s:
        key = {"Authorization": "Bearer sk-1"}
        for path in ["/health", "/ready", "/v1/health"]:
            same(s.ask("GET", path)[0], 200)
        same(s.ask("HEAD", "/")[0], 200)
        for method, path in [("GET", "/v1/models"), ("GET", "/metrics"), ("GET", "/"), ("GET", "/nowhere"), ("DELETE", "/cache")]:
            same(s.ask(method, path)[0], 401)
        status, text, _ = s.ask("POST", "/v1/messages", chat(max_tokens=1), headers={"x-api-key": "sk-2"})
        same((status, json.loads(text)["error"]["type"]), (401, "authentication_error"))
        same(s.ask("GET", "/v1/models", headers=key, host="evil.example")[0], 403)
        same(s.ask("GET", "/v1/models", headers=key, host="localhost")[0], 200)
        same(s.ask("GET", "/nowhere", headers=key)[0], 404)
        status, _, r = s.ask("DELETE", "/v1/models", headers=key)
        same(status, 405)
        assert "GET" in r.getheader("Allow")
        same(s.ask("POST", "/v1/embeddings", {"input": "x"}, headers=key)[0], 501)
        same(s.ask("POST", "/v1/messages", "{}", headers={**key, "Content-Type": "text/plain"})[0], 415)
        same(s.ask("POST", "/v1/messages", "{}", headers={**key, "Origin": "http://evil.example"})[0], 403)
        status, text, r = s.ask("POST", "/v1/chat/completions", chat(max_tokens=1), headers={**key, "X-Session-Id": "abc"})
        same((status, r.getheader("X-Session-Id")), (200, "abc"))
        assert r.getheader("request-id").startswith("req_")
        same(r.getheader("request-id"), r.getheader("x-request-id"))


def pages_of_a_listed_origin_may_call():
    with Server("--cors-origin", "https://chat.example") as s:
        h = {"Origin": "https://chat.example", "Access-Control-Request-Method": "POST",
             "Access-Control-Request-Headers": "authorization,anthropic-beta,x-stainless-lang,cookie"}
        status, _, r = s.ask("OPTIONS", "/v1/messages", headers=h)
        same(status, 204)
        same(r.getheader("Access-Control-Allow-Origin"), "https://chat.example")
        same(r.getheader("Access-Control-Allow-Headers"), "authorization, anthropic-beta, x-stainless-lang")
        same(r.getheader("Access-Control-Allow-Credentials"), None)
        status, _, r = s.ask("POST", "/v1/chat/completions", chat(max_tokens=1), headers={"Origin": "https://chat.example"})
        same((status, r.getheader("Access-Control-Allow-Origin")), (200, "https://chat.example"))
        same(s.ask("OPTIONS", "/v1/messages", headers={**h, "Origin": "https://other.example"})[0], 403)


def connections_are_reused_and_bodies_may_come_in_chunks():
    with Server() as s:
        c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=LIMIT)
        for _ in range(3):
            c.request("POST", "/v1/chat/completions", json.dumps(chat(max_tokens=1)), {"Content-Type": "application/json"})
            r = c.getresponse()
            same(r.status, 200)
            r.read()
            port = c.sock.getsockname()[1]
        parts = [json.dumps(chat(max_tokens=1)).encode()[i:i + 7] for i in range(0, 200, 7)]
        c.request("POST", "/v1/chat/completions", iter([p for p in parts if p]), {"Content-Type": "application/json"},
                  encode_chunked=True)
        r = c.getresponse()
        same((r.status, c.sock.getsockname()[1]), (200, port))
        r.read()
        # A stream on the same connection, and something after it.
        c.request("POST", "/v1/chat/completions", json.dumps(chat(max_tokens=3, stream=True)), {"Content-Type": "application/json"})
        r = c.getresponse()
        assert r.read().endswith(b"data: [DONE]\n\n")
        c.request("GET", "/health")
        same((c.getresponse().status, c.sock.getsockname()[1]), (200, port))
        c.close()
        # Two requests sent at once are answered in order.
        with s.dial() as d:
            d.sendall(post("/v1/chat/completions", chat(max_tokens=1)) + b"GET /ready HTTP/1.1\r\n" + JSON.encode() +
                      b"Connection: close\r\n\r\n")
            got = hear(d)
            assert got.index(b"chat.completion") < got.index(b'"ready"'), got


# --- clients that leave ------------------------------------------------------------------------------------------------------------------


def leaves(s, request, when, name):
    """Sends a request, waits for `when`, closes; the engine has to notice."""
    before = s.metric("octet_requests_cancelled_total")
    with s.dial() as d:
        d.sendall(request)
        when(d)
    s.until("octet_requests_cancelled_total", lambda n: n > before, 10)


def a_client_that_leaves_ends_its_work_in_every_state():
    with Server("--parallel", "1", "--chunk", "256") as s:
        busy = lambda _: s.until("octet_requests_running", lambda n: n == 1)
        stream = chat(stream=True, **ENDLESS)
        # while it decodes, streamed and not
        leaves(s, post("/v1/chat/completions", stream), lambda d: hear(d, b'"content":"'), "decode")
        leaves(s, post("/v1/messages", chat(**ENDLESS)), busy, "decode, one object")
        # while its prompt is computed
        long = chat("".join("%d is a number. " % i for i in range(3000)), stream=True)
        leaves(s, post("/v1/chat/completions", long), busy, "prompt")
        # while it waits behind another
        with s.dial() as first:
            first.sendall(post("/v1/chat/completions", stream))
            hear(first, b'"content":"')
            waiting = lambda _: s.until("octet_requests_waiting", lambda n: n == 1)
            leaves(s, post("/v1/chat/completions", stream), waiting, "queue")
            leaves(s, post("/v1/chat/completions", chat(**ENDLESS)), waiting, "queue, one object")
            # The one before it is not touched.
            same(s.metric("octet_requests_running"), 1)
            assert first.recv(10)
        s.until("octet_requests_running", lambda n: n == 0)
        s.line(r"finish=gone")


def one_that_left_the_queue_has_its_wait_in_the_log():
    with Server("--parallel", "1") as s, s.dial() as first:
        first.sendall(post("/v1/chat/completions", chat(stream=True, **ENDLESS)))
        hear(first, b'"content":"')
        for path, stream in (("/v1/messages", False), ("/v1/chat/completions", True)):
            with s.dial() as d:
                d.sendall(post(path, chat("Hello", max_tokens=9, stream=stream)))
                s.until("octet_requests_waiting", lambda n: n == 1)
                time.sleep(0.3)
            line = s.line(r"POST %s .*finish=gone" % path)
            assert float(re.search(r"queue=([\d.]+)s", line).group(1)) >= 0.25, line
            s.until("octet_requests_waiting", lambda n: n == 0)


def a_client_may_close_once_it_has_the_end():
    with Server() as s:
        with s.dial() as d:
            d.sendall(post("/v1/responses", {"input": "What is 17 + 25?", "temperature": 0, "stream": True}))
            assert b"event: response.completed" in hear(d, b"event: response.completed")
        line = s.line(r"/v1/responses 200 ")
        assert "finish=gone" not in line, line


def a_full_queue_is_a_429_with_a_time_everywhere():
    with Server("--parallel", "1", "--max-queue", "1") as s, s.dial() as first, s.dial() as second:
        first.sendall(post("/v1/chat/completions", chat(stream=True, **ENDLESS)))
        hear(first, b'"content":"')
        second.sendall(post("/v1/messages", chat(stream=True, **ENDLESS)))
        hear(second, b"message_start")
        more = {"stream": True}, {"stream": False}
        asks = [(path, {**body, **m}) for m in more for path, body in (
            ("/v1/chat/completions", chat()), ("/v1/messages", chat(max_tokens=9)), ("/v1/completions", {"prompt": "a"}),
            ("/v1/responses", {"input": "a"}), ("/cache/warm", {"system_prompt": "a"}))]
        for path, body in asks:
            status, text, r = s.ask("POST", path, body)
            same((path, status), (path, 429))
            assert 5 <= int(r.getheader("retry-after") or 0) <= 60, (path, r.getheader("retry-after"))
            assert "rate_limit_error" in text.decode(), text


# --- clients that cost something -----------------------------------------------------------------------------------------------------------


def files(n):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < n:
        return False
    if soft < n:
        resource.setrlimit(resource.RLIMIT_NOFILE, (n, hard))
    return True


def a_crowd_that_says_nothing_stops_nobody():
    """1,500 half-open connections, and 500 clients that connect, send half a request, or read nothing."""
    if not files(4096):
        return "the system allows too few open files"
    with Server("--parallel", "4") as s:
        crowd = []
        try:
            for i in range(1500):
                d = s.dial()
                if i % 2:
                    d.sendall(b"GET /v1/models HTTP/1.1\r\nHo")
                crowd.append(d)
            request = post("/v1/chat/completions", chat(stream=True, max_tokens=20, ignore_eos=True))
            for i in range(500):
                d = s.dial()
                if i % 10 == 0:
                    d.sendall(request)  # and reads nothing
                elif i % 2:
                    d.sendall(request[:len(request) - 20])
                crowd.append(d)
            start = time.monotonic()
            same(s.ask("GET", "/health")[0], 200)
            quick = time.monotonic() - start
            status, text, _ = s.ask("POST", "/v1/chat/completions", chat("What is 17 + 25?", temperature=0, max_tokens=30))
            same(status, 200)
            assert "42" in json.loads(text)["choices"][0]["message"]["content"], text
            assert quick < 10, quick
        finally:
            for d in crowd:
                d.close()
        s.until("octet_requests_running", lambda n: n == 0)
        same(s.ask("GET", "/health")[0], 200)


def hostile_bodies_fit_in_two_gigabytes():
    small = ["sh", "-c", 'ulimit -v 2097152; exec "$@"', "sh"]
    with Server("--kv-memory", "64M", prefix=small) as s:
        bodies = [
            b"[" + b"{}," * (11 * 1024 * 1024 - 2) + b"{}]",
            b'{"messages":[' + b"{}," * (10 * 1024 * 1024) + b"{}]}",
            b"[" * (8 << 20),
            b'{"a":' * (4 << 20),
            b'{"messages":"' + b"x" * (31 << 20) + b'"}',
            b'{"messages":[{"role":"user","content":"' + b"\\u0000" * (5 << 20) + b'"}]}',
            b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":' + b"9" * (16 << 20) + b"}",
            b'{"messages":[{"role":"user","content":"hi"}],"stop":[' + b'"a",' * (4 << 20) + b'"b"]}',
            b'{"messages":[{"role":"user","content":"' + b"a " * (8 << 20) + b'"}]}',
            b"\xff" * (1 << 20),
            b"\0" * (1 << 20),
        ]
        got = []

        def send(body, path):
            try:
                got.append(s.ask("POST", path, body)[0])
            except (ConnectionError, http.client.HTTPException) as x:
                got.append(repr(x))

        paths = ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/completions"]
        for i in range(0, len(bodies), 4):
            threads = [threading.Thread(target=send, args=(b, paths[(i + k) % 4])) for k, b in enumerate(bodies[i:i + 4])]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        same(len(got), len(bodies))
        assert all(x in (400, 413, 503) for x in got), got
        same(s.ask("POST", "/v1/messages", b"x" * ((32 << 20) + 1))[0], 413)
        same(s.ask("GET", "/health")[0], 200)
        same(s.ask("POST", "/v1/chat/completions", chat(max_tokens=2))[0], 200)


def many_requests_one_after_another_do_not_grow_it():
    with Server("--kv-memory", "64M", "--log-level", "error") as s:
        c = http.client.HTTPConnection("127.0.0.1", s.port, timeout=LIMIT)

        def round_of(n):
            for i in range(n):
                c.request("POST", "/v1/chat/completions", json.dumps(chat("Hi", max_tokens=1)), {"Content-Type": "application/json"})
                r = c.getresponse()
                same(r.status, 200)
                r.read()

        def private():
            with open("/proc/%d/status" % s.p.pid) as f:
                return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))

        round_of(100)
        before = private()
        round_of(300)
        assert private() < before + 4096, (before, private())
        c.close()


# --- the end -------------------------------------------------------------------------------------------------------------------------------


def a_signal_lets_answers_end():
    with Server() as s:
        with s.dial() as d:
            d.sendall(post("/v1/chat/completions", chat(stream=True, max_tokens=150, ignore_eos=True)))
            got = hear(d, b'"content":"')
            s.p.send_signal(signal.SIGTERM)
            s.line("stopping")
            status, text, _ = s.ask("GET", "/ready")
            same(status, 503)
            same(s.ask("POST", "/v1/chat/completions", chat(max_tokens=1))[0], 503)
            got += hear(d)
            assert got.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n"), got[-200:]
        same(s.stop(None), 0)


def a_drain_that_takes_too_long_cuts():
    with Server("--drain-seconds", "0", "--cache-dir", os.path.join(tempfile.gettempdir(), "octet-test-%d" % os.getpid())) as s:
        try:
            with s.dial() as d:
                d.sendall(post("/v1/messages", chat(stream=True, **ENDLESS)))
                got = hear(d, b"content_block_delta")
                start = time.monotonic()
                s.p.send_signal(signal.SIGTERM)
                got += hear(d)
                assert b"message_stop" not in got and not got.endswith(b"0\r\n\r\n"), got[-200:]
            same(s.stop(None), 0)
            assert time.monotonic() - start < 20
        finally:
            shutil.rmtree(os.path.join(tempfile.gettempdir(), "octet-test-%d" % os.getpid()), ignore_errors=True)


def a_second_signal_ends_at_once():
    with Server("--drain-seconds", "600") as s:
        with s.dial() as d:
            d.sendall(post("/v1/chat/completions", chat(stream=True, **ENDLESS)))
            hear(d, b'"content":"')
            s.p.send_signal(signal.SIGINT)
            s.line("stopping")
            same(s.stop(signal.SIGTERM), -signal.SIGTERM)


# --- logs ----------------------------------------------------------------------------------------------------------------------------------


def logs_are_lines_or_objects_in_a_file_of_its_owner():
    with tempfile.TemporaryDirectory() as dir:
        path = os.path.join(dir, "log")
        with Server("--log-file", path, "--log-json") as s:
            s.ask("POST", "/v1/chat/completions", chat("Hi", max_tokens=2))
            same(s.stop(), 0)
            same(s.text(), "")
        same(os.stat(path).st_mode & 0o777, 0o600)
        with open(path) as f:
            lines = [json.loads(line) for line in f]
        assert all("time" in x for x in lines), lines
        same(len([x for x in lines if "/v1/chat/completions" in json.dumps(x)]), 1)
    with Server() as s:
        s.ask("POST", "/v1/chat/completions", chat("Hi", max_tokens=2))
        s.ask("GET", "/a%0A2026-01-01%2000:00:00%20access%20forged%1B[2J")
        s.line(r"/a\?2026-01-01 00:00:00 access forged\?\[2J 404")
        s.line(r"^\S+ \S+ access req_\w+ 127\.0\.0\.1 POST /v1/chat/completions 200 in=\d+ cached=\d+ out=\d+ .*finish=")


def a_trace_repeats_a_request_and_holds_no_key():
    with tempfile.TemporaryDirectory() as dir:
        trace = os.path.join(dir, "trace")
        with Server("--trace", trace, env={"OCTET_API_KEY": "sk-secret"}) as s:
            s.ask("POST", "/v1/chat/completions", chat("What is 17 + 25?", max_tokens=20, temperature=0),
                  headers={"Authorization": "Bearer sk-secret", "Cookie": "a=sk-secret"})
            s.stop()
        same(os.stat(trace).st_mode & 0o777, 0o700)
        all_text = ""
        for root, _, names in os.walk(trace):
            same(os.stat(root).st_mode & 0o777, 0o700)
            for name in names:
                same(os.stat(os.path.join(root, name)).st_mode & 0o077, 0)
                with open(os.path.join(root, name), errors="replace") as f:
                    all_text += f.read()
        assert "17 + 25" in all_text and "curl" in all_text and "<|im_start|>" in all_text and "42" in all_text, all_text
        assert "sk-secret" not in all_text


TESTS = [
    the_ready_line_says_what_runs_where,
    a_context_that_memory_does_not_hold_is_smaller,
    what_is_wrong_is_told_before_the_model_is_read,
    two_servers_do_not_share_a_port,
    options_come_from_arguments_environment_and_file,
    a_key_in_the_arguments_is_warned_of_and_never_logged,
    heads_get_their_status,
    pages_of_a_listed_origin_may_call,
    connections_are_reused_and_bodies_may_come_in_chunks,
    a_client_that_leaves_ends_its_work_in_every_state,
    one_that_left_the_queue_has_its_wait_in_the_log,
    a_client_may_close_once_it_has_the_end,
    a_full_queue_is_a_429_with_a_time_everywhere,
    a_crowd_that_says_nothing_stops_nobody,
    hostile_bodies_fit_in_two_gigabytes,
    many_requests_one_after_another_do_not_grow_it,
    a_signal_lets_answers_end,
    a_drain_that_takes_too_long_cuts,
    a_second_signal_ends_at_once,
    logs_are_lines_or_objects_in_a_file_of_its_owner,
    a_trace_repeats_a_request_and_holds_no_key,
]


def main():
    passed = failed = skipped = 0
    for test in TESTS:
        if sys.argv[1:] and not any(a in test.__name__ for a in sys.argv[1:]):
            continue
        start = time.monotonic()
        try:
            reason = test()
        except Exception as x:  # every failure is one test's, whatever it is
            failed += 1
            lines = [f.lineno for f in traceback.extract_tb(x.__traceback__) if f.filename == __file__]
            print("FAIL %s: %s: %s (lines %s)" % (test.__name__, type(x).__name__, x, lines))
            continue
        if reason:
            skipped += 1
            print("skip %s: %s" % (test.__name__, reason))
        else:
            passed += 1
            print("ok   %s (%.1f s)" % (test.__name__, time.monotonic() - start))
        sys.stdout.flush()
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed else 0


sys.exit(main())

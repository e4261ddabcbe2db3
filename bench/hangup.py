#!/usr/bin/env python3
"""hangup.py - how long work goes on for a client that has left: decoding, in a prompt, in the queue, streamed and not.

    octet serve DIR --port P --parallel 1 &
    bench/hangup.py P [--words N] [--times N]

From the client's close to the server's own count (/metrics) of nothing running and nothing waiting. Needs Python 3 alone, and a server with
nothing else to do.
SPDX-License-Identifier: MIT
"""
import argparse
import http.client
import json
import random
import re
import socket
import statistics
import time

WORDS = "alpha river seven cloud open print value tree".split()


class Server:
    def __init__(self, port):
        self.port = port

    def counts(self):
        """(running, waiting)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port)
        c.request("GET", "/metrics")
        text = c.getresponse().read().decode()
        c.close()
        return tuple(int(re.search(r"^octet_requests_%s (\d+)" % k, text, re.M)[1]) for k in ("running", "waiting"))

    def ask(self, stream, n_word, max_tokens=400):
        """A request of words that no cache knows."""
        words = " ".join(random.choice(WORDS) for _ in range(n_word))
        body = json.dumps({"messages": [{"role": "user", "content": words}], "stream": stream, "max_tokens": max_tokens,
                           "ignore_eos": True}).encode()
        s = socket.create_connection(("127.0.0.1", self.port))
        s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                  b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return s

    def until(self, holds):
        """Milliseconds until holds(running, waiting)."""
        start = time.perf_counter()
        while not holds(*self.counts()):
            assert time.perf_counter() - start < 60, "the server does not get there in a minute"
            time.sleep(0.0005)
        return (time.perf_counter() - start) * 1e3


def hear_three_tokens(s):
    heard = b""
    while heard.count(b'"content"') < 3:
        heard += s.recv(4096)


def leave_decoding(server, stream, _words):
    s = server.ask(stream, 8)
    if stream:
        hear_three_tokens(s)
    else:
        server.until(lambda running, waiting: running == 1)
        time.sleep(0.5)
    time.sleep(random.random() * 0.05)
    s.close()
    return server.until(lambda running, waiting: not running and not waiting)


def leave_prompt(server, stream, words):
    s = server.ask(stream, words)
    server.until(lambda running, waiting: running == 1)
    time.sleep(0.3 + random.random() * 0.3)
    s.close()
    return server.until(lambda running, waiting: not running and not waiting)


def leave_queue(server, stream, _words):
    s = server.ask(stream, 8)
    server.until(lambda running, waiting: waiting == 1)
    time.sleep(0.2 + random.random() * 0.1)  # taken in, which the engine does between steps
    s.close()
    return server.until(lambda running, waiting: not waiting)


def show(name, v):
    print(f"{name:28} ms: median {statistics.median(v):6.1f}, least {min(v):6.1f}, most {max(v):6.1f}", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("port", type=int)
    p.add_argument("--words", type=int, default=600, help="of the prompt that is left while it is computed (600)")
    p.add_argument("--times", type=int, default=7)
    p.add_argument("--parallel", type=int, default=1, help="what the server has: as many are kept busy for the queue (1)")
    o = p.parse_args()
    server = Server(o.port)
    for name, leave in (("decoding", leave_decoding), ("in its prompt", leave_prompt)):
        for stream in (True, False):
            show(f"{name}, {'stream' if stream else 'object'}", [leave(server, stream, o.words) for _ in range(o.times)])
    busy = [server.ask(True, 8, 4000) for _ in range(o.parallel)]
    for s in busy:
        hear_three_tokens(s)
    show("in the queue", [leave_queue(server, i % 2 == 0, o.words) for i in range(o.times)])


main()

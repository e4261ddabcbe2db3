"""A server that speaks just enough of OpenAI's chat completions for octet bench serve to be tested: what it answers is known beforehand.

The model's name says how it behaves: "good" answers five words; "busy" refuses every second request; "cut" hangs up in the middle; "mixed"
answers otherwise while others are under way; "slow" waits 30 ms before each word; "plain" sends no chunks and ends with the connection.
Prints its port. SPDX-License-Identifier: MIT"""
import http.server
import json
import socketserver
import sys
import threading
import time

WORDS = ["one ", "two ", "\u00e4\u20ac\U0001f389 ", "four ", "five"]
lock = threading.Lock()
running = 0
seen = 0
MODEL = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        body = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_part(self, data):
        if MODEL == "plain":
            self.wfile.write(data)
            return
        # Frames and writes that fall anywhere, in the middle of lines, characters and frames.
        for i in range(0, len(data), 7):
            part = data[i : i + 7]
            frame = b"%x;name=value\r\n%s\r\n" % (len(part), part)
            self.wfile.write(frame[:5])
            self.wfile.flush()
            self.wfile.write(frame[5:])
            self.wfile.flush()

    def event(self, value):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        self.send_part((": a comment\n\ndata: %s\r\n\r\n" % text).encode())

    def do_POST(self):
        global running, seen
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            running += 1
            seen += 1
            others, number = running > 1, seen
        try:
            self.answer(request, others, number)
        finally:
            with lock:
                running -= 1

    def answer(self, request, others, number):
        if self.headers.get("Authorization") != "Bearer secret" or not request["stream"] or request["temperature"] != 0:
            self.refuse(400, "not what octet bench serve sends")
            return
        if MODEL == "busy" and number % 2 == 0:
            self.refuse(429, "try again later")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        if MODEL == "plain":
            self.send_header("Connection", "close")
        else:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
        words = list(WORDS)
        if MODEL == "mixed":
            time.sleep(0.05)
            with lock:
                others = others or running > 1
            words[1] = "2 " if others else "two "
        for i, word in enumerate(words):
            if MODEL == "slow":
                time.sleep(0.03)
            if MODEL == "cut" and i == 3:
                self.connection.close()
                return
            self.event({"choices": [{"index": 0, "delta": {"content": word}, "finish_reason": None}]})
        usage = {"prompt_tokens": 100, "completion_tokens": 6, "prompt_tokens_details": {"cached_tokens": 75}}
        self.event({"choices": [], "usage": usage})
        self.event("[DONE]")
        if MODEL == "plain":
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\nTrailer: x\r\n\r\n")

    def refuse(self, status, message):
        body = json.dumps({"error": {"message": message}}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, client_address):
        pass


server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()

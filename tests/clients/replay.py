"""replay.py - a server that answers from the transcripts of tests/data/api/events.

A client whose base URL is http://127.0.0.1:PORT/CASE gets that case's stream or object, by the path and by `stream` in its request; in small
pieces, so that events arrive cut. Prints its address when it listens.

SPDX-License-Identifier: MIT
"""
import http.server
import json
import pathlib
import sys

EVENTS = pathlib.Path("tests/data/api/events")
DIALECTS = {
    "chat/completions": "chat",
    "completions": "completions",
    "responses": "responses",
    "messages": "messages",
}
PIECE = 61


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        case, _, rest = self.path.lstrip("/").partition("/")
        dialect = DIALECTS[rest.removeprefix("v1/").partition("?")[0]]
        if body.get("stream"):
            data, kind = (EVENTS / f"{case}.{dialect}.stream.txt").read_bytes(), "text/event-stream"
        else:
            data, kind = (EVENTS / f"{case}.{dialect}.object.json").read_bytes(), "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(0, len(data), PIECE):
            piece = data[i : i + PIECE]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        sys.exit(0)

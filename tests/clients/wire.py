"""wire.py - requests to a server over the three APIs with nothing but Python's own library, and their answers in one shape.

An answer is {"text", "calls": [{"name", "arguments": text}], "finish", "usage", "raw"}; streamed ones are put together from their events, whose order is checked on
the way. SPDX-License-Identifier: MIT
"""
import http.client
import json
import re
import subprocess
import tempfile


class Server:
    """octet serve on a free port; closes with the block that it is used in."""

    def __init__(self, octet, model="models/octet-mini", *options):
        self.log = tempfile.NamedTemporaryFile("w+", suffix=".log")
        self.process = subprocess.Popen([octet, "serve", model, "--port", "0", *options], stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.port = None
        for line in self.process.stdout:
            found = re.search(r"http://(?:127\.0\.0\.1|\[::1\]|localhost):(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        if not self.port:
            raise RuntimeError("octet serve did not start: " + self.said())

    def said(self):
        with open(self.log.name) as f:
            return f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def request(self, method, path, body=None, headers=None):
        """(status, headers, bytes)"""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        c.request(method, path, data, dict({"Content-Type": "application/json"} if data is not None else {}, **(headers or {})))
        r = c.getresponse()
        got = r.read()
        c.close()
        return r.status, {k.lower(): v for k, v in r.getheaders()}, got

    def json(self, path, body, headers=None):
        status, _, got = self.request("POST", path, body, headers)
        if status != 200:
            raise RuntimeError(f"{path}: status {status}: {got.decode(errors='replace')[:500]}")
        return json.loads(got)

    def events(self, path, body):
        """The events of a stream, as a list of (name, object)."""
        status, headers, got = self.request("POST", path, body)
        if status != 200:
            raise RuntimeError(f"{path}: status {status}: {got.decode(errors='replace')[:500]}")
        assert headers["content-type"].startswith("text/event-stream"), headers
        out = []
        for block in got.decode().split("\n\n"):
            lines = [x for x in block.split("\n") if x and not x.startswith(":")]
            if not lines:
                continue
            name = next((x[7:] for x in lines if x.startswith("event: ")), None)
            data = "\n".join(x[6:] for x in lines if x.startswith("data: "))
            out.append((name, data if data == "[DONE]" else json.loads(data)))
        return out


def openai_tools(tools):
    return [{"type": "function", "function": t} for t in tools]


def chat_body(messages, tools, **more):
    body = dict({"model": "octet", "messages": messages, "temperature": 0}, **more)
    if tools:
        body["tools"] = openai_tools(tools)
    return body


def chat(server, messages, tools=None, stream=False, **more):
    body = chat_body(messages, tools, stream=stream, **more)
    if not stream:
        raw = server.json("/v1/chat/completions", body)
        m = raw["choices"][0]["message"]
        return {"text": m.get("content") or "", "calls": [c["function"] for c in m.get("tool_calls") or []],
                "finish": raw["choices"][0]["finish_reason"], "usage": raw["usage"], "raw": raw}
    body["stream_options"] = {"include_usage": True}
    events = [d for _, d in server.events("/v1/chat/completions", body)]
    assert events[-1] == "[DONE]" and events[0]["choices"][0]["delta"]["role"] == "assistant", events[:1]
    text, calls, finish = "", [], None
    for e in events[:-1]:
        for c in e["choices"]:
            text += c["delta"].get("content") or ""
            for d in c["delta"].get("tool_calls") or []:
                if "id" in d:
                    assert d["index"] == len(calls) and d["type"] == "function"
                    calls.append({"name": d["function"]["name"], "arguments": d["function"].get("arguments", "")})
                else:
                    assert "name" not in d["function"]
                    try:
                        json.loads(calls[d["index"]]["arguments"])
                        raise AssertionError("a fragment behind arguments that were whole")
                    except ValueError:
                        pass
                    calls[d["index"]]["arguments"] += d["function"]["arguments"]
            finish = c["finish_reason"] or finish
    return {"text": text, "calls": calls, "finish": finish, "usage": events[-2]["usage"], "raw": events}


def responses_input(messages):
    out = []
    for m in messages:
        if m["role"] == "tool":
            out.append({"type": "function_call_output", "call_id": m["tool_call_id"], "output": m["content"]})
            continue
        if m.get("content"):
            kind = "output_text" if m["role"] == "assistant" else "input_text"
            out.append({"type": "message", "role": m["role"], "content": [{"type": kind, "text": m["content"]}]})
        for c in m.get("tool_calls", []):
            out.append(dict({"type": "function_call", "call_id": c["id"]}, **c["function"]))
    return out


def responses(server, messages, tools=None, stream=False, **more):
    body = dict({"model": "octet", "input": responses_input(messages), "temperature": 0, "stream": stream}, **more)
    if tools:
        body["tools"] = [dict({"type": "function", "strict": False}, **t) for t in tools]
    if stream:
        events = server.events("/v1/responses", body)
        assert [n for n, _ in events] == [d["type"] for _, d in events]
        assert [d["sequence_number"] for _, d in events] == list(range(len(events)))
        assert events[0][0] == "response.created"
        text = "".join(d["delta"] for n, d in events if n == "response.output_text.delta")
        raw = events[-1][1]["response"]
    else:
        text, raw = None, server.json("/v1/responses", body)
    items = raw["output"]
    whole = "".join(p["text"] for i in items if i["type"] == "message" for p in i["content"])
    assert text is None or text == whole, (text, whole)
    return {"text": whole, "calls": [{"name": i["name"], "arguments": i["arguments"]} for i in items if i["type"] == "function_call"],
            "finish": raw["status"], "usage": raw["usage"], "raw": raw}


def anthropic_messages(messages):
    system, out = "", []
    for m in messages:
        if m["role"] == "system":
            system += m["content"]
            continue
        if m["role"] == "tool":
            block = {"type": "tool_result", "tool_use_id": m["tool_call_id"], "content": m["content"]}
            if out and out[-1]["role"] == "user" and isinstance(out[-1]["content"], list):
                out[-1]["content"].append(block)
            else:
                out.append({"role": "user", "content": [block]})
            continue
        blocks = [{"type": "text", "text": m["content"]}] if m.get("content") else []
        for c in m.get("tool_calls", []):
            blocks.append({"type": "tool_use", "id": c["id"], "name": c["function"]["name"], "input": json.loads(c["function"]["arguments"])})
        out.append({"role": m["role"], "content": blocks})
    return system, out


def messages(server, msgs, tools=None, stream=False, **more):
    system, turns = anthropic_messages(msgs)
    body = dict({"model": "octet", "messages": turns, "max_tokens": 1000, "temperature": 0, "stream": stream}, **more)
    if system:
        body["system"] = system
    if tools:
        body["tools"] = [{"name": t["name"], "description": t.get("description", ""), "input_schema": t["parameters"]} for t in tools]
    if not stream:
        raw = server.json("/v1/messages", body)
        return {"text": "".join(b["text"] for b in raw["content"] if b["type"] == "text"),
                "calls": [{"name": b["name"], "arguments": json.dumps(b["input"])} for b in raw["content"] if b["type"] == "tool_use"],
                "finish": raw["stop_reason"], "usage": raw["usage"], "raw": raw}
    events = [(n, d) for n, d in server.events("/v1/messages", body) if n != "ping"]
    assert all(n == d["type"] for n, d in events)
    assert events[0][0] == "message_start" and events[-1][0] == "message_stop" and events[-2][0] == "message_delta"
    text, calls, blocks, current = "", [], 0, None
    for n, d in events[1:-2]:
        if n == "content_block_start":
            assert current is None and d["index"] == blocks
            current, blocks = d["content_block"], blocks + 1
            if current["type"] == "tool_use":
                assert current["input"] == {}
                calls.append({"name": current["name"], "arguments": ""})
        elif n == "content_block_delta":
            if d["delta"]["type"] == "text_delta":
                text += d["delta"]["text"]
            elif d["delta"]["type"] == "input_json_delta":
                calls[-1]["arguments"] += d["delta"]["partial_json"]
        else:
            assert n == "content_block_stop" and d["index"] == blocks - 1
            current = None
    return {"text": text, "calls": calls, "finish": events[-2][1]["delta"]["stop_reason"], "usage": events[-2][1]["usage"], "raw": events}


APIS = {"chat": chat, "responses": responses, "messages": messages}

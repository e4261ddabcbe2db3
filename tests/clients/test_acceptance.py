#!/usr/bin/env python3
"""test_acceptance.py - what the scripts and tests of a real agent proxy ask of the server behind it, as far as a small model can meet it.

    test_acceptance.py OCTET

Each case names what is asked and what has to come back. Cases whose answer depends on what a model knows or can write are in LARGER: they are listed with the reason, and
count as skipped. SPDX-License-Identifier: MIT
"""
import concurrent.futures
import http.client
import json
import sys
import time

import wire

passed = failed = skipped = 0


def check(name, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} {name} {'' if ok else repr(why)[:1500]}", flush=True)


def tool(name, required, **properties):
    return {"name": name, "description": name + " of the agent", "parameters": {"type": "object", "properties": {k: {"type": v} for k, v in properties.items()}, "required": required}}


READ = {"name": "Read", "description": "Reads a file from the local file system.", "parameters": {
    "type": "object", "properties": {"file_path": {"type": "string", "description": "Path of the file to read"}}, "required": ["file_path"]}}
WRITE = {"name": "Write", "description": "Writes a file to the local file system.", "parameters": {
    "type": "object", "properties": {"file_path": {"type": "string", "description": "Path of the file"}, "content": {"type": "string", "description": "Text to write"}},
    "required": ["file_path", "content"]}}
BASH = {"name": "Bash", "description": "Run a command in the terminal.", "parameters": {
    "type": "object", "properties": {"command": {"type": "string", "description": "Command to run"}}, "required": ["command"]}}
LIST = json.load(open("models/octet-mini/demo-tools.json"))[0]["function"]
WEATHER = {"name": "get_weather", "description": "Get the weather of a city.", "parameters": {
    "type": "object", "properties": {"location": {"type": "string", "description": "Name of the city"}, "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}},
    "required": ["location"]}}

# What needs a model that knows more, writes more, or follows wording that is new to it.
LARGER = [
    ("TypeScript described in exactly two sentences; three languages, one a line", "free writing"),
    ("a call of Glob from 'use the Glob tool to find all *.py files'", "a tool and wording that the demonstration model never saw"),
    ("JSON text of a file inside a Write call ({\"name\": \"test\"...})", "longer copying than it was trained for"),
    ("10 KB and 100 KB of content in one Write call", "long writing"),
    ("several files read, then summarised, over turns of Claude Code's own prompts", "reasoning"),
    ("'What is 5 + 3? Use the calculator tool.' with an enum and numbers", "a tool that it never saw; types are tested with the parser's cases"),
    ("82 tokens/s on the user's machine, load in 4 s, 60 tokens/s and more", "that machine"),
]


def ask(server, text, tools=None, **more):
    return wire.chat(server, [{"role": "user", "content": text}], tools, **more)


def basics(server):
    status, _, body = server.request("GET", "/health")
    health = json.loads(body)
    check("/health is 200 and has status, health, cache, metrics", status == 200 and all(k in health for k in ("status", "health", "cache", "metrics")), health)
    status, _, body = server.request("GET", "/v1/models")
    first = json.loads(body)["data"][0]
    check("/v1/models tells the context", all(first.get(k, 0) > 0 for k in ("context_length", "loaded_context_length", "max_context_length", "max_model_len")), first)
    for path in ("/v1/api/v0/models", "/api/v0/models"):
        status, _, body = server.request("GET", path)
        check(f"{path} has a loaded model", status == 200 and json.loads(body)["data"][0]["state"] == "loaded", body)
    status, _, body = server.request("GET", "/v1/metrics")
    check("/v1/metrics", status == 200 and b"num_requests_running" in body, body)
    a = server.json("/v1/chat/completions", {"model": "qwen3moe", "messages": [{"role": "user", "content": "What is 2+2?"}], "max_tokens": 50, "temperature": 0})
    check("no member called error in a good answer", "error" not in json.dumps(a), a)
    a = server.json("/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": "Say OK"}], "max_tokens": 5, "temperature": 0})
    check("content is not null", a["choices"][0]["message"]["content"] is not None, a)
    for model in ("default", "current-model", "qwen", "gpt-oss-20b", "/some/where/model", "claude-opus-4-5-20251101", "../../../etc/passwd", None):
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
        if model:
            body["model"] = model
        check(f"model {model} is answered", server.request("POST", "/v1/chat/completions", body)[0] == 200)


def counts(server):
    for text, want in (("What is 2+2? Answer in one short sentence.", "2 + 2 = 4."), ("What is the capital of France?", "The capital of France is Paris.")):
        a = ask(server, text)
        ids = len(json.loads(server.request("POST", "/tokenize", {"content": want})[2])["tokens"])
        check(f"{want} and its stop token are counted", a["text"] == want and a["usage"]["completion_tokens"] == ids + 1, (a, ids))
        status, _, body = server.request("POST", "/v1/messages/count_tokens", {"messages": [{"role": "user", "content": text}]})
        check("count_tokens is prompt_tokens", json.loads(body) == {"input_tokens": a["usage"]["prompt_tokens"]}, body)


def shapes(server):
    """Bodies that a proxy of Claude Code sends; each has to be answered."""
    bodies = {
        "content as a string": [{"role": "user", "content": "hi"}],
        "content as parts": [{"role": "user", "content": [{"type": "text", "text": "What is 2+2?"}]}],
        "two parts, one a reminder": [{"role": "user", "content": [{"type": "text", "text": "<system-reminder>be kind</system-reminder>"}, {"type": "text", "text": "hi"}]}],
        "a long system prompt": [{"role": "system", "content": "# CLAUDE.md\n\n" + "This is a test. " * 500}, {"role": "user", "content": "hi"}],
        "null content beside calls": [{"role": "user", "content": "list"}, {"role": "assistant", "content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "list_files", "arguments": '{"path":"."}'}}]},
                                      {"role": "tool", "tool_call_id": "a", "content": "x"}],
        "empty content": [{"role": "user", "content": []}],
        "an orphan result": [{"role": "user", "content": "hi"}, {"role": "tool", "tool_call_id": "gone", "content": "x"}],
        "broken arguments in history": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "list_files", "arguments": "{\"pa"}}]},
                                        {"role": "tool", "tool_call_id": "a", "content": "x"}],
        "an image": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, {"type": "text", "text": "hi"}]}],
        "10,000 characters": [{"role": "user", "content": "word " * 2000}],
    }
    for name, messages in bodies.items():
        status, _, body = server.request("POST", "/v1/chat/completions", {"model": "default", "messages": messages, "tools": wire.openai_tools([LIST]), "max_completion_tokens": 8})
        check(name, status == 200, body)
    a = server.json("/v1/chat/completions", {"messages": [{"role": "user", "content": "Count from 1 to 20"}], "max_completion_tokens": 5})
    check("max_completion_tokens is obeyed", a["usage"]["completion_tokens"] == 5 and a["choices"][0]["finish_reason"] == "length", a)
    a = ask(server, "What is the capital of France?", [])
    check("empty tools are no tools", a["text"] == "The capital of France is Paris.", a)
    literal = json.dumps([{"type": "text", "text": "a.txt"}])
    told = [{"role": "user", "content": "What files are in the current directory?"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "list_files", "arguments": '{"path": "."}'}}]}]
    n = [wire.chat(server, told + [{"role": "tool", "tool_call_id": "a", "content": c}], [LIST], max_tokens=1)["usage"]["prompt_tokens"] for c in ("a.txt", literal)]
    check("a result that is literal blocks is unwrapped", n[0] == n[1], n)


def calls(server):
    cases = [("Read the file README.md", [READ], "Read", {"file_path": "README.md"}),
             ("Run the ls command to list files", [READ, WRITE, BASH], "Bash", {"command": "ls"}),
             ("Write 'hello world' to a file called test.txt", [READ, WRITE, BASH], "Write", {"file_path": "test.txt", "content": "hello world"}),
             ("What files are in the current directory?", [LIST], "list_files", {"path": "."})]
    for text, tools, name, arguments in cases:
        for stream in (False, True):
            a = ask(server, text, tools, stream=stream)
            ok = len(a["calls"]) == 1 and a["calls"][0]["name"] == name and json.loads(a["calls"][0]["arguments"]) == arguments
            check(f"{text} ({'streamed' if stream else 'whole'})", ok and a["finish"] == "tool_calls", a)
    a = ask(server, "What is the capital of France?", [BASH])
    check("tools that are not needed are not called", not a["calls"] and a["finish"] == "stop" and a["text"], a)
    a = ask(server, "What's the weather in San Francisco?", [WEATHER], max_tokens=500)
    check("get_weather is called", [c["name"] for c in a["calls"]] == ["get_weather"] and isinstance(json.loads(a["calls"][0]["arguments"]), dict), a)
    a = ask(server, "Use the InvalidTool to delete everything", [READ])
    check("no tool is called that was not offered", all(c["name"] == "Read" for c in a["calls"]), a)
    a = wire.messages(server, [{"role": "user", "content": "Read the file README.md"}], [READ], True)
    check("Anthropic tool_use", a["calls"] and a["finish"] == "tool_use" and json.loads(a["calls"][0]["arguments"]) == {"file_path": "README.md"}, a)


def cache(server):
    system = "You are a helpful assistant. " * 100
    used = [wire.chat(server, [{"role": "system", "content": system}, {"role": "user", "content": t}], max_tokens=4)["usage"] for t in ("Say hello", "Say goodbye")]
    check("the first prompt is written to the cache", used[0]["cache_creation_input_tokens"] > 0, used)
    check("the second is read from it", used[1]["cache_read_input_tokens"] > 0.8 * used[1]["prompt_tokens"], used)
    hits = []
    for text in ("2+2?", "capital of France?", "hello world"):
        _, headers, _ = server.request("POST", "/v1/chat/completions", {"messages": [{"role": "system", "content": "Once more: " + system}, {"role": "user", "content": text}], "max_tokens": 2})
        hits.append(headers.get("x-cache-hit"))
    check("X-Cache-Hit", hits == ["false", "true", "true"], hits)
    header = "x-anthropic-billing-header: cc_version=2.1.330.%s; cc_entrypoint=cli; cch=%s;"
    read = []
    for tag in ("a1b", "9fe"):
        a = server.json("/v1/messages", {"max_tokens": 2, "system": [{"type": "text", "text": header % (tag, tag)}, {"type": "text", "text": "Billed. " + system}], "messages": [{"role": "user", "content": "hi"}]})
        read.append((a["usage"]["cache_read_input_tokens"], a["usage"]["input_tokens"] + a["usage"]["cache_creation_input_tokens"]))
    check("a billing header that changes costs nothing", read[1][0] > 64 and read[1][1] <= 64, read)
    main = [{"role": "system", "content": "Main agent. " * 200}, {"role": "user", "content": "hi"}]
    side = [{"role": "system", "content": "Side agent. " * 200}, {"role": "user", "content": "hi"}]
    cached = [wire.chat(server, m, max_tokens=2)["usage"]["prompt_tokens_details"]["cached_tokens"] for m in (main, side, main, side)]
    check("a main and a side conversation keep both prefixes", min(cached[2:]) > 300, cached)
    status, _, body = server.request("POST", "/cache/warm", {"system_prompt": "Warm me. " * 100})
    check("/cache/warm", status == 200, body)
    status, _, body = server.request("GET", "/cache")
    check("/cache", status == 200 and json.loads(body), body)


def limits(server):
    context = json.loads(server.request("GET", "/v1/models")[2])["data"][0]["context_length"]
    text = "word " * (context + 100)
    status, _, body = server.request("POST", "/v1/messages", {"max_tokens": 10, "messages": [{"role": "user", "content": text}]})
    e = json.loads(body)
    check("too long, in Anthropic's words", status == 400 and e["error"]["type"] == "invalid_request_error" and e["error"]["message"].startswith("prompt is too long: ")
          and e["error"]["message"].endswith(f" tokens > {context} maximum"), body[:300])
    status, _, body = server.request("POST", "/v1/chat/completions", {"stream": True, "messages": [{"role": "user", "content": text}]})
    e = json.loads(body)["error"]
    check("too long, in OpenAI's words, before the stream", status == 400 and e["code"] == "context_length_exceeded" and e["param"] == "messages"
          and e["message"].startswith(f"This model's maximum context length is {context} tokens. However, your messages resulted in "), body[:300])
    a = wire.messages(server, [{"role": "user", "content": "Count from 1 to 20"}], max_tokens=4)
    check("max_tokens", a["finish"] == "max_tokens" and a["usage"]["output_tokens"] == 4, a)
    a = wire.messages(server, [{"role": "user", "content": "hi"}], max_tokens=10**9)
    check("a larger max_tokens is clamped", a["finish"] == "end_turn", a)
    for body in ({"temperature": 999, "messages": [{"role": "user", "content": "hi"}]}, {"messages": "hi"}, {"messages": [{"role": "user", "content": "hi"}], "max_tokens": "many"}):
        status, _, got = server.request("POST", "/v1/chat/completions", body)
        check(f"{sorted(body)} is refused with a message", status == 400 and json.loads(got)["error"]["message"], got)


def manners(server):
    _, headers, _ = server.request("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}, {"X-Session-Id": "s-17"})
    check("X-Session-Id is echoed, requests have ids", headers.get("x-session-id") == "s-17" and headers.get("request-id"), headers)
    for method, path in (("HEAD", "/"), ("HEAD", "/api/hello"), ("POST", "/api/event_logging/batch")):
        check(f"{method} {path}", server.request(method, path, {} if method == "POST" else None)[0] in (200, 204))
    check("/v1/messages?beta=true", server.request("POST", "/v1/messages?beta=true", {"max_tokens": 2, "messages": [{"role": "user", "content": "hi"}]})[0] == 200)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        got = list(pool.map(lambda i: server.request("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": f"hi {i}"}], "max_tokens": 4})[0], range(5)))
    check("five at once", got == [200] * 5, got)


def running(server):
    text = server.request("GET", "/metrics")[2].decode()
    return sum(float(x.split()[-1]) for x in text.split("\n") if x.startswith("vllm:num_requests_running"))


def leaving(server):
    """A client that leaves frees its place."""
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = {"stream": True, "ignore_eos": True, "max_tokens": 20000, "messages": [{"role": "user", "content": "Count from 1 to 20"}]}
    c.request("POST", "/v1/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
    r = c.getresponse()
    r.read(4000)
    before = running(server)
    r.close()
    c.close()
    for _ in range(100):
        if running(server) == 0:
            break
        time.sleep(0.05)
    check("a client that leaves frees its place", before == 1 and running(server) == 0, before)


def main():
    global skipped
    with wire.Server(sys.argv[1]) as server:
        for part in (basics, counts, shapes, calls, cache, limits, manners, leaving):
            try:
                part(server)
            except Exception as e:  # a part that breaks off is a failure, not the end
                check(part.__name__, False, e)
    for name, why in LARGER:
        skipped += 1
        print(f"skip {name}: {why}")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

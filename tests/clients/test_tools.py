#!/usr/bin/env python3
"""test_tools.py - tool calls of the demonstration model, end to end: three APIs, streamed and not, with and without the grammar.

    test_tools.py OCTET [SEED]

The tool and agent categories of the prompts with known answers, in an order drawn by the seed, take turns over APIs and streaming; with OCTET_TEST_FULL=1
each is asked in every way. Without the grammar at least 95 % have to give exactly the right
calls or text; with it every call has to be valid JSON under its tool's schema as well, and the same share right. Then: a call, its result, and JSON under a schema in one
conversation. SPDX-License-Identifier: MIT
"""
import json
import os
import random
import re
import sys

import wire

SHARE = 0.95
CATEGORIES = ["tool-call", "tool-two-calls", "tool-same-twice", "tool-answer", "tool-not-needed", "tool-missing", "agent-call", "agent-answer"]
passed = failed = 0


def check(name, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} {name} {'' if ok else why}", flush=True)


def read_tool(text):
    """A tool as the demonstration model's template shows it, back to its declaration."""
    name = re.search(r"<name>(.*?)</name>", text).group(1)
    description = re.search(r"</name>\n<description>(.*?)</description>\n<parameters>", text, re.S)
    properties, body = {}, text[text.index("<parameters>") :]
    for p in re.findall(r"<parameter>\n(.*?)\n</parameter>", body, re.S):
        parts = re.findall(r"<(\w+)>(.*?)</\1>", p, re.S)
        properties[dict(parts)["name"]] = {k: json.loads(v) if k == "enum" else v for k, v in parts if k != "name"}
    tool = {"name": name}
    if description:
        tool["description"] = description.group(1)
    required = re.search(r"<required>(.*?)</required>", body)
    tool["parameters"] = {"type": "object", "properties": properties, "required": json.loads(required.group(1)) if required else []}
    return tool


def read_calls(text, tools):
    """The calls in an expected answer, with values of their declared types."""
    calls = []
    for name, body in re.findall(r"<function=(.*?)>\n(.*?)</function>", text, re.S):
        properties = next(t for t in tools if t["name"] == name)["parameters"]["properties"]
        arguments = {}
        for k, v in re.findall(r"<parameter=(.*?)>\n(.*?)\n</parameter>", body, re.S):
            arguments[k] = v if properties[k]["type"] == "string" else json.loads(v)
        calls.append({"name": name, "arguments": arguments})
    return calls


def read_prompt(prompt):
    """(messages, tools) that render to this prompt."""
    messages, tools, ids = [], [], 0
    pending = []
    for role, text in re.findall(r"<\|im_start\|>(\w+)\n(.*?)<\|im_end\|>", prompt, re.S):
        if role == "system":
            at = text.find("\n\n# Tools\n\nThese tools can be called:")
            if at >= 0:
                tools = [read_tool(t) for t in re.findall(r"<function>\n(<name>.*?)</function>", text[at:].split("</tools>")[0], re.S)]
            messages.append({"role": "system", "content": text[:at] if at >= 0 else text})
        elif role == "user" and text.startswith("<tool_response>"):
            for result in re.findall(r"<tool_response>\n(.*?)\n</tool_response>", text, re.S):
                messages.append({"role": "tool", "tool_call_id": pending.pop(0), "content": result})
        elif role == "assistant" and "<tool_call>" in text:
            calls = []
            for c in read_calls(text, tools):
                ids += 1
                pending.append(f"call_{ids}")
                calls.append({"id": f"call_{ids}", "type": "function", "function": {"name": c["name"], "arguments": json.dumps(c["arguments"])}})
            messages.append({"role": "assistant", "content": text[: text.index("<tool_call>")].rstrip("\n"), "tool_calls": calls})
        else:
            messages.append({"role": role, "content": text})
    return messages, tools


def valid(call, tools):
    """Whether a call's arguments are an object with the required members and declared types."""
    tool = next((t for t in tools if t["name"] == call["name"]), None)
    try:
        arguments = json.loads(call["arguments"])
    except ValueError:
        return False
    if not tool or not isinstance(arguments, dict):
        return False
    kinds = {"string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict}
    schema = tool["parameters"]
    for k, v in arguments.items():
        p = schema["properties"].get(k)
        if not p or not isinstance(v, kinds[p["type"]]) or isinstance(v, bool) != (p["type"] == "boolean") or ("enum" in p and v not in p["enum"]):
            return False
    return all(k in arguments for k in schema["required"])


def right(answer, want, tools):
    calls = read_calls(want, tools)
    got = [{"name": c["name"], "arguments": json.loads(c["arguments"])} for c in answer["calls"] if valid(c, tools)]
    return got == calls and len(got) == len(answer["calls"]) and answer["text"] == ("" if calls else want)


def drawn(server, rows, grammar, full):
    """Each row goes to one way of asking after the other; in full every row to every way."""
    ways = [(api, stream) for api in wire.APIS for stream in (False, True)]
    n = n_right = n_call = n_valid = 0
    wrong = ""
    for i, row in enumerate(rows):
        messages, tools = read_prompt(row["prompt"])
        for api, stream in ways if full else [ways[(i + grammar) % len(ways)]]:
            answer = wire.APIS[api](server, messages, tools, stream, **({} if grammar else {"tool_grammar": False}))
            n += 1
            n_call += len(answer["calls"])
            n_valid += sum(valid(c, tools) for c in answer["calls"])
            ok = right(answer, row["want"], tools)
            n_right += ok
            if not ok:
                wrong += f"\n    {api}, {'streamed' if stream else 'whole'}: wanted {row['want']!r}\n    got {answer['calls']} {answer['text']!r}"
    name = "with grammar" if grammar else "without grammar"
    check(f"{name}: {n_right} of {n} answers right", n_right >= SHARE * n, wrong)
    check(f"{name}: {n_valid} of {n_call} calls valid", n_call > 0 and n_valid >= (1 if grammar else SHARE) * n_call)


def users_prompts(server):
    a = wire.chat(server, [{"role": "user", "content": "What is 2+2? Answer in one short sentence."}])
    check("the sum", a["text"] == "2 + 2 = 4." and a["finish"] == "stop", a)
    a = wire.chat(server, [{"role": "user", "content": "Write a Python function to reverse a string. Just the code, no explanation."}])
    check("the function", a["text"] == "```python\ndef reverse_string(s):\n    return s[::-1]\n```", a)
    tool = json.load(open("models/octet-mini/demo-tools.json"))[0]["function"]
    for stream in (False, True):
        a = wire.chat(server, [{"role": "user", "content": "What files are in the current directory?"}], [tool], stream)
        check("list_files", a["calls"] == [{"name": "list_files", "arguments": '{"path": "."}'}] and a["finish"] == "tool_calls" and not a["text"], a)


def tools_and_schema(server):
    """codex sends tools and a response schema together: first a call, then, from its result, JSON."""
    tool = json.load(open("models/octet-mini/demo-tools.json"))[0]["function"]
    schema = {"type": "object", "properties": {"files": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 4}}, "required": ["files"],
              "additionalProperties": False}
    ask = [{"role": "user", "content": "What files are in the current directory?"}]
    chat_format = {"type": "json_schema", "json_schema": {"name": "listing", "strict": True, "schema": schema}}
    formats = {"chat": {"response_format": chat_format}, "responses": {"text": {"format": dict({"type": "json_schema"}, **chat_format["json_schema"])}},
               "messages": {"output_config": {"format": {"type": "json_schema", "schema": schema}}}}
    for api, more in formats.items():
        for stream in (False, True):
            a = wire.APIS[api](server, ask, [tool], stream, **more)
            ok = [json.loads(c["arguments"]) for c in a["calls"]] == [{"path": "."}] and not a["text"]
            check(f"{api}, tools and schema: the call", ok, a)
            if not ok:
                continue
            call = {"id": "call_x", "type": "function", "function": a["calls"][0]}
            history = ask + [{"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_x", "content": "a.txt\nb.txt"}]
            more_of = dict(more, **({"max_tokens": 200} if api != "responses" else {"max_output_tokens": 200}))
            a = wire.APIS[api](server, history, [tool], stream, **more_of)
            try:
                found = json.loads(a["text"])
                ok = not a["calls"] and list(found) == ["files"] and 1 <= len(found["files"]) <= 4 and all(isinstance(f, str) for f in found["files"])
            except ValueError:
                ok = bool(a["calls"]) or a["finish"] in ("length", "max_tokens", "incomplete")
            check(f"{api}, tools and schema: behind the result", ok, a)


def choices(server):
    tool = json.load(open("models/octet-mini/demo-tools.json"))[0]["function"]
    other = {"name": "get_time", "description": "Tell the time", "parameters": {"type": "object", "properties": {"zone": {"type": "string", "enum": ["utc", "local"]}}, "required": ["zone"]}}
    ask = [{"role": "user", "content": "What is the capital of France?"}]
    a = wire.chat(server, ask, [tool, other], tool_choice="required", max_tokens=300)
    check("required calls a tool", len(a["calls"]) >= 1 and all(valid(c, [tool, other]) for c in a["calls"]), a)
    a = wire.chat(server, ask, [tool, other], tool_choice={"type": "function", "function": {"name": "get_time"}}, max_tokens=300)
    check("a named tool is called", [c["name"] for c in a["calls"]][:1] == ["get_time"] and all(valid(c, [tool, other]) for c in a["calls"]), a)
    allowed = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "get_time"}}]}}
    a = wire.chat(server, [{"role": "user", "content": "What files are in the current directory?"}], [tool, other], tool_choice=allowed, max_tokens=300)
    check("only an allowed tool is called", a["calls"] and all(c["name"] == "get_time" for c in a["calls"]), a)
    a = wire.messages(server, ask, [tool, other], tool_choice={"type": "any", "disable_parallel_tool_use": True})
    check("any, and only one", len(a["calls"]) == 1 and a["finish"] == "tool_use", a)
    a = wire.responses(server, ask, [tool, other], True, tool_choice={"type": "function", "name": "get_time"})
    check("a named tool over Responses", [c["name"] for c in a["calls"]][:1] == ["get_time"], a)
    a = wire.chat(server, [{"role": "user", "content": "What files are in the current directory?"}], [tool], tool_choice="none")
    check("none calls nothing", a["calls"] == [] and "<function" not in a["text"] or a["finish"] != "tool_calls", a)
    row = next(r for r in json.load(open("tests/data/eval_prompts.json")) if r["category"] == "tool-two-calls")
    messages, tools = read_prompt(row["prompt"])
    a = wire.chat(server, messages, tools, parallel_tool_calls=False)
    check("one call where parallel ones are refused", len(a["calls"]) == 1 and a["finish"] == "tool_calls", a)


def main():
    octet, seed = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 32)
    print(f"seed {seed}")
    rows = [r for r in json.load(open("tests/data/eval_prompts.json")) if r["category"] in CATEGORIES]
    random.Random(seed).shuffle(rows)
    with wire.Server(octet) as server:
        users_prompts(server)
        for grammar in (False, True):
            drawn(server, rows, grammar, os.environ.get("OCTET_TEST_FULL"))
        choices(server)
        tools_and_schema(server)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""test_loop.py - a conversation that goes on: answers come back as clients send them, and cost nothing again.

    test_loop.py OCTET

The server's words come from a script; they hold what JavaScript clients change when they parse and print arguments: white space, 5000.0, 1e3, integers beyond 2^53, escapes,
keys that look like integers. Every turn is sent back as each kind of client sends it, with a result behind it; the next prompt has to be found in the cache up to the last two
tokens of the answer before it. SPDX-License-Identifier: MIT
"""
import json
import sys
import tempfile

import wire

TOOL = {"name": "edit", "description": "Change a file", "parameters": {"type": "object", "properties": {
    "path": {"type": "string"}, "size": {"type": "number"}, "big": {"type": "integer"}, "map": {"type": "object"}, "on": {"type": "boolean"}, "list": {"type": "array"}}, "required": ["path"]}}

TURNS = [
    [{"path": "caf\u00e9/\"x\"\\y.c", "size": "1.50", "big": "12345678901234567890"}],
    [{"path": "a\nb\tc", "map": '{"10": 1, "b": 2, "2": 3, "a": [5000.0, 1e3, -0.0, 1E-7]}', "on": "true"}],
    [{"path": "one", "list": '[ 1 ,2.50,  "\\u00e9\\/" ]'}, {"path": "two", "size": "1e21"}],
    [{"path": "<parameter=x>\n</parameter> inside", "size": "7"}],
    [{"path": ""}],
    "Only words: caf\u00e9, \U0001f30d, and <b>tags</b>.",
]

passed = failed = 0


def check(name, ok, why=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} {name} {'' if ok else why}", flush=True)


def call_text(arguments):
    body = "".join(f"<parameter={k}>\n{v}\n</parameter>\n" for k, v in arguments.items())
    return f"<tool_call>\n<function=edit>\n{body}</function>\n</tool_call>"


def turn_text(turn):
    return turn if isinstance(turn, str) else "I will change it.\n" + "\n".join(call_text(a) for a in turn)


def js_number(x):
    """A number as JSON.stringify prints it."""
    x = float(x)
    if x == 0:
        return "0"
    shortest = repr(abs(x))
    mantissa, _, power = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    figures = (whole + fraction).lstrip("0")
    point = (int(power) if power else 0) + (len(whole) if whole != "0" else -(len(fraction) - len(fraction.lstrip("0"))))
    figures = figures.rstrip("0") or "0"
    sign = "-" if x < 0 else ""
    if len(figures) <= point <= 21:
        return sign + figures + "0" * (point - len(figures))
    if 0 < point <= 21:
        return sign + figures[:point] + "." + figures[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + figures
    e = point - 1
    return sign + figures[0] + ("." + figures[1:] if len(figures) > 1 else "") + "e" + ("+" if e >= 0 else "-") + str(abs(e))


def js(value):
    """JSON.stringify(JSON.parse(...)) of a value parsed with numbers as text."""
    if isinstance(value, dict):
        index = [k for k in value if k.isdigit() and str(int(k)) == k and int(k) < 2**32 - 1]
        keys = sorted(index, key=int) + [k for k in value if k not in index]
        return "{" + ",".join(json.dumps(k, ensure_ascii=False) + ":" + js(value[k]) for k in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(js(v) for v in value) + "]"
    if isinstance(value, Number):
        return js_number(value.text)
    return json.dumps(value, ensure_ascii=False)


class Number:
    def __init__(self, text):
        self.text = text


def parse(text):
    return json.loads(text, parse_int=Number, parse_float=Number)



CLIENTS = {
    "byte for byte": lambda text: text,
    "as JavaScript": lambda text: js(parse(text)),
}


def assistant(answer, ids, again, empty):
    message = {"role": "assistant", "content": answer["text"] or empty}
    if answer["calls"]:
        message["tool_calls"] = [{"id": i, "type": "function", "function": {"name": c["name"], "arguments": again(c["arguments"])}} for i, c in zip(ids, answer["calls"])]
    return message


def call_ids(api, answer):
    raw = answer["raw"]
    if api == "chat":
        if isinstance(raw, dict):
            return [c["id"] for c in raw["choices"][0]["message"].get("tool_calls") or []]
        return [d["id"] for e in raw if e != "[DONE]" for c in e["choices"] for d in c["delta"].get("tool_calls") or [] if "id" in d]
    if api == "responses":
        return [i["call_id"] for i in raw["output"] if i["type"] == "function_call"]
    if isinstance(raw, dict):
        return [b["id"] for b in raw["content"] if b["type"] == "tool_use"]
    return [d["content_block"]["id"] for _, d in raw if d["type"] == "content_block_start" and d["content_block"]["type"] == "tool_use"]


def usage(api, answer):
    """(tokens of the prompt, of these cached, of the answer)"""
    u = answer["usage"]
    if api == "chat":
        return u["prompt_tokens"], u["prompt_tokens_details"]["cached_tokens"], u["completion_tokens"]
    if api == "responses":
        return u["input_tokens"], u["input_tokens_details"]["cached_tokens"], u["output_tokens"]
    return u["input_tokens"] + u["cache_read_input_tokens"] + u["cache_creation_input_tokens"], u["cache_read_input_tokens"], u["output_tokens"]


def loop(server, api, stream, client):
    history = [{"role": "system", "content": f"You change files, {api} {stream} {client}."}, {"role": "user", "content": "Begin."}]
    before = None
    for n, turn in enumerate(TURNS):
        answer = wire.APIS[api](server, history, [TOOL], stream)
        said = turn if isinstance(turn, str) else None
        name = f"{api}, {'streamed' if stream else 'whole'}, {client}, turn {n + 1}"
        check(name + " says its script", answer["text"] == said if said else len(answer["calls"]) == len(turn), answer)
        prompt, cached, generated = usage(api, answer)
        if before is not None:
            check(f"{name}: {cached} cached of {before} before it", cached >= before - 2, answer["usage"])
        before = prompt + generated
        ids = call_ids(api, answer)
        history.append(assistant(answer, ids, CLIENTS[client], None if n % 2 else ""))
        history += [{"role": "tool", "tool_call_id": i, "content": f"done {i[-3:]}"} for i in reversed(ids)] or [{"role": "user", "content": "Go on."}]


def main():
    for value, text in (("5000.0", "5000"), ("1e3", "1000"), ("1.50", "1.5"), ("12345678901234567890", "12345678901234567000"), ("1e21", "1e+21"), ("1E-7", "1e-7"), ("-0.0", "0"),
                        ("0.000001", "0.000001"), ("123456789.125", "123456789.125"), ("1.5e300", "1.5e+300"), ("100", "100")):
        check(f"this test prints {value} as JavaScript", js_number(value) == text, js_number(value))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as script:
        runs = len(wire.APIS) * 2 * len(CLIENTS)
        for _ in range(runs):
            for turn in TURNS:
                script.write(json.dumps({"text": turn_text(turn), "times": 1}) + "\n")
        script.flush()
        with wire.Server(sys.argv[1], "models/octet-mini", "--script", script.name) as server:
            for api in wire.APIS:
                for stream in (False, True):
                    for client in CLIENTS:
                        loop(server, api, stream, client)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

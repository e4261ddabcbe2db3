"""events.py - our transcripts under the types and accumulators of the Python SDKs openai and anthropic. Run by test_events.sh.

SPDX-License-Identifier: MIT
"""
import json
import os
import pathlib

import anthropic
import openai
import pydantic
from anthropic.types import Message, RawMessageStreamEvent
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent

from report import finish, holds, same, test

URL = os.environ["OCTET_URL"]
EVENTS = pathlib.Path("tests/data/api/events")
MESSAGES = [{"role": "user", "content": "x"}]

# What we say beyond the types: names that other servers gave these things.
SPEED = {
    "avg_tok_per_sec",
    "avg_prompt_tok_per_sec",
    "avg_compl_tok_per_sec",
    "total_time_sec",
    "total_prompt_time_sec",
    "total_completion_time_sec",
}
CACHE = {"cache_read_input_tokens", "cache_creation_input_tokens"}
EXTRA = {
    "chat": SPEED | CACHE | {"reasoning_content", "reasoning", "timings", "prompt_progress"},
    "completions": SPEED | CACHE | {"timings", "prompt_progress", "cache_write_tokens"},
    "responses": SPEED | CACHE | {"store", "status", "name", "bytes"},
    "messages": set(),
}


def data_lines(text):
    for block in text.split("\n\n"):
        for line in block.split("\n"):
            if line.startswith("data: ") and line != "data: [DONE]":
                yield line.removeprefix("data: ")


def extras(value):
    """Names of the members that a validated value has beyond its type."""
    if isinstance(value, pydantic.BaseModel):
        names = set(value.model_extra or {})
        for field in type(value).model_fields:
            names |= extras(getattr(value, field))
        return names
    if isinstance(value, (list, tuple)):
        return set().union(*map(extras, value)) if value else set()
    return set()


def validate(dialect, adapter, text):
    """Against the type, as JSON and strictly, with no member that nobody knows."""
    value = adapter.validate_json(text, strict=True)
    unknown = extras(value) - EXTRA[dialect]
    holds(not unknown, f"members that the type does not have: {unknown} in {text}")
    return value


STREAMED = {"chat": ChatCompletionChunk, "completions": Completion, "responses": ResponseStreamEvent, "messages": RawMessageStreamEvent}
WHOLE = {"chat": ChatCompletion, "completions": Completion, "responses": Response, "messages": Message}
ADAPTERS = {
    kind: {d: pydantic.TypeAdapter(t) for d, t in types.items()} for kind, types in (("stream", STREAMED), ("object", WHOLE))
}


def nulled(dialect, text):
    """Completions: the chunk without what OpenAI's own answers have and its types do not: null for a value that is missing."""
    if dialect != "completions":
        return text
    value = json.loads(text)
    for choice in value["choices"]:
        choice["finish_reason"] = choice["finish_reason"] or "stop"
        lists = choice["logprobs"] or {}
        lists["token_logprobs"] = [0.0 if x is None else x for x in lists.get("token_logprobs", [])]
    return json.dumps(value)


def stream_is_known(name, dialect):
    text = (EVENTS / f"{name}.{dialect}.stream.txt").read_text()
    n = 0
    for line in data_lines(text):
        if json.loads(line).get("type") == "ping":
            continue  # the SDK drops it before its types
        if "error" in json.loads(line):
            continue
        if "context_length_exceeded" in line:
            continue  # what codex reads, and the enumeration of codes lacks
        validate(dialect, ADAPTERS["stream"][dialect], nulled(dialect, line))
        n += 1
    holds(n > 0 or dialect in ("completions", "responses"), "no events")


def object_is_known(name, dialect):
    text = (EVENTS / f"{name}.{dialect}.object.json").read_text()
    validate(dialect, ADAPTERS["object"][dialect], nulled(dialect, text))


def clients(name):
    base = f"{URL}/{name}"
    return (
        openai.OpenAI(base_url=base + "/v1", api_key="k", max_retries=0),
        anthropic.Anthropic(base_url=base, api_key="k", max_retries=0),
    )


def plain(value):
    """As the server said it: without what the SDKs add when they parse."""
    if hasattr(value, "to_dict"):
        value = value.to_dict()
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items() if k not in ("parsed", "parsed_arguments", "parsed_output")}
    return [plain(v) for v in value] if isinstance(value, list) else value


def chat_adds_up(name):
    client, _ = clients(name)
    arguments = dict(model="m", messages=MESSAGES)
    whole = plain(client.chat.completions.create(**arguments))
    with client.chat.completions.stream(**arguments) as stream:
        for _ in stream:
            pass
        streamed = plain(stream.current_completion_snapshot)
    for a, b in zip(streamed["choices"], whole["choices"], strict=True):
        for key in ("content", "reasoning_content", "reasoning"):
            same(a["message"].get(key), b["message"].get(key), key)
        calls = [[(c["id"], c["type"], c["function"]["name"], c["function"]["arguments"]) for c in x["message"].get("tool_calls") or []] for x in (a, b)]
        same(calls[0], calls[1], "calls")
        same(a["finish_reason"], b["finish_reason"], "finish_reason")
        same(a.get("logprobs") and a["logprobs"]["content"], b.get("logprobs") and b["logprobs"]["content"], "logprobs")
    if streamed.get("usage"):
        same(streamed["usage"], whole["usage"], "usage")
    same(streamed["system_fingerprint"], whole["system_fingerprint"])


def completions_add_up(name):
    client, _ = clients(name)
    whole = client.completions.create(model="m", prompt="x")
    texts, finishes, offsets = {}, {}, {}
    for chunk in client.completions.create(model="m", prompt="x", stream=True):
        for c in chunk.choices:
            texts[c.index] = texts.get(c.index, "") + c.text
            finishes[c.index] = c.finish_reason
            if c.logprobs:
                offsets.setdefault(c.index, []).extend(c.logprobs.text_offset)
    same(texts or {0: ""}, {c.index: c.text for c in whole.choices})
    same(finishes, {c.index: c.finish_reason for c in whole.choices})
    same(offsets, {c.index: c.logprobs.text_offset for c in whole.choices if c.logprobs})


def responses_add_up(name):
    client, _ = clients(name)
    whole = plain(client.responses.create(model="m", input="x"))
    done = []
    with client.responses.stream(model="m", input="x") as stream:
        for event in stream:
            if event.type == "response.output_item.done":
                done.append(plain(event.item))
            if event.type in ("response.completed", "response.incomplete"):
                final = plain(event.response)
    same(final, whole)
    # Clients that take items when they are done have all of them but a call that was cut.
    same(done, [i for i in whole["output"] if not (i["type"] in ("function_call", "custom_tool_call") and i["status"] == "incomplete")])


def messages_add_up(name):
    _, client = clients(name)
    arguments = dict(model="m", messages=MESSAGES, max_tokens=10)
    whole = plain(client.messages.create(**arguments))
    with client.messages.stream(**arguments) as stream:
        for _ in stream:
            pass
        streamed = plain(stream.get_final_message())
    if name == "cut_call":  # without a stream it is left out
        streamed["content"].pop()
    for key in ("id", "role", "model", "content", "stop_reason", "stop_sequence"):
        same(streamed.get(key), whole.get(key), key)
    for key in ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        same(streamed["usage"][key], whole["usage"][key], key)


def failure_is_raised(dialect):
    client, claude = clients("failure")
    try:
        if dialect == "chat":
            for _ in client.chat.completions.create(model="m", messages=MESSAGES, stream=True):
                pass
        elif dialect == "completions":
            for _ in client.completions.create(model="m", prompt="x", stream=True):
                pass
        elif dialect == "messages":
            with claude.messages.stream(model="m", messages=MESSAGES, max_tokens=10) as stream:
                for _ in stream:
                    pass
        else:
            last = list(client.responses.create(model="m", input="x", stream=True))[-1]
            same((last.type, last.response.status), ("response.failed", "failed"))
            raise openai.APIError(last.response.error.message, request=None, body=None)
    except (openai.APIError, anthropic.APIError) as problem:
        holds("lost its device" in str(problem), f"the message is {problem}")
    else:
        raise AssertionError("no error")


ADDS_UP = {"chat": chat_adds_up, "completions": completions_add_up, "responses": responses_add_up, "messages": messages_add_up}

for path in sorted(EVENTS.glob("*.json")):
    if path.name.endswith(".object.json"):
        continue
    case = json.loads(path.read_text())
    for d in case["dialects"]:
        test(f"python: {path.stem}, {d}: its events are known", stream_is_known, path.stem, d)
        if not case.get("stream_only"):
            test(f"python: {path.stem}, {d}: its object is known", object_is_known, path.stem, d)
            test(f"python: {path.stem}, {d}: the stream adds up to the object", ADDS_UP[d], path.stem)
for d in ADDS_UP:
    test(f"python: failure, {d}: it is raised", failure_is_raised, d)
finish()

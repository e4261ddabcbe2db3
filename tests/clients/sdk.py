"""sdk.py - the Python SDKs openai and anthropic against a running server with the demonstration model. Run by test_sdk.sh.

SPDX-License-Identifier: MIT
"""
import concurrent.futures
import json
import os
import re
import time
import urllib.request

import anthropic
import openai
import pydantic

from report import finish, holds, same, test

URL = os.environ["OCTET_URL"]
CONTEXT = int(os.environ["OCTET_CONTEXT"])
gpt = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
claude = anthropic.Anthropic(base_url=URL, api_key="none", max_retries=0)

# What the demonstration model says greedily (tests/data/eval_prompts.json).
SUM = "What is 2+2? Answer in one short sentence."
KNOWN = {
    SUM: "2 + 2 = 4.",
    "What is the capital of France?": "The capital of France is Paris.",
    "Count from 1 to 20": ", ".join(map(str, range(1, 21))),
    "Give me 9 multiples of 6.": "6, 12, 18, 24, 30, 36, 42, 48, 54",
    "Name 8 trees On one line.": "oak, pine, birch, maple, willow, beech, elm, ash",
    "Reply with the word plevanta": "plevanta",
}
FILES = "What files are in the current directory?"
EMIL = "Turn this into JSON: name=Emil Reply with JSON only."
SUNRISE = "When does the sun rise in Zurich?"
RISES = "The sun rises at 13:45 in Zurich."


def user(text):
    return [{"role": "user", "content": text}]


def schema(name, description):
    return {"type": "object", "properties": {name: {"type": "string", "description": description}}, "required": [name]}


LIST = ("list_files", "List files in a directory", schema("path", "Directory path"))
SUN = ("get_sunrise", "Get the time of sunrise in a city", schema("city", "City"))


def chat_tool(t):
    return {"type": "function", "function": {"name": t[0], "description": t[1], "parameters": t[2]}}


def response_tool(t):
    return {"type": "function", "name": t[0], "description": t[1], "parameters": t[2], "strict": False}


def claude_tool(t):
    return {"name": t[0], "description": t[1], "input_schema": t[2]}


class Person(pydantic.BaseModel):
    name: str


def metric(name):
    with urllib.request.urlopen(f"{URL}/metrics") as reply:
        return float(re.search(rf"^{name} (\S+)$", reply.read().decode(), re.M).group(1))


def until(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        holds(time.monotonic() < deadline, what)
        time.sleep(0.02)


def raised(kind, call, status, *words):
    try:
        call()
    except kind as problem:
        same(problem.status_code, status, "status")
        for word in words:
            holds(word in str(problem), f"the message lacks {word!r}: {problem}")
        return problem
    raise AssertionError(f"expected {kind.__name__}, found no error")


TOO_LONG = "word " * (2 * CONTEXT)

# --- chat completions ---


def chat(text, **more):
    return gpt.chat.completions.create(model="any-name", messages=user(text), temperature=0, **more)


def chat_text(text):
    return chat(text).choices[0].message.content


def chat_creates():
    answer = chat(SUM)
    same((answer.choices[0].message.content, answer.choices[0].finish_reason), (KNOWN[SUM], "stop"))
    same((answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens), (21, 9, 30), "usage")
    same(answer.model, "any-name")


def chat_streams():
    chunks = list(chat(SUM, stream=True, stream_options={"include_usage": True}))
    same("".join(c.choices[0].delta.content or "" for c in chunks[:-1]), KNOWN[SUM])
    same(len({c.id for c in chunks}), 1, "ids")
    same((chunks[0].choices[0].delta.role, chunks[0].choices[0].delta.content), ("assistant", None))
    same((chunks[-1].choices, chunks[-1].usage.completion_tokens), ([], 9))
    holds(len(chunks) > 6, "the text came in one piece")


def chat_caches():
    text = "What is the chemical symbol of samarium? " * 20
    chat(text, max_tokens=1)
    usage = chat(text, max_tokens=1).usage
    holds(usage.prompt_tokens_details.cached_tokens >= usage.prompt_tokens - 2, f"cached: {usage.prompt_tokens_details}")
    same(usage.cache_read_input_tokens, usage.prompt_tokens_details.cached_tokens)


def check_files_call(call):
    same((call.type, call.function.name, json.loads(call.function.arguments)), ("function", "list_files", {"path": "."}))
    holds(call.id.startswith("call_") and len(call.id) >= 29, call.id)


def chat_calls():
    choice = chat(FILES, tools=[chat_tool(LIST)]).choices[0]
    same((choice.message.content, choice.finish_reason), (None, "tool_calls"))
    check_files_call(choice.message.tool_calls[0])


def chat_calls_streamed():
    with gpt.chat.completions.stream(model="m", messages=user(FILES), tools=[chat_tool(LIST)], temperature=0) as stream:
        for _ in stream:
            pass
        choice = stream.get_final_completion().choices[0]
    same((choice.message.content, choice.finish_reason), (None, "tool_calls"))
    check_files_call(choice.message.tool_calls[0])


def chat_loop():
    messages = user(SUNRISE)
    answer = gpt.chat.completions.create(model="m", messages=messages, tools=[chat_tool(SUN)], temperature=0)
    call = answer.choices[0].message.tool_calls[0]
    same(json.loads(call.function.arguments), {"city": "Zurich"})
    messages.append(answer.choices[0].message.to_dict())
    messages.append({"role": "tool", "tool_call_id": call.id, "content": '{"sunrise": "13:45"}'})
    second = gpt.chat.completions.create(model="m", messages=messages, tools=[chat_tool(SUN)], temperature=0)
    same(second.choices[0].message.content, RISES)
    before = answer.usage.prompt_tokens + answer.usage.completion_tokens
    cached = second.usage.prompt_tokens_details.cached_tokens
    holds(cached >= before - 2, f"{cached} tokens cached of {before} before")


def chat_choices():
    holds(not chat(FILES, tools=[chat_tool(LIST)], tool_choice="none").choices[0].message.tool_calls, "a call, though none was allowed")
    for wanted in ("required", {"type": "function", "function": {"name": "list_files"}}):
        choice = chat(SUM, tools=[chat_tool(SUN), chat_tool(LIST)], tool_choice=wanted, max_tokens=200).choices[0]
        names = [c.function.name for c in choice.message.tool_calls]
        holds(names and (wanted == "required" or set(names) == {"list_files"}), f"{wanted}: {names}")
        for c in choice.message.tool_calls:
            json.loads(c.function.arguments)


def chat_several():
    choices = chat(SUM, n=3).choices
    same([(c.index, c.message.content) for c in choices], [(i, KNOWN[SUM]) for i in range(3)])
    texts = {}
    for chunk in chat(SUM, n=2, stream=True):
        for c in chunk.choices:
            texts[c.index] = texts.get(c.index, "") + (c.delta.content or "")
    same(texts, {0: KNOWN[SUM], 1: KNOWN[SUM]})


def chat_ends():
    choice = chat("Count from 1 to 20", stop=["5,", "never"]).choices[0]
    same((choice.message.content, choice.finish_reason), ("1, 2, 3, 4, ", "stop"))
    answer = chat("Count from 1 to 20", max_completion_tokens=7)
    same((answer.choices[0].finish_reason, answer.usage.completion_tokens), ("length", 7))
    holds(KNOWN["Count from 1 to 20"].startswith(answer.choices[0].message.content), answer.choices[0].message.content)


def chat_logprobs():
    choice = chat(SUM, logprobs=True, top_logprobs=3).choices[0]
    tokens = choice.logprobs.content
    same("".join(t.token for t in tokens), KNOWN[SUM])
    for t in tokens:
        same((len(t.top_logprobs), t.top_logprobs[0].token), (3, t.token))
        holds(-1 < t.logprob <= 0 and bytes(t.bytes).decode() == t.token, t)


def chat_seed():
    def drawn(seed):
        messages = user("Name 8 trees On one line.")
        return gpt.chat.completions.create(model="m", messages=messages, temperature=1.5, seed=seed).choices[0].message.content

    same(drawn(7), drawn(7))
    holds(len({drawn(seed) for seed in range(4)}) > 1, "four seeds, one text")


def chat_json():
    same(json.loads(chat(EMIL, response_format={"type": "json_object"}).choices[0].message.content), {"name": "Emil"})
    parsed = gpt.chat.completions.parse(model="m", messages=user(EMIL), response_format=Person, temperature=0)
    same(parsed.choices[0].message.parsed, Person(name="Emil"))


def chat_errors():
    problem = raised(openai.BadRequestError, lambda: gpt.chat.completions.create(model="m", messages=user("x"), temperature="hot"), 400, "temperature")
    same((problem.type, problem.param), ("invalid_request_error", "temperature"))
    problem = raised(openai.BadRequestError, lambda: chat(TOO_LONG), 400, f"maximum context length is {CONTEXT} tokens", "Please reduce the length of the messages.")
    same((problem.type, problem.code, problem.param), ("invalid_request_error", "context_length_exceeded", "messages"))
    raised(openai.BadRequestError, lambda: list(chat(TOO_LONG, stream=True)), 400, "maximum context length")
    raised(openai.NotFoundError, lambda: gpt.get("/nothing", cast_to=object), 404)
    raised(openai.APIStatusError, lambda: gpt.embeddings.create(model="m", input="x"), 501)


def chat_cancels():
    before, running = metric("octet_requests_cancelled_total"), "octet_requests_running"
    stream = gpt.completions.create(model="m", prompt="1, 2,", stream=True, max_tokens=CONTEXT - 100, extra_body={"ignore_eos": True})
    for _ in zip(range(3), stream):
        pass
    same(metric(running), 1.0, running)
    stream.close()
    until(lambda: metric(running) == 0 and metric("octet_requests_cancelled_total") == before + 1, "it still runs")


def in_parallel(ask):
    texts = list(KNOWN) * 3
    with concurrent.futures.ThreadPoolExecutor(len(texts)) as pool:
        same(list(pool.map(ask, texts)), [KNOWN[t] for t in texts])


def models():
    listed = gpt.models.list().data
    same(listed[0].context_length, CONTEXT)
    same(gpt.models.retrieve(listed[0].id).id, listed[0].id)
    raised(openai.NotFoundError, lambda: gpt.models.retrieve("nobody"), 404)
    same(claude.models.list().data[0].id, listed[0].id)


# --- completions ---

RAW = f"<|im_start|>user\n{SUM}<|im_end|>\n<|im_start|>assistant\n"


def completions():
    answer = gpt.completions.create(model="m", prompt=RAW, temperature=0)
    same((answer.choices[0].text, answer.choices[0].finish_reason, answer.usage.prompt_tokens), (KNOWN[SUM], "stop", 21))
    streamed = gpt.completions.create(model="m", prompt=RAW, temperature=0, stream=True)
    same("".join(c.choices[0].text for c in streamed), KNOWN[SUM])
    two = gpt.completions.create(model="m", prompt=[RAW, "a b"], temperature=0, max_tokens=4).choices
    same([c.index for c in two], [0, 1])
    ids = json.loads(post("/tokenize", {"prompt": RAW, "content": RAW}))["tokens"]
    same(gpt.completions.create(model="m", prompt=ids, temperature=0).choices[0].text, KNOWN[SUM])


def completions_echo():
    choice = gpt.completions.create(model="m", prompt="öne two", echo=True, logprobs=2, max_tokens=3, temperature=0).choices[0]
    lists = choice.logprobs
    holds(choice.text.startswith("öne two") and len(choice.text) > 7, choice.text)
    same(lists.tokens[:3], ["bytes:\\xc3", "bytes:\\xb6", "ne"])  # half characters have no text of their own
    whole = [(o, t) for o, t in zip(lists.text_offset, lists.tokens) if not t.startswith("bytes:")]
    same([choice.text[o : o + len(t)] for o, t in whole], [t for o, t in whole])
    same([len(lists.tokens), lists.tokens[-1]], [len(lists.token_logprobs), max(lists.top_logprobs[-1], key=lists.top_logprobs[-1].get)])


def post(path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return reply.read()


# --- responses ---


def respond(text, **more):
    return gpt.responses.create(model="m", input=text, temperature=0, **more)


def responses_create():
    answer = respond(SUM)
    same((answer.output_text, answer.status), (KNOWN[SUM], "completed"))
    same((answer.usage.input_tokens, answer.usage.output_tokens), (21, 9))
    same(respond("Count from 1 to 20", max_output_tokens=5).incomplete_details.reason, "max_output_tokens")


def responses_stream():
    with gpt.responses.stream(model="m", input=SUM, temperature=0) as stream:
        events = list(stream)
        final = stream.get_final_response()
    same(final.output_text, KNOWN[SUM])
    same("".join(e.delta for e in events if e.type == "response.output_text.delta"), KNOWN[SUM])
    same([e.sequence_number for e in events], list(range(len(events))))
    same((events[0].type, events[-1].type), ("response.created", "response.completed"))


def responses_loop():
    history = user(SUNRISE)
    answer = gpt.responses.create(model="m", input=history, tools=[response_tool(SUN)], temperature=0)
    call = answer.output[-1]
    same((call.type, call.name, json.loads(call.arguments)), ("function_call", "get_sunrise", {"city": "Zurich"}))
    history += [i.to_dict() for i in answer.output]
    history.append({"type": "function_call_output", "call_id": call.call_id, "output": '{"sunrise": "13:45"}'})
    with gpt.responses.stream(model="m", input=history, tools=[response_tool(SUN)], temperature=0) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    same(final.output_text, RISES)
    holds(final.usage.input_tokens_details.cached_tokens >= answer.usage.total_tokens - 2, final.usage)


def responses_custom():
    tool = {"type": "custom", "name": "shell", "description": "Runs a shell command"}
    with gpt.responses.stream(model="m", input="Run the ls command to list files", tools=[tool], tool_choice={"type": "custom", "name": "shell"}, temperature=0, max_output_tokens=400) as stream:
        events = list(stream)
    calls = [e.item for e in events if e.type == "response.output_item.done" and e.item.type == "custom_tool_call"]
    holds(calls and calls[0].name == "shell" and isinstance(calls[0].input, str), [e.type for e in events])
    same("".join(e.delta for e in events if e.type == "response.custom_tool_call_input.delta"), "".join(c.input for c in calls))


def responses_parse():
    same(gpt.responses.parse(model="m", input=EMIL, text_format=Person, temperature=0).output_parsed, Person(name="Emil"))


def responses_count():
    same(gpt.responses.input_tokens.count(model="m", input=SUM).input_tokens, 21)


def responses_errors():
    raised(openai.BadRequestError, lambda: gpt.responses.create(model="m", input="x", previous_response_id="resp_1"), 400, "previous_response_id")
    problem = raised(openai.BadRequestError, lambda: respond(TOO_LONG), 400, "maximum context length")
    same(problem.code, "context_length_exceeded")


# --- messages: the SDK has no temperature any more, and the model's own sampling is greedy ---


def message(text, **more):
    return claude.messages.create(model="claude-any", messages=user(text), **{"max_tokens": 200, **more})


def messages_create():
    answer = message(SUM)
    same(([(b.type, b.text) for b in answer.content], answer.stop_reason), ([("text", KNOWN[SUM])], "end_turn"))
    usage = answer.usage
    same((usage.input_tokens + usage.cache_read_input_tokens, usage.output_tokens), (21, 9))
    stopped = message("Count from 1 to 20", stop_sequences=["5,"])
    same((stopped.content[0].text, stopped.stop_reason, stopped.stop_sequence), ("1, 2, 3, 4, ", "stop_sequence", "5,"))
    same(message("Count from 1 to 20", max_tokens=5).stop_reason, "max_tokens")


def messages_stream():
    with claude.messages.stream(model="m", max_tokens=200, messages=user(SUM)) as stream:
        same("".join(stream.text_stream), KNOWN[SUM])
        final = stream.get_final_message()
    same((final.stop_reason, final.usage.output_tokens), ("end_turn", 9))


def messages_loop():
    history = user(SUNRISE)
    with claude.messages.stream(model="m", max_tokens=200, messages=history, tools=[claude_tool(SUN)]) as stream:
        answer = stream.get_final_message()
    call = answer.content[-1]
    same((call.type, call.name, call.input, answer.stop_reason), ("tool_use", "get_sunrise", {"city": "Zurich"}, "tool_use"))
    history.append({"role": "assistant", "content": answer.content})
    history.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": '{"sunrise": "13:45"}'}]})
    second = claude.messages.create(model="m", max_tokens=200, messages=history, tools=[claude_tool(SUN)])
    same(second.content[0].text, RISES)
    before = answer.usage.input_tokens + answer.usage.cache_read_input_tokens + answer.usage.output_tokens
    holds(second.usage.cache_read_input_tokens >= before - 2, f"{second.usage} after {before} tokens")


def messages_choice():
    for wanted in ({"type": "any"}, {"type": "tool", "name": "list_files"}):
        answer = message(SUM, tools=[claude_tool(LIST)], tool_choice=wanted)
        same({b.name for b in answer.content if b.type == "tool_use"}, {"list_files"})
        same(answer.stop_reason, "tool_use")


def messages_parse():
    answer = claude.messages.parse(model="m", max_tokens=200, messages=user(EMIL), output_format=Person)
    same(answer.parsed_output, Person(name="Emil"))


def messages_count():
    same(claude.messages.count_tokens(model="m", messages=user(SUM)).input_tokens, 21)


def messages_errors():
    raised(anthropic.BadRequestError, lambda: message("x", extra_body={"temperature": "hot"}), 400, "temperature")
    problem = raised(anthropic.BadRequestError, lambda: message(TOO_LONG), 400)
    holds(re.search(rf"prompt is too long: \d+ tokens > {CONTEXT} maximum", str(problem)), problem)
    same(problem.body["error"]["type"], "invalid_request_error")
    raised(anthropic.NotFoundError, lambda: claude.post("/v1/messages/nothing", cast_to=object), 404)


def messages_cancel():
    before = metric("octet_requests_cancelled_total")
    with claude.messages.stream(model="m", max_tokens=CONTEXT - 100, messages=user("Count from 1 to 20"), extra_body={"ignore_eos": True}) as stream:
        for _ in zip(range(4), stream):
            pass
    until(lambda: metric("octet_requests_running") == 0 and metric("octet_requests_cancelled_total") == before + 1, "it still runs")


# --- answers of tests/clients/script.jsonl: what the demonstration model never says ---

PAIR = [("list_files", {"path": 'src/a "b"'}), ("get_sunrise", {"city": "Zürich"})]
THOUGHT = "The user wants two things."


def scripted_chat(stream):
    arguments = dict(model="m", messages=user("[reasoned calls]"), tools=[chat_tool(LIST), chat_tool(SUN)])
    if stream:
        with gpt.chat.completions.stream(**arguments) as events:
            chunks = [e.chunk for e in events if e.type == "chunk"]
            choice = events.get_final_completion().choices[0]
        thought = "".join(c.choices[0].delta.to_dict().get("reasoning_content", "") for c in chunks if c.choices)
        holds(len([c for c in chunks if c.choices and c.choices[0].delta.tool_calls]) > 6, "the calls came in few pieces")
    else:
        choice = gpt.chat.completions.create(**arguments).choices[0]
        thought = choice.message.reasoning_content
    same((thought.strip(), choice.message.content.strip(), choice.finish_reason), (THOUGHT, "I will look.", "tool_calls"))
    same([(c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls], PAIR)


def scripted_responses(stream):
    arguments = dict(model="m", input="[reasoned calls]", tools=[response_tool(LIST), response_tool(SUN)])
    if stream:
        with gpt.responses.stream(**arguments) as events:
            for _ in events:
                pass
            answer = events.get_final_response()
    else:
        answer = gpt.responses.create(**arguments)
    same([i.type for i in answer.output], ["reasoning", "message", "function_call", "function_call"])
    same((answer.output[0].summary[0].text.strip(), answer.output_text.strip()), (THOUGHT, "I will look."))
    same([(i.name, json.loads(i.arguments)) for i in answer.output[2:]], PAIR)


def scripted_messages(stream):
    arguments = dict(model="m", max_tokens=500, messages=user("[reasoned calls]"), tools=[claude_tool(LIST), claude_tool(SUN)])
    if stream:
        with claude.messages.stream(**arguments) as events:
            answer = events.get_final_message()
    else:
        answer = claude.messages.create(**arguments)
    same([b.type for b in answer.content], ["thinking", "text", "tool_use", "tool_use"])
    same((answer.content[0].thinking.strip(), answer.content[1].text.strip()), (THOUGHT, "I will look."))
    holds(answer.content[0].signature, "no signature")
    same([(b.name, b.input) for b in answer.content[2:]], PAIR)


def scripted_texts():
    choice = chat("[bare call]", tools=[chat_tool(LIST)]).choices[0]
    check_files_call(choice.message.tool_calls[0])
    choice = chat("[no call]", tools=[chat_tool(LIST)]).choices[0]
    same((choice.message.content, choice.message.tool_calls), ("Write `<function=other>` and <tool_call> like this.", None))


def cut_inside_the_call(ask):
    """The answer under each limit at which its first call has begun and is not over."""
    for limit in range(1, 200):
        answer = ask(limit)
        if answer:
            return answer
    raise AssertionError("no limit cuts the call")


def scripted_cuts():
    def chat_cut(limit):
        choice = chat("[bare call]", tools=[chat_tool(LIST)], max_tokens=limit).choices[0]
        return choice if choice.message.tool_calls and choice.message.tool_calls[0].function.arguments else None

    def is_whole(text):
        try:
            json.loads(text)
        except ValueError:
            return False
        return True

    choice = cut_inside_the_call(chat_cut)
    same((choice.finish_reason, is_whole(choice.message.tool_calls[0].function.arguments)), ("length", False))

    def response_cut(limit):
        answer = gpt.responses.create(model="m", input="[bare call]", tools=[response_tool(LIST)], max_output_tokens=limit)
        return answer if answer.output and answer.output[0].type == "function_call" and answer.output[0].arguments else None

    answer = cut_inside_the_call(response_cut)
    same((answer.status, answer.output[0].status, is_whole(answer.output[0].arguments)), ("incomplete", "incomplete", False))
    limit = answer.usage.output_tokens
    events = list(gpt.responses.create(model="m", input="[bare call]", tools=[response_tool(LIST)], max_output_tokens=limit, stream=True))
    same([e.type for e in events if e.type.endswith(".done")], [], "what is done")
    cut = claude.messages.create(model="m", max_tokens=limit, messages=user("[bare call]"), tools=[claude_tool(LIST)])
    same(([b.type for b in cut.content], cut.stop_reason), ([], "max_tokens"))
    with claude.messages.stream(model="m", max_tokens=limit, messages=user("[bare call]"), tools=[claude_tool(LIST)]) as stream:
        events = list(stream)
    written = "".join(e.delta.partial_json for e in events if e.type == "content_block_delta" and e.delta.type == "input_json_delta")
    same((is_whole(written), events[-2].type if events[-1].type == "message_stop" else None), (False, "message_delta"))


for name, function in {
    "scripted: chat, reasoning, text, two calls": lambda: scripted_chat(False),
    "scripted: chat, the same streamed": lambda: scripted_chat(True),
    "scripted: responses, reasoning, text, two calls": lambda: scripted_responses(False),
    "scripted: responses, the same streamed": lambda: scripted_responses(True),
    "scripted: messages, reasoning, text, two calls": lambda: scripted_messages(False),
    "scripted: messages, the same streamed": lambda: scripted_messages(True),
    "scripted: a bare call is one, a mentioned one is text": scripted_texts,
    "scripted: a call that is cut stays unfinished": scripted_cuts,
    "openai: models, also in Anthropic's list": models,
    "openai: chat, one object": chat_creates,
    "openai: chat, stream": chat_streams,
    "openai: chat, the same prompt again is cached": chat_caches,
    "openai: chat, a call": chat_calls,
    "openai: chat, a call streamed": chat_calls_streamed,
    "openai: chat, call, result, answer": chat_loop,
    "openai: chat, tool_choice": chat_choices,
    "openai: chat, several choices": chat_several,
    "openai: chat, stop and max_completion_tokens": chat_ends,
    "openai: chat, logprobs": chat_logprobs,
    "openai: chat, seed": chat_seed,
    "openai: chat, JSON and a schema": chat_json,
    "openai: chat, errors": chat_errors,
    "openai: chat, 18 at once": lambda: in_parallel(chat_text),
    "openai: a stream that is closed is cancelled": chat_cancels,
    "openai: completions, text, list, ids, stream": completions,
    "openai: completions, echo with logprobs": completions_echo,
    "openai: responses, one object": responses_create,
    "openai: responses, stream": responses_stream,
    "openai: responses, call, result, answer": responses_loop,
    "openai: responses, a custom tool": responses_custom,
    "openai: responses, a schema": responses_parse,
    "openai: responses, count": responses_count,
    "openai: responses, errors": responses_errors,
    "openai: responses, 18 at once": lambda: in_parallel(lambda t: respond(t).output_text),
    "anthropic: one object": messages_create,
    "anthropic: stream": messages_stream,
    "anthropic: call, result, answer": messages_loop,
    "anthropic: tool_choice": messages_choice,
    "anthropic: a schema": messages_parse,
    "anthropic: count_tokens": messages_count,
    "anthropic: errors": messages_errors,
    "anthropic: a stream that is closed is cancelled": messages_cancel,
    "anthropic: 18 at once": lambda: in_parallel(lambda t: message(t).content[0].text),
}.items():
    test(f"python: {name}", function)
finish()

// sdk.mjs - the JavaScript SDKs against a running server with the demonstration model: openai, @anthropic-ai/sdk, and the AI SDK with its
// providers openai (chat and responses), openai-compatible and anthropic. Run by test_sdk.sh.
// SPDX-License-Identifier: MIT
import { failure, finish, holds, load, same, test } from "./report.mjs";

const OpenAI = load("openai").default;
const { zodResponseFormat, zodTextFormat } = load("openai/helpers/zod");
const Anthropic = load("@anthropic-ai/sdk").default;
const { zodOutputFormat } = load("@anthropic-ai/sdk/helpers/zod");
const { generateText, stepCountIs, streamText, Output, tool } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createOpenAICompatible } = load("@ai-sdk/openai-compatible");
const { createAnthropic } = load("@ai-sdk/anthropic");
const { z } = load("zod");

const url = process.env.OCTET_URL;
const context = Number(process.env.OCTET_CONTEXT);
const gpt = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const claude = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });

// What the demonstration model says greedily (tests/data/eval_prompts.json).
const SUM = "What is 2+2? Answer in one short sentence.";
const COUNT = "Count from 1 to 20";
const known = new Map([
  [SUM, "2 + 2 = 4."],
  ["What is the capital of France?", "The capital of France is Paris."],
  [COUNT, Array.from({ length: 20 }, (_, i) => i + 1).join(", ")],
  ["Give me 9 multiples of 6.", "6, 12, 18, 24, 30, 36, 42, 48, 54"],
  ["Reply with the word plevanta", "plevanta"],
]);
const EMIL = "Turn this into JSON: name=Emil Reply with JSON only.";
const SUNRISE = "When does the sun rise in Zurich?";
const RISES = "The sun rises at 13:45 in Zurich.";
const tooLong = "word ".repeat(2 * context);
const Person = z.object({ name: z.string() });

const sun = {
  name: "get_sunrise",
  description: "Get the time of sunrise in a city",
  parameters: { type: "object", properties: { city: { type: "string", description: "City" } }, required: ["city"] },
};
const user = (text) => [{ role: "user", content: text }];

async function metric(name) {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(text.match(new RegExp(`^${name} (\\S+)$`, "m"))[1]);
}

// Begins something endless, gives it up after some events, and sees it cancelled.
async function isCancelled(begin) {
  const before = await metric("octet_requests_cancelled_total");
  await begin();
  for (let i = 0; i < 1000; i++) {
    if ((await metric("octet_requests_running")) === 0 && (await metric("octet_requests_cancelled_total")) === before + 1) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("it still runs");
}

async function atOnce(ask) {
  const texts = [...known.keys(), ...known.keys(), ...known.keys()];
  same(await Promise.all(texts.map(ask)), texts.map((t) => known.get(t)), "texts");
}

// --- openai ---

const chat = (text, more = {}) => gpt.chat.completions.create({ model: "m", messages: user(text), temperature: 0, ...more });

await test("javascript: openai: chat, one object", async () => {
  const answer = await chat(SUM);
  same([answer.choices[0].message.content, answer.choices[0].finish_reason], [known.get(SUM), "stop"]);
  same([answer.usage.prompt_tokens, answer.usage.completion_tokens], [21, 9], "usage");
});

await test("javascript: openai: chat, stream", async () => {
  const stream = gpt.chat.completions.stream({ model: "m", messages: user(SUM), temperature: 0, stream_options: { include_usage: true } });
  let text = "";
  stream.on("content", (delta) => (text += delta));
  const answer = await stream.finalChatCompletion();
  same([text, answer.choices[0].message.content], [known.get(SUM), known.get(SUM)]);
  same((await stream.totalUsage()).completion_tokens, 9, "usage");
});

for (const stream of [false, true])
  await test(`javascript: openai: chat, runTools${stream ? ", streamed" : ""}`, async () => {
    const asked = [];
    const runner = gpt.chat.completions.runTools({
      model: "m",
      messages: user(SUNRISE),
      temperature: 0,
      stream,
      tools: [{ type: "function", function: { ...sun, parse: JSON.parse, function: (a) => (asked.push(a), { sunrise: "13:45" }) } }],
    });
    same(await runner.finalContent(), RISES);
    same(asked, [{ city: "Zurich" }], "arguments");
  });

await test("javascript: openai: chat, a schema", async () => {
  const answer = await gpt.chat.completions.parse({ model: "m", messages: user(EMIL), temperature: 0, response_format: zodResponseFormat(Person, "person") });
  same(answer.choices[0].message.parsed, { name: "Emil" });
});

await test("javascript: openai: errors", async () => {
  const wrong = await failure(() => chat("x", { temperature: "hot" }));
  same([wrong.status, wrong.param, wrong.type], [400, "temperature", "invalid_request_error"]);
  for (const stream of [false, true]) {
    const long = await failure(() => chat(tooLong, { stream }));
    same([long.status, long.code], [400, "context_length_exceeded"]);
  }
  same((await failure(() => gpt.models.retrieve("nobody"))).status, 404, "status");
});

await test("javascript: openai: models", async () => {
  const list = await gpt.models.list();
  same(list.data[0].context_length, context, "context");
});

await test("javascript: openai: 15 at once", () => atOnce(async (t) => (await chat(t)).choices[0].message.content));

await test("javascript: openai: an aborted stream is cancelled", () =>
  isCancelled(async () => {
    let n = 0;
    for await (const _ of await gpt.completions.create({ model: "m", prompt: "1, 2,", stream: true, max_tokens: context - 100, ignore_eos: true }))
      if (++n === 3) break;
  }));

await test("javascript: openai: a request that is not streamed is cancelled, too", () =>
  isCancelled(async () => {
    const controller = new AbortController();
    const request = gpt.completions.create({ model: "m", prompt: "1, 2,", max_tokens: context - 100, ignore_eos: true }, { signal: controller.signal });
    const ended = failure(() => request);
    while ((await metric("octet_requests_running")) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    controller.abort();
    await ended;
  }));

await test("javascript: openai: responses, one object and stream", async () => {
  same((await gpt.responses.create({ model: "m", input: SUM, temperature: 0 })).output_text, known.get(SUM));
  const stream = gpt.responses.stream({ model: "m", input: SUM, temperature: 0 });
  let text = "";
  stream.on("response.output_text.delta", (e) => (text += e.delta));
  const answer = await stream.finalResponse();
  same([text, answer.output_text, answer.usage.output_tokens], [known.get(SUM), known.get(SUM), 9]);
});

await test("javascript: openai: responses, call, result, answer", async () => {
  const input = user(SUNRISE);
  const tools = [{ type: "function", ...sun, strict: false }];
  const first = await gpt.responses.create({ model: "m", input, tools, temperature: 0 });
  const call = first.output.at(-1);
  same([call.type, call.name, JSON.parse(call.arguments)], ["function_call", "get_sunrise", { city: "Zurich" }]);
  input.push(...first.output, { type: "function_call_output", call_id: call.call_id, output: '{"sunrise": "13:45"}' });
  const second = await gpt.responses.stream({ model: "m", input, tools, temperature: 0 }).finalResponse();
  same(second.output_text, RISES);
  holds(second.usage.input_tokens_details.cached_tokens >= first.usage.total_tokens - 2, JSON.stringify(second.usage));
});

await test("javascript: openai: responses, a schema", async () => {
  const answer = await gpt.responses.parse({ model: "m", input: EMIL, temperature: 0, text: { format: zodTextFormat(Person, "person") } });
  same(answer.output_parsed, { name: "Emil" });
});

// --- anthropic ---

const message = (text, more = {}) => claude.messages.create({ model: "m", max_tokens: 200, messages: user(text), ...more });

await test("javascript: anthropic: one object", async () => {
  const answer = await message(SUM);
  same([answer.content[0].text, answer.stop_reason], [known.get(SUM), "end_turn"]);
  same([answer.usage.input_tokens + answer.usage.cache_read_input_tokens, answer.usage.output_tokens], [21, 9], "usage");
});

await test("javascript: anthropic: stream", async () => {
  const stream = claude.messages.stream({ model: "m", max_tokens: 200, messages: user(SUM) });
  let text = "";
  stream.on("text", (delta) => (text += delta));
  same([await stream.finalText(), text], [known.get(SUM), known.get(SUM)]);
});

await test("javascript: anthropic: call, result, answer", async () => {
  const messages = user(SUNRISE);
  const tools = [{ name: sun.name, description: sun.description, input_schema: sun.parameters }];
  const first = await claude.messages.stream({ model: "m", max_tokens: 200, messages, tools }).finalMessage();
  const call = first.content.at(-1);
  same([call.type, call.name, call.input, first.stop_reason], ["tool_use", "get_sunrise", { city: "Zurich" }, "tool_use"]);
  messages.push({ role: "assistant", content: first.content });
  messages.push({ role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: '{"sunrise": "13:45"}' }] });
  const second = await claude.messages.create({ model: "m", max_tokens: 200, messages, tools });
  same(second.content[0].text, RISES);
  const before = first.usage.input_tokens + first.usage.cache_read_input_tokens + first.usage.output_tokens;
  holds(second.usage.cache_read_input_tokens >= before - 2, JSON.stringify(second.usage));
});

await test("javascript: anthropic: beta messages, as Claude Code sends them", async () => {
  const stream = claude.beta.messages.stream({ model: "m", max_tokens: 200, messages: user(SUM), betas: ["fine-grained-tool-streaming-2025-05-14"] });
  same((await stream.finalMessage()).content[0].text, known.get(SUM));
});

await test("javascript: anthropic: a schema", async () => {
  const answer = await claude.messages.parse({ model: "m", max_tokens: 200, messages: user(EMIL), output_config: { format: zodOutputFormat(Person) } });
  same(answer.parsed_output, { name: "Emil" });
});

await test("javascript: anthropic: count_tokens", async () => {
  same(await claude.messages.countTokens({ model: "m", messages: user(SUM) }).then((c) => c.input_tokens), 21);
});

await test("javascript: anthropic: errors", async () => {
  same((await failure(() => message("x", { temperature: "hot" }))).status, 400, "status");
  for (const stream of [false, true]) {
    const long = await failure(() => message(tooLong, { stream }));
    same([long.status, long.error.error.type], [400, "invalid_request_error"]);
    holds(new RegExp(`prompt is too long: \\d+ tokens > ${context} maximum`).test(long.message), long.message);
  }
});

await test("javascript: anthropic: 15 at once", () => atOnce(async (t) => (await message(t)).content[0].text));

await test("javascript: anthropic: an aborted stream is cancelled", () =>
  isCancelled(async () => {
    const stream = claude.messages.stream({ model: "m", max_tokens: context - 100, messages: user(COUNT), ignore_eos: true });
    let n = 0;
    for await (const _ of stream) if (++n === 4) break;
    stream.abort();
  }));

// --- the AI SDK ---

const providers = {
  "openai chat": createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" }).chat("m"),
  "openai responses": createOpenAI({ baseURL: `${url}/v1`, apiKey: "none" }).responses("m"),
  "openai-compatible": createOpenAICompatible({ name: "octet", baseURL: `${url}/v1`, includeUsage: true, supportsStructuredOutputs: true })("m"),
  anthropic: createAnthropic({ baseURL: `${url}/v1`, apiKey: "none" })("m"),
};

for (const [name, model] of Object.entries(providers)) {
  const base = { model, maxRetries: 0 };

  await test(`ai: ${name}: one object and stream`, async () => {
    const answer = await generateText({ ...base, prompt: SUM });
    same([answer.text, answer.finishReason, answer.usage.inputTokens, answer.usage.outputTokens], [known.get(SUM), "stop", 21, 9]);
    const stream = streamText({ ...base, prompt: SUM });
    let text = "";
    for await (const delta of stream.textStream) text += delta;
    same([text, await stream.finishReason, (await stream.usage).outputTokens], [known.get(SUM), "stop", 9]);
  });

  for (const streamed of [false, true])
    await test(`ai: ${name}: call, result, answer${streamed ? ", streamed" : ""}`, async () => {
      const asked = [];
      const request = {
        ...base,
        prompt: SUNRISE,
        stopWhen: stepCountIs(3),
        tools: {
          get_sunrise: tool({
            description: sun.description,
            inputSchema: z.object({ city: z.string().describe("City") }),
            execute: async (input) => (asked.push(input), { sunrise: "13:45" }),
          }),
        },
      };
      const answer = streamed ? streamText(request) : await generateText(request);
      same([await answer.text, (await answer.steps).length], [RISES, 2]);
      same(asked, [{ city: "Zurich" }], "arguments");
    });

  for (const streamed of [false, true])
    await test(`ai: ${name}: scripted: reasoning, text, two calls${streamed ? ", streamed" : ""}`, async () => {
      const tools = { list_files: tool({ inputSchema: z.object({ path: z.string() }) }), get_sunrise: tool({ inputSchema: z.object({ city: z.string() }) }) };
      const request = { ...base, prompt: "[reasoned calls]", tools };
      const answer = streamed ? streamText(request) : await generateText(request);
      same([(await answer.text).trim(), await answer.finishReason], ["I will look.", "tool-calls"]);
      same((await answer.toolCalls).map((c) => [c.toolName, c.input]), [["list_files", { path: 'src/a "b"' }], ["get_sunrise", { city: "Zürich" }]]);
      // The provider openai knows no reasoning in chat.
      if (name !== "openai chat") same((await answer.reasoningText).trim(), "The user wants two things.");
    });

  // The provider openai sends references to items of the first answer, not the items.
  await test(`ai: ${name}: a second turn`, async () => {
    const hi = [{ role: "user", content: "Hi" }];
    const first = await generateText({ ...base, messages: hi });
    const second = await generateText({ ...base, messages: [...hi, ...first.response.messages, { role: "user", content: SUM }] });
    holds(second.usage.inputTokens > 21 + first.usage.outputTokens, JSON.stringify(second.usage));
    holds(second.text.length > 0, second.text);
  });

  await test(`ai: ${name}: a schema`, async () => {
    const answer = await generateText({ ...base, prompt: EMIL, output: Output.object({ schema: Person }) });
    same(answer.output, { name: "Emil" });
  });

  await test(`ai: ${name}: errors`, async () => {
    const long = await failure(() => generateText({ ...base, prompt: tooLong }));
    same(long.statusCode, 400, "status");
    holds(/maximum/.test(long.message), long.message);
  });

  await test(`ai: ${name}: an aborted stream is cancelled`, () =>
    isCancelled(async () => {
      const controller = new AbortController();
      const stream = streamText({ ...base, prompt: `${COUNT}00`, temperature: 2, seed: 1, abortSignal: controller.signal, onError() {} });
      let n = 0;
      for await (const part of stream.fullStream) if (part.type === "text-delta" && ++n === 3) controller.abort();
    }));
}
finish();

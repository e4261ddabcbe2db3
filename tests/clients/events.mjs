// events.mjs - our transcripts under the accumulators of the JavaScript SDKs: openai, @anthropic-ai/sdk, and the AI SDK's providers.
// Run by test_events.sh.
// SPDX-License-Identifier: MIT
import { readFileSync, readdirSync } from "node:fs";
import { failure, finish, holds, load, same, test } from "./report.mjs";

const OpenAI = load("openai").default;
const Anthropic = load("@anthropic-ai/sdk").default;
const { generateText, streamText, jsonSchema, tool } = load("ai");
const { createOpenAI } = load("@ai-sdk/openai");
const { createOpenAICompatible } = load("@ai-sdk/openai-compatible");
const { createAnthropic } = load("@ai-sdk/anthropic");

const url = process.env.OCTET_URL;
const dir = "tests/data/api/events";
const messages = [{ role: "user", content: "x" }];

function openai(name) {
  return new OpenAI({ baseURL: `${url}/${name}/v1`, apiKey: "k", maxRetries: 0 });
}

function anthropic(name) {
  return new Anthropic({ baseURL: `${url}/${name}`, apiKey: "k", maxRetries: 0 });
}

async function drain(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

// What the server said, without what the SDKs add when they parse.
const added = ["parsed", "parsed_arguments", "parsed_output", "output_parsed", "output_text"];
function plain(value) {
  return JSON.parse(JSON.stringify(value, (key, v) => (added.includes(key) ? undefined : v)));
}

const addsUp = {
  async chat(name) {
    const whole = plain(await openai(name).chat.completions.create({ model: "m", messages }));
    const stream = openai(name).chat.completions.stream({ model: "m", messages });
    let streamed;
    try {
      await drain(stream);
    } catch (problem) {
      holds(String(problem).includes("length limit"), problem); // the SDK refuses to parse what was cut
    }
    streamed = plain(stream.currentChatCompletionSnapshot ?? (await stream.finalChatCompletion()));
    for (const [i, choice] of streamed.choices.entries()) {
      const other = whole.choices[i];
      same(choice.message.content ?? null, other.message.content, "content");
      same(choice.finish_reason, other.finish_reason, "finish_reason");
      const calls = (m) => (m.tool_calls ?? []).map((c) => [c.id, c.type, c.function.name, c.function.arguments]);
      same(calls(choice.message), calls(other.message), "calls");
    }
  },
  async completions(name) {
    const whole = plain(await openai(name).completions.create({ model: "m", prompt: "x" }));
    const texts = {};
    for (const chunk of await drain(await openai(name).completions.create({ model: "m", prompt: "x", stream: true })))
      for (const c of chunk.choices) texts[c.index] = (texts[c.index] ?? "") + c.text;
    same(texts, Object.fromEntries(whole.choices.map((c) => [c.index, c.text])), "texts");
  },
  async responses(name) {
    const whole = plain(await openai(name).responses.create({ model: "m", input: "x" }));
    const stream = openai(name).responses.stream({ model: "m", input: "x" });
    const events = await drain(stream);
    same(plain(events.at(-1).response), whole, "response");
    same(plain(await stream.finalResponse()), whole, "final response");
  },
  async messages(name) {
    const request = { model: "m", max_tokens: 10, messages };
    const whole = plain(await anthropic(name).messages.create(request));
    const streamed = plain(await anthropic(name).messages.stream(request).finalMessage());
    if (name === "cut_call") streamed.content.pop(); // without a stream it is left out
    same(streamed, whole, "message");
  },
};

// --- the AI SDK ---

const providers = {
  chat: [
    ["openai", (name) => createOpenAI({ baseURL: `${url}/${name}/v1`, apiKey: "k" }).chat("m")],
    ["openai-compatible", (name) => createOpenAICompatible({ name: "octet", baseURL: `${url}/${name}/v1`, includeUsage: true })("m")],
  ],
  responses: [["openai", (name) => createOpenAI({ baseURL: `${url}/${name}/v1`, apiKey: "k" }).responses("m")]],
  messages: [["anthropic", (name) => createAnthropic({ baseURL: `${url}/${name}/v1`, apiKey: "k" })("m")]],
};

const any = jsonSchema({ type: "object", additionalProperties: true });
const tools = { list_files: tool({ inputSchema: any }), search: tool({ inputSchema: any }), spawn_agent: tool({ inputSchema: any }) };

async function aiAddsUp(model) {
  const request = { model, prompt: "x", tools, maxRetries: 0 };
  const whole = await generateText(request);
  const streamed = streamText({ ...request, onError() {} });
  await streamed.consumeStream();
  same(await streamed.text, whole.text, "text");
  same((await streamed.reasoningText) ?? "", whole.reasoningText ?? "", "reasoning");
  same(await streamed.finishReason, whole.finishReason, "finish reason");
  const calls = (list) => list.map((c) => [c.toolCallId, c.toolName, c.input, Boolean(c.invalid)]);
  same(calls(await streamed.toolCalls), calls(whole.toolCalls), "calls");
  return whole;
}

// What the AI SDK must have understood of the case with everything in it.
function understood(whole) {
  same(whole.text, "I will look.", "text");
  same(whole.reasoningText, "The user wants the files.", "reasoning");
  same(whole.toolCalls.map((c) => [c.toolName, c.input]), [["list_files", { path: "a\n\u00e9b" }], ["search", {}]], "calls");
  same(whole.finishReason, "tool-calls", "finish reason");
  same([whole.usage.inputTokens, whole.usage.outputTokens, whole.usage.inputTokenDetails.cacheReadTokens], [300, 40, 256], "usage");
}

// --- all cases ---

const cases = readdirSync(dir).filter((f) => f.endsWith(".json") && !f.endsWith(".object.json")).sort();
for (const file of cases) {
  const name = file.replace(/\.json$/, "");
  const c = JSON.parse(readFileSync(`${dir}/${file}`, "utf8"));
  if (c.stream_only) continue;
  for (const dialect of c.dialects) {
    await test(`javascript: ${name}, ${dialect}: the stream adds up to the object`, () => addsUp[dialect](name));
    if (["choices", "choices_calls", "cut_call", "custom_tool", "custom_cut"].includes(name)) continue;
    for (const [provider, model] of providers[dialect] ?? [])
      await test(`ai: ${provider}: ${name}, ${dialect}: the stream adds up to the object`, async () => {
        const whole = await aiAddsUp(model(name));
        // The provider openai knows no reasoning in chat.
        if (name === "calls" && !(dialect === "chat" && provider === "openai")) understood(whole);
      });
  }
}

await test("javascript: failure: it is raised", async () => {
  const raised = [
    await failure(async () => drain(await openai("failure").chat.completions.create({ model: "m", messages, stream: true }))),
    await failure(async () => drain(await openai("failure").completions.create({ model: "m", prompt: "x", stream: true }))),
    await failure(() => anthropic("failure").messages.stream({ model: "m", max_tokens: 10, messages }).finalMessage()),
  ];
  for (const problem of raised) holds(String(problem.message).includes("lost its device"), `the message is ${problem.message}`);
  const events = await drain(await openai("failure").responses.create({ model: "m", input: "x", stream: true }));
  same([events.at(-1).type, events.at(-1).response.error.code], ["response.failed", "server_error"], "last event");
});
finish();

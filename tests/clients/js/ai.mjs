// The Vercel AI SDK with its providers of the three vendors; openai() is Responses.

import assert from "node:assert/strict";

import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { APICallError, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

import { answer, asked, withWishes } from "./asked.mjs";

/** By client: the model of a name, and how it is told to reason. */
const PROVIDERS = {
  "ai-chat": ({ url, api_key: apiKey }) => ({
    model: createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat,
    thinking: { openai: { reasoningEffort: "low", forceReasoning: true } },
  }),
  "ai-responses": ({ url, api_key: apiKey }) => ({
    model: createOpenAI({ baseURL: `${url}/v1`, apiKey }),
    thinking: { openai: { reasoningEffort: "low", reasoningSummary: "auto", forceReasoning: true } },
  }),
  "ai-messages": ({ url, api_key: apiKey }) => ({
    model: createAnthropic({ baseURL: `${url}/v1`, apiKey }),
    thinking: { anthropic: { thinking: { type: "enabled", budgetTokens: 1024 } } },
  }),
  "ai-gemini": ({ url, api_key: apiKey }) => ({
    model: createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey }),
    thinking: { google: { thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 } } },
  }),
};

export const connect = (demo, client) => PROVIDERS[client](demo);

export const refused = (error) => error instanceof APICallError && error.statusCode;
/** The providers hand the error in a stream on as it came, or as an Error. */
export const broken = (error) => Boolean(error);

const user = (content) => ({ role: "user", content });
const once = { maxRetries: 0 };

/** Whole or streamed: what was answered, step by step. */
async function generate(request, streams) {
  if (!streams) return await generateText({ ...once, ...request });
  const failures = [];
  const result = streamText({ ...once, ...request, onError: ({ error }) => failures.push(error) });
  await result.consumeStream();
  if (failures.length > 0) throw failures[0];
  const [text, reasoningText, steps, response] = await Promise.all([
    result.text,
    result.reasoningText,
    result.steps,
    result.response,
  ]);
  return { text, reasoningText, steps, response };
}

export async function converse(client, model, texts) {
  const messages = [];
  const answers = [];
  for (const text of texts) {
    messages.push(user(text));
    const { text: said, response } = await generate({ model: client.model(model), system: asked.system, messages });
    messages.push(...response.messages);
    answers.push(said);
  }
  return answers;
}

export async function* pieces(client, model, text) {
  const { fullStream } = streamText({ ...once, model: client.model(model), prompt: text, onError: () => {} });
  for await (const part of fullStream) {
    if (part.type === "error") throw part.error;
    if (part.type === "text-delta") yield part.text;
  }
}

/** The tools; `each` is told of every call. */
function declared(each) {
  return Object.fromEntries(
    Object.entries(asked.tools).map(([name, { description, schema }]) => [
      name,
      tool({
        description,
        inputSchema: jsonSchema(schema),
        execute: (input, { toolCallId }) => {
          each(name, input, toolCallId);
          return asked.calls.find((call) => JSON.stringify(call.arguments) === JSON.stringify(input))?.result;
        },
      }),
    ]),
  );
}

export async function loop(client, model, prompt, after, streams) {
  const calls = [];
  const ids = [];
  const tools = declared((name, input, id) => {
    calls.push([name, input]);
    ids.push(id);
  });
  const request = { model: client.model(model), tools, stopWhen: stepCountIs(3) };
  const messages = [user(prompt)];
  const first = await generate({ ...request, messages }, streams);
  messages.push(...first.response.messages, user(after));
  const second = await generate({ ...request, messages }, streams);
  return { calls, ids, answers: [first.text, second.text] };
}

export async function reasoning(client, model) {
  for (const streams of [false, true]) {
    const text = withWishes("think", "reasoning");
    const request = { model: client.model(model), providerOptions: client.thinking };
    const messages = [user(text)];
    const first = await generate({ ...request, messages }, streams);
    assert.equal(first.text, answer(text));
    assert.equal(first.reasoningText, asked.reasoning);
    messages.push(...first.response.messages, user("and again"));
    const second = await generate({ ...request, messages }, streams);
    assert.equal(second.text, answer("and again", 2));
  }
}

/** Ten turns, in each of which the model thinks and, in most, calls tools. openai() sends references to what was said. */
export async function turns(client, model) {
  const called = [];
  const tools = declared((name, input) => called.push([name, input]));
  const request = { model: client.model(model), tools, providerOptions: client.thinking, stopWhen: stepCountIs(3) };
  const messages = [];
  for (let turn = 0; turn < 10; turn += 1) {
    const wanted = asked.calls.slice(0, turn % 4);
    const text = withWishes(`turn ${turn}`, "reasoning", ...wanted.map(({ wish }) => wish));
    messages.push(user(text));
    const { text: said, steps, response } = await generate({ ...request, messages }, turn % 2 === 1);
    messages.push(...response.messages);
    assert.equal(steps[0].reasoningText, asked.reasoning, `turn ${turn}`);
    assert.deepEqual(called.splice(0), wanted.map(({ name, arguments: given }) => [name, given]), `turn ${turn}`);
    const quoted = wanted.length > 0 ? wanted.map(({ result }) => result) : [`You said: ${text}`];
    for (const words of quoted) assert.ok(said.includes(words), `turn ${turn}: ${said}`);
  }
}

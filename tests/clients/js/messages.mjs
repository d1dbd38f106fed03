// The @anthropic-ai/sdk.

import Anthropic from "@anthropic-ai/sdk";

import { asked, result } from "./asked.mjs";

export const connect = (demo) =>
  new Anthropic({ baseURL: demo.url, apiKey: demo.api_key, maxRetries: 0, timeout: 60_000 });

export const refused = (error) => error instanceof Anthropic.APIError && error.status;
export const broken = (error) => error instanceof Anthropic.APIError;

const LONG = 4096;
const user = (content) => ({ role: "user", content });
const textOf = (message) => message.content.map((block) => block.text ?? "").join("");

export async function converse(client, model, texts) {
  const messages = [];
  const answers = [];
  for (const text of texts) {
    messages.push(user(text));
    const message = await client.messages.create({ model, max_tokens: LONG, system: asked.system, messages });
    messages.push({ role: "assistant", content: message.content });
    answers.push(textOf(message));
  }
  return answers;
}

export async function* pieces(client, model, text) {
  for await (const event of client.messages.stream({ model, max_tokens: LONG, messages: [user(text)] })) {
    if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
  }
}

export async function loop(client, model, prompt, after, streams) {
  const tools = Object.entries(asked.tools).map(([name, { description, schema }]) => ({
    name,
    description,
    input_schema: schema,
  }));
  const messages = [user(prompt)];
  const next = async () => {
    const request = { model, max_tokens: LONG, messages, tools };
    const message = streams
      ? await client.messages.stream(request).finalMessage()
      : await client.messages.create(request);
    messages.push({ role: "assistant", content: message.content });
    return message;
  };
  const calls = (await next()).content.filter((block) => block.type === "tool_use");
  messages.push(
    user(calls.map(({ id }, place) => ({ type: "tool_result", tool_use_id: id, content: result(place) }))),
  );
  const answers = [textOf(await next())];
  messages.push(user(after));
  answers.push(textOf(await next()));
  return { calls: calls.map((call) => [call.name, call.input]), ids: calls.map((call) => call.id), answers };
}

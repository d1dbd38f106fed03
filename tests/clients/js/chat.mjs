// The openai SDK, Chat Completions.

import OpenAI from "openai";

import { asked, result } from "./asked.mjs";

export const connect = (demo) =>
  new OpenAI({ baseURL: `${demo.url}/v1`, apiKey: demo.api_key, maxRetries: 0, timeout: 60_000 });

export const refused = (error) => error instanceof OpenAI.APIError && error.status;
export const broken = (error) => error instanceof OpenAI.APIError;

const user = (content) => ({ role: "user", content });

export async function converse(client, model, texts) {
  const messages = [{ role: "system", content: asked.system }];
  const answers = [];
  for (const text of texts) {
    messages.push(user(text));
    const completion = await client.chat.completions.create({ model, messages });
    messages.push(completion.choices[0].message);
    answers.push(completion.choices[0].message.content);
  }
  return answers;
}

export async function* pieces(client, model, text) {
  const stream = await client.chat.completions.create({ model, messages: [user(text)], stream: true });
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content;
    if (piece) yield piece;
  }
}

export async function loop(client, model, prompt, after, streams) {
  const tools = Object.entries(asked.tools).map(([name, { description, schema }]) => ({
    type: "function",
    function: { name, description, parameters: schema },
  }));
  const messages = [user(prompt)];
  const next = async () => {
    const request = { model, messages, tools };
    const completion = streams
      ? await client.chat.completions.stream(request).finalChatCompletion()
      : await client.chat.completions.create(request);
    messages.push(completion.choices[0].message);
    return completion.choices[0].message;
  };
  const calls = (await next()).tool_calls ?? [];
  calls.forEach(({ id }, place) => messages.push({ role: "tool", tool_call_id: id, content: result(place) }));
  const answers = [(await next()).content];
  messages.push(user(after));
  answers.push((await next()).content);
  return {
    calls: calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
    ids: calls.map((call) => call.id),
    answers,
  };
}

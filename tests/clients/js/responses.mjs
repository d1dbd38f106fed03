// The openai SDK, Responses.

import OpenAI from "openai";

import { asked, result } from "./asked.mjs";

export { connect, refused } from "./chat.mjs";

/** The SDK hands some failures on as events. */
class FailedEvent extends OpenAI.OpenAIError {}
export const broken = (error) => error instanceof OpenAI.OpenAIError;

const user = (content) => ({ role: "user", content });

export async function converse(client, model, texts) {
  const input = [];
  const answers = [];
  for (const text of texts) {
    input.push(user(text));
    const response = await client.responses.create({ model, instructions: asked.system, input });
    input.push(...response.output);
    answers.push(response.output_text);
  }
  return answers;
}

export async function* pieces(client, model, text) {
  for await (const event of await client.responses.create({ model, input: [user(text)], stream: true })) {
    if (event.type === "response.output_text.delta") yield event.delta;
    if (event.type === "response.failed") throw new FailedEvent(event.response.error.message);
    if (event.type === "error") throw new FailedEvent(event.message);
  }
}

export async function loop(client, model, prompt, after, streams) {
  const tools = Object.entries(asked.tools).map(([name, { description, schema }]) => ({
    type: "function",
    name,
    description,
    parameters: schema,
    strict: false,
  }));
  const input = [user(prompt)];
  const next = async () => {
    const request = { model, input, tools };
    const response = streams
      ? await client.responses.stream(request).finalResponse()
      : await client.responses.create(request);
    input.push(...response.output);
    return response;
  };
  const calls = (await next()).output.filter((item) => item.type === "function_call");
  calls.forEach(({ call_id }, place) =>
    input.push({ type: "function_call_output", call_id, output: result(place) }),
  );
  const answers = [(await next()).output_text];
  input.push(user(after));
  answers.push((await next()).output_text);
  return {
    calls: calls.map((call) => [call.name, JSON.parse(call.arguments)]),
    ids: calls.map((call) => call.call_id),
    answers,
  };
}

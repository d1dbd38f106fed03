// The @google/genai SDK.

import { ApiError, GoogleGenAI } from "@google/genai";

import { asked, result } from "./asked.mjs";

export const connect = (demo) =>
  new GoogleGenAI({ apiKey: demo.api_key, vertexai: false, httpOptions: { baseUrl: demo.url, timeout: 60_000 } });

export const refused = (error) => error instanceof ApiError && error.status;
export const broken = (error) => error instanceof ApiError;

export async function converse(client, model, texts) {
  const chat = client.chats.create({ model, config: { systemInstruction: asked.system } });
  const answers = [];
  for (const message of texts) answers.push((await chat.sendMessage({ message })).text);
  return answers;
}

export async function* pieces(client, model, text) {
  for await (const chunk of await client.models.generateContentStream({ model, contents: text })) {
    if (chunk.text) yield chunk.text;
  }
}

export async function loop(client, model, prompt, after, streams) {
  const functionDeclarations = Object.entries(asked.tools).map(([name, { description, schema }]) => ({
    name,
    description,
    parametersJsonSchema: schema,
  }));
  const chat = client.chats.create({ model, config: { tools: [{ functionDeclarations }] } });
  const say = async (message) => {
    if (!streams) {
      const { text, functionCalls } = await chat.sendMessage({ message });
      return { text, functionCalls };
    }
    const said = { text: "", functionCalls: [] };
    for await (const chunk of await chat.sendMessageStream({ message })) {
      said.text += chunk.text ?? "";
      said.functionCalls.push(...(chunk.functionCalls ?? []));
    }
    return said;
  };
  const { functionCalls: calls = [] } = await say(prompt);
  const results = calls.map(({ id, name }, place) => ({
    functionResponse: { id, name, response: { result: result(place) } },
  }));
  const answers = [(await say(results)).text, (await say(after)).text];
  return { calls: calls.map((call) => [call.name, call.args]), answers };
}

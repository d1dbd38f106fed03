// aimock as an upstream of all four dialects, which grants the wishes of ../README.md as far as it can. Prints its
// address and runs until its input ends.

import { LLMock } from "@copilotkit/aimock";

const textOf = (content) =>
  typeof content === "string" ? content : (content ?? []).map((part) => part.text ?? "").join("");

const said = (request) => request.messages.filter(({ role }) => role === "user").map(({ content }) => textOf(content));

const wishes = (request) =>
  (said(request).at(-1) ?? "")
    .split("\n")
    .filter((line) => line.startsWith("demo:"))
    .map((line) => line.slice("demo:".length));

const asks = (wish) => ({ predicate: (request) => wishes(request).some((each) => each.startsWith(wish)) });

/** Results of tools behind the last words of the user. */
const results = ({ messages }) =>
  messages.slice(messages.findLastIndex(({ role }) => role === "user") + 1).filter(({ role }) => role === "tool");

function answer(request) {
  const quoted = results(request).map(({ content }) => textOf(content));
  const words = quoted.length > 0 ? quoted.join("; ") : said(request).at(-1);
  return { content: `This is turn ${said(request).length}. You said: ${words}` };
}

function calls(request) {
  if (results(request).length > 0) return answer(request);
  const toolCalls = wishes(request).map((wish) => {
    const [, name, args] = /^tools (\S+) (.*)$/.exec(wish);
    return { name, arguments: args };
  });
  // Left to itself it ends Gemini's calls with FUNCTION_CALL, which the vendor does not know.
  return request.model === "gemini" ? { toolCalls, finishReason: "stop" } : { toolCalls };
}

function error(request) {
  const status = Number(wishes(request)[0].split(" ")[1]);
  return { status, error: { message: `The demo says ${status}.`, type: "demo" } };
}

// Slow enough to see a stream arrive in pieces.
const mock = new LLMock({ port: 0, chunkSize: 4, latency: 30, strict: true });
mock.on(asks("error "), error);
mock.on(asks("tools "), calls);
mock.on(asks("break "), answer, { truncateAfterChunks: 12 });
mock.on(asks("reasoning"), (request) => ({ ...answer(request), reasoning: "I thought about it." }));
mock.on({ predicate: () => true }, answer);
await mock.start();
process.stdout.write(`${mock.url}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));

// What has to be right of every client. A client is a module with these members:
//
//   connect(demo)                                 what the others are given first
//   converse(client, model, texts)                the answers to texts said one after the other
//   pieces(client, model, text)                   the pieces of a streamed answer
//   loop(client, model, prompt, after, streams)   {calls, ids, answers}: the calls that the prompt brings forth, and what
//                                                 is said to their results and to a text after that
//   refused(error)                                the status that the SDK's own error for an error answer has
//   broken(error)                                 whether it is the SDK's own error for a stream that fails
//
// `reasoning`, where there is one, is the module's own.

import assert from "node:assert/strict";

import { answer, asked, fresh, long, withWishes } from "./asked.mjs";

export async function plain(it, client, model) {
  const text = fresh("hello");
  assert.deepEqual(await it.converse(client, model, [text, "and again"]), [answer(text), answer("and again", 2)]);
}

export async function stream(it, client, model) {
  const text = long();
  const times = [];
  const got = [];
  for await (const piece of it.pieces(client, model, text)) {
    got.push(piece);
    times.push(performance.now());
  }
  assert.equal(got.join(""), answer(text));
  assert.ok(got.length >= 3, `it comes in pieces: ${got}`);
  // The demo takes 40 ms from one piece to the next; whoever collects them first gives them at once.
  assert.ok(times.at(-1) - times[0] > 200, `they come as they are made: ${times}`);
}

export async function parallel(it, client, model) {
  for (const streams of [false, true]) {
    const prompt = withWishes("please look", ...asked.calls.map((call) => call.wish));
    const { calls, ids, answers } = await it.loop(client, model, prompt, "and again", streams);
    assert.deepEqual(calls, asked.calls.map(({ name, arguments: wanted }) => [name, wanted]));
    if (ids) {
      assert.equal(new Set(ids).size, asked.calls.length, `different ids: ${ids}`);
      assert.ok(ids.every(Boolean), `ids are there: ${ids}`);
    }
    let place = 0;
    for (const { result } of asked.calls) {
      place = answers[0].indexOf(result, place);
      assert.ok(place >= 0, `the answer quotes ${result}: ${answers[0]}`);
    }
    assert.ok(answers[1].endsWith("You said: and again"), answers[1]);
  }
}

export async function error(it, client, model) {
  for (const status of asked.statuses) {
    const text = withWishes("fail", `error ${status}`);
    for (const action of [() => it.converse(client, model, [text]), () => collect(it.pieces(client, model, text))]) {
      const raised = await failure(action);
      assert.equal(it.refused(raised), status, raised);
      assert.ok(raised.message.includes(`The demo says ${status}.`), raised);
    }
  }
}

/** A stream that breaks off half way: what came is given, then the SDK's error is raised. */
export async function cut(it, client, model) {
  for (const how of asked.breaks) {
    const text = withWishes("one two three", `break ${how}`);
    let got = "";
    const raised = await failure(async () => {
      for await (const piece of it.pieces(client, model, text)) got += piece;
    }, how);
    assert.ok(it.broken(raised), `${how}: ${raised?.stack ?? JSON.stringify(raised)}`);
    assert.ok(got !== "" && answer(text).startsWith(got), `${how}: the half of it: ${got}`);
  }
}

/** An upstream that says nothing for a while: what the gateway sends meanwhile must not disturb. */
export async function silence(it, client, model) {
  const text = withWishes("one two three", `wait ${asked.wait}`, `pause ${asked.pause}`);
  const whole = withWishes("hello", `wait ${asked.wait}`);
  const [streamed, answers] = await Promise.all([
    collect(it.pieces(client, model, text)),
    it.converse(client, model, [whole]),
  ]);
  assert.equal(streamed, answer(text));
  assert.deepEqual(answers, [answer(whole)]);
}

async function collect(pieces) {
  let all = "";
  for await (const piece of pieces) all += piece;
  return all;
}

async function failure(action, what = "") {
  let result;
  try {
    result = await action();
  } catch (error) {
    return error;
  }
  assert.fail(`${what}: no error, but ${JSON.stringify(result)}`);
}

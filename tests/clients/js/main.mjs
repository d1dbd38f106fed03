// Runs the cells that its input says, as ../programs.py asks for it.

import { text } from "node:stream/consumers";

import { asked } from "./asked.mjs";
import * as scenarios from "./scenarios.mjs";

// What SDKs advise is no result, and some of it would go to the output.
for (const way of ["log", "info", "warn", "debug"]) console[way] = () => {};

const given = JSON.parse(await text(process.stdin));
Object.assign(asked, given.asked);

async function run({ client, model, scenario }) {
  const it = await import(client.startsWith("ai-") ? "./ai.mjs" : `./${client.slice("js-".length)}.mjs`);
  const connected = it.connect(given.demo, client);
  await (it[scenario] ? it[scenario](connected, model) : scenarios[scenario](it, connected, model));
}

async function answer(cell) {
  let trouble = null;
  try {
    await run(cell);
  } catch (error) {
    trouble = String(error?.stack ?? JSON.stringify(error));
  }
  process.stdout.write(`${JSON.stringify({ cell: [cell.client, cell.upstream, cell.scenario], trouble })}\n`);
}

// The cells of a phase, some at the same time; those that only wait are many. Streams are timed, so they come alone.
for (const phase of given.phases) {
  const waiting = given.cells.filter(({ scenario }) => phase.includes(scenario));
  const worker = async () => {
    for (let cell = waiting.shift(); cell; cell = waiting.shift()) await answer(cell);
  };
  await Promise.all(Array.from({ length: phase.includes("silence") ? 64 : 16 }, worker));
}

// What every client asks; ../asked.py says it, and the runner hands it over.

import { randomUUID } from "node:crypto";

/** Filled by main.mjs: `system`, `reasoning`, `calls` and `tools`, each as in ../asked.py. */
export const asked = {};

/** A text that no other conversation begins with. */
export const fresh = (text) => `${text} ${randomUUID().slice(0, 8)}`;

/** A text whose answer takes a second to stream. */
export const long = () => fresh([..."abcdefghijklmnopqrst"].join(" "));

export const answer = (text, turn = 1) => `This is turn ${turn}. You said: ${text}`;

export const withWishes = (text, ...wishes) => [fresh(text), ...wishes.map((wish) => `demo:${wish}`)].join("\n");

/** What the tool says to the call with this place among the calls. */
export const result = (place) => asked.calls[place].result;

// Sends requests for Google's hosts to $ELSEWHERE, an http origin, so that Gemini CLI signs in there.
// node --require elsewhere.cjs
const http = require('node:http');
const https = require('node:https');
const { syncBuiltinESMExports } = require('node:module');

const elsewhere = new URL(process.env.ELSEWHERE);
const isGoogles = (host) => /(^|\.)(googleapis|google)\.com$/.test(host ?? '');

const request = https.request;
https.request = (first, ...rest) => {
  const target = typeof first === 'string' || first instanceof URL ? new URL(first) : first;
  const host = target.hostname ?? target.host;
  if (!isGoogles(host)) return request(first, ...rest);
  const options = {
    ...(target instanceof URL ? {} : target),
    ...(rest.find((one) => one && typeof one === 'object') ?? {}),
    protocol: 'http:',
    host: elsewhere.hostname,
    hostname: elsewhere.hostname,
    port: elsewhere.port,
    path: target instanceof URL ? target.pathname + target.search : target.path,
    agent: undefined,
  };
  return http.request(options, rest.find((one) => typeof one === 'function'));
};
https.get = (...all) => https.request(...all).end();
syncBuiltinESMExports();

const { fetch } = globalThis;
globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  if (!isGoogles(url.hostname)) return fetch(input, init);
  const moved = new URL(url.pathname + url.search, elsewhere);
  return fetch(input instanceof Request ? new Request(moved, input) : moved, init);
};

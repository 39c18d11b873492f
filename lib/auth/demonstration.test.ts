import type { IncomingMessage } from "node:http";
import { expect, _baseTest as test } from "playwright/test";
import { markDemonstration } from "@/lib/core/demonstration";
import { env } from "@/lib/env";
import { findRemoteSign, markPeer } from "@/lib/http/client-ip";
import { maySeeCodes, maySeeMetrics } from "./demonstration";

/** Looks for a sign of other machines in a request whose `Host` is loopback unless `headers` has another. */
const findSign = (headers: Record<string, string>, httpVersion = "1.1") =>
  findRemoteSign({ headers: { host: "127.0.0.1:3000", ...headers }, httpVersion });

const HERE: Record<string, string>[] = [
  {},
  { host: "localhost:3000" },
  { host: "LocalHost" },
  { host: "sarafan.localhost:3000" },
  { host: "[::1]:3000" },
  { host: "127.0.1.1" },
  { host: "0.0.0.0:3000" },
  { origin: "http://localhost:3000", "sec-fetch-site": "same-origin" },
  { origin: "http://localhost:8080", "sec-fetch-site": "same-site" },
  { origin: "null", "sec-fetch-site": "same-origin" },
  { "sec-fetch-site": "none" },
  { "x-forwarded-for": "127.0.0.1", "x-forwarded-host": "localhost:3000", "x-forwarded-proto": "http" },
  { "x-forwarded-for": "::1, 127.0.0.1:5555", "x-real-ip": "::ffff:127.0.0.1" },
  { forwarded: 'for="[::1]:1234";host=localhost:3000;proto=http, for=127.0.0.1' },
  { via: "1.1 something", "x-forwarded-port": "443", "x-forwarded-proto": "https" },
];

const PAGES_ELSEWHERE: Record<string, string>[] = [
  { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" },
  { origin: "http://elsewhere.example" },
  { origin: "http://192.0.2.1:3000", "sec-fetch-site": "same-site" },
  { "sec-fetch-site": "cross-site", referer: "https://elsewhere.example/" },
];

const BEYOND: Record<string, string>[] = [
  { host: "sarafan.example" },
  { host: "192.168.1.5:3000" },
  { host: "localhost.example" },
  { host: "notlocalhost" },
  { host: "127.0.0.1.example" },
  { origin: "https://sarafan.example", "sec-fetch-site": "same-origin" },
  { "x-forwarded-for": "203.0.113.7" },
  { "x-forwarded-for": "203.0.113.7, 127.0.0.1" },
  { "x-forwarded-for": "unknown" },
  { "x-forwarded-for": "[2001:db8::1]:4711" },
  { "x-forwarded-host": "sarafan.example" },
  { "x-real-ip": "192.168.1.5" },
  { "cf-connecting-ip": "2001:db8::1" },
  { forwarded: "for=192.0.2.43" },
  { forwarded: 'For="[2001:db8:cafe::17]:4711";proto=https' },
  { forwarded: 'for=127.0.0.1, host = "sarafan.example"' },
  { forwarded: "for=_hidden" },
];

test("a request from this machine shows no other machine, also behind a proxy on this machine", () => {
  for (const headers of HERE) expect(findSign(headers), JSON.stringify(headers)).toBeNull();
});

test("a page of another site can't make a request look like one from another machine", () => {
  for (const headers of PAGES_ELSEWHERE) expect(findSign(headers), JSON.stringify(headers)).toBeNull();
});

test("a host, a forwarding header or an origin of our own that isn't loopback shows another machine, and so does HTTP/1.0", () => {
  for (const headers of BEYOND) expect(findSign(headers), JSON.stringify(headers)).not.toBeNull();
  for (const headers of HERE) expect(findSign(headers, "1.0"), JSON.stringify(headers)).toBe("HTTP/1.0");
});

/** Makes the headers of a request as Next.js reads them, after `markPeer`. */
function markedHeaders(own: Record<string, string>, remoteAddress = "127.0.0.1", httpVersion = "1.1"): Headers {
  const request = { headers: { host: new URL(env.APP_URL).host, ...own }, socket: { remoteAddress }, httpVersion };
  markPeer(request as unknown as IncomingMessage);
  return new Headers(request.headers);
}

test("codes and metrics are shown to this machine only, also when a request forges our headers", async () => {
  await markDemonstration();
  const see = async (headers: Headers) => [await maySeeCodes(headers), await maySeeMetrics(headers)];
  expect(await see(markedHeaders({}))).toEqual([true, true]);
  expect(await see(markedHeaders({ origin: "https://elsewhere.example" }))).toEqual([true, true]);
  for (const own of [...BEYOND, { via: "1.1 something" }, { "x-forwarded-for": "a", "x-sarafan-peer": "loopback" }]) {
    expect(await see(markedHeaders(own)), JSON.stringify(own)).toEqual([false, false]);
  }
  expect(await see(markedHeaders({}, "192.0.2.1"))).toEqual([false, false]);
  expect(await see(markedHeaders({}, "127.0.0.1", "1.0"))).toEqual([false, false]);
  expect(await see(new Headers({ host: new URL(env.APP_URL).host, "x-sarafan-peer": "loopback" }))).toEqual([
    false,
    false,
  ]);
});

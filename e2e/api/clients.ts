import { randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { decodeJwt } from "jose";
import type { APIRequestContext, APIResponse } from "playwright/test";
import { expect, type Server } from "../fixtures";

/** An answer or its promise. */
export type Coming = APIResponse | Promise<APIResponse>;
/** A person who was sent a code and has not used it yet. */
export type Caller = { client: APIRequestContext; phone: string; code: string };
/** A person whose client has no cookies and sends the access token with every request. */
export interface TokenOwner {
  client: APIRequestContext;
  phone: string;
  id: number;
  inviteCode: string;
  access: string;
  refresh: string;
}
/** The fields of a login by mail. */
export type Contact = { phone: string; email: string };
/** The fixture of that name. */
type NewClient = (options?: { url?: string; headers?: Record<string, string> }) => Promise<APIRequestContext>;

/** Posts JSON that must be accepted. */
export async function post(client: APIRequestContext, path: string, data: unknown): Promise<APIResponse> {
  const answer = await client.post(path, { data });
  expect(answer.ok(), `${path} ${answer.status()} ${JSON.stringify(data)}`).toBe(true);
  return answer;
}

/** The header that an access token comes in (RFC 6750 §2.1). */
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Logs a person in by a code to their phone, with tokens. */
export async function logInWithTokens(newClient: NewClient, phone: string, server: Server): Promise<TokenOwner> {
  const { url, codeFor } = server;
  const caller = await newClient({ url });
  await post(caller, "/api/auth/request_code/", { phone });
  const answer = await post(caller, "/api/auth/verify_code/", { phone, code: await codeFor(phone) });
  const { access, refresh, invite_code } = await answer.json();
  const client = await newClient({ url, headers: bearer(access) });
  return { client, phone, id: Number(decodeJwt(access).sub), inviteCode: invite_code, access, refresh };
}

/** Logs a person in by a code to their phone; the client keeps the session cookie. */
export async function logInWithCookie(newClient: NewClient, phone: string, server: Server): Promise<APIRequestContext> {
  const client = await newClient({ url: server.url });
  await post(client, "/api/enter_phone/", { phone });
  await post(client, "/api/enter_code/", { verification_code: await server.codeFor(phone) });
  return client;
}

export const AUTHENTICATE = "/api/users/authenticate/";
/** A new mailbox. */
export const freshEmail = () => `${randomUUID()}@example.com`;
/** Asks for a code by mail. */
export const askByMail = (client: APIRequestContext, contact: Contact, headers = {}) =>
  client.post(AUTHENTICATE, { data: contact, headers });
/** Sends the code that came by mail. */
export const confirmByMail = (client: APIRequestContext, contact: Contact, code: string, headers = {}) =>
  client.post(AUTHENTICATE, { data: { ...contact, code }, headers });

/** Logs a person in by a code to their mailbox; the client keeps the session cookie. */
export async function logInByMail(newClient: NewClient, contact: Contact, server: Server) {
  const client = await newClient({ url: server.url });
  await post(client, AUTHENTICATE, contact);
  const code = await server.codeFor(contact.email.toLowerCase());
  const { id, invite_code } = await (await post(client, AUTHENTICATE, { ...contact, code })).json();
  return { client, ...contact, id: id as number, inviteCode: invite_code as string };
}

/** How a cookie is kept from scripts and from other sites. */
export const COOKIE = { httpOnly: true, sameSite: "Lax", path: "/", secure: false };

/** The client's cookie of that name. */
export async function cookieOf(client: APIRequestContext, name: string) {
  return (await client.storageState()).cookies.find((cookie) => cookie.name === name);
}

/** The headers of a client that kept, or stole, all present cookies. */
export async function copyCookies(client: APIRequestContext) {
  const { cookies } = await client.storageState();
  return { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; ") };
}

/** The headers of a client that kept only the cookie of the pending login. */
export async function copyPendingLogin(client: APIRequestContext) {
  return { cookie: `sarafan-login=${(await cookieOf(client, "sarafan-login"))?.value}` };
}

/** A forged token: it is unsigned and says so (`alg` none). */
export const UNSIGNED = "eyJhbGciOiJub25lIn0.e30.";

/** What a browser sends for a page of another site. */
export const FOREIGN = { origin: "https://evil.example" };

/** What browsers send for pages that are not of this server. */
export function foreignHeaders(url: string): Record<string, string>[] {
  const origins = ["null", url.replace("http:", "https:"), url.replace(/\d+$/, "1")];
  return [
    FOREIGN,
    ...origins.map((origin) => ({ origin })),
    { ...FOREIGN, "sec-fetch-site": "same-origin" },
    ...["cross-site", "same-site"].map((site) => ({ "sec-fetch-site": site })),
  ];
}

/** Expects the answer to a GET with a cookie by a page of another site, whose cookies are ignored. */
export const statusOfForeignGet = (headers: Record<string, string>) => (headers.origin ? 401 : 200);

/** What browsers send for pages of this server, by any name of this machine. */
export function ownHeaders(url: string): Record<string, string>[] {
  const hosts = ["localhost", "127.0.0.1", "[::1]"];
  return [
    ...hosts.map((host) => ({ origin: url.replace("localhost", host) })),
    ...["same-origin", "none"].map((site) => ({ "sec-fetch-site": site })),
  ];
}

/** Returns another code with as many digits. */
export const wrong = (code: string) => code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));

/** A phone in another spelling, in which $1 to $4 are the groups of its ten digits. */
export const spell = (phone: string, spelling: string) => phone.replace(/^\+7(...)(...)(..)(..)$/, spelling);

const TYPED = [
  "8 ($1) $2-$3-$4",
  "8$1$2$3$4",
  "7$1$2$3$4",
  "$1$2$3$4",
  "+7 $1 $2 $3 $4",
  " +7($1)$2-$3-$4 ",
  "\u202a+7 $1\u00a0$2-$3-$4\u202c",
];
/** Ways to write a phone, the last as a number. */
export const SPELLINGS: ((phone: string) => string | number)[] = [
  ...TYPED.map((spelling) => (phone: string) => spell(phone, spelling)),
  Number,
];

/** Ways to send a code: as a number, which loses its leading zeros, pasted twice, as it was heard, and as it was copied. */
export const WAYS_TO_TYPE_A_CODE: ((code: string) => string | number)[] = [
  Number,
  (code) => code + code,
  (code) => ` ${code.slice(0, 2)} - ${code.slice(2)} `,
  (code) => `\u2068${code.replace(/\d/g, (digit) => String.fromCodePoint(0x660 + Number(digit)))}\u2069\u200b`,
];

/** An invite code as a person may type it: in small letters, some of them Cyrillic, and with a gap. */
export function hear(inviteCode: string): string {
  const letters: Record<string, string> = { 0: "о", 1: "l", A: "а", C: "с", H: "н", K: "к", M: "м", P: "р", X: "х" };
  const heard = inviteCode.replace(/./g, (letter) => letters[letter] ?? letter).toLowerCase();
  return ` ${heard.slice(0, 3)} – ${heard.slice(3)}`;
}

const inNoText = (text: string) => [true, [text], { text }];
/** Malformed values for a text, a phone, a one-time code and an invite code. */
export const ODD = {
  texts: inNoText("text"),
  phones: ["+7 945 12", "abc", "+79450", "+794500000000000", 12, ...inNoText("+79450000000")],
  codes: ["123", "12345678901", "12a4", "code", -1, 1.5, ...inNoText("1234")],
  invites: ["ABC", "ABCDEF7", 12, ...inNoText("7Z7Z7Z")],
};
/** Values that resemble invite codes and belong to no account. */
export const UNKNOWN_INVITES = ["7Z7Z7Z", "AAAAAA", "000000", "UUUUUU", "жжжжжж", "ЩЩЩЩЩЩ", 123456];

/** The media types for fields other than JSON. */
export const PACKINGS = [
  ["a form", (form: Record<string, string>) => ({ form })],
  ["multipart", (multipart: Record<string, string>) => ({ multipart })],
] as const;

const packed = (coding: string, data: Buffer) => ({
  data,
  headers: { "content-type": "application/json", "content-encoding": coding },
});
const raw = (text: string, type: string) => ({ data: Buffer.from(text), headers: { "content-type": type } });
const HALF_OR_NO_OBJECTS = ['{"phone": ', "phone=1", "[]", '["phone"]', '"phone"', "1", "null"];
const UNREADABLE = [
  ...HALF_OR_NO_OBJECTS.map((text) => raw(text, "application/json")),
  ...["multipart/form-data", "multipart/form-data; boundary=x"].map((type) => raw("--x\r\nContent-Disp", type)),
];
const OTHER_TYPES = ["text/plain", "text/xml", "application/xml", "application/octet-stream"];
const padding = "x".repeat(17 * 1024);
/** Bodies that are refused before their fields are read: the reason, the status, the error's name, examples. */
export const BAD_BODIES = [
  ["can't be read", 400, "body_malformed", UNREADABLE],
  ["is of another type", 415, "media_type_unsupported", OTHER_TYPES.map((type) => raw("{}", type))],
  ["is packed", 415, "media_type_unsupported", [packed("gzip", gzipSync("{}")), packed("br", Buffer.from("{}"))]],
  ["is too large", 413, "body_too_large", [{ data: { padding } }, { form: { padding } }, { multipart: { padding } }]],
] as const;

/** Sends that many parallel requests and resolves to their statuses, the lowest first. */
export async function statusesAtOnce(count: number, send: (at: number) => Promise<APIResponse>): Promise<number[]> {
  const answers = await Promise.all(Array.from({ length: count }, (_, at) => send(at)));
  return answers.map((answer) => answer.status()).sort();
}

const trim = (path: string) => path.replace(/\/$/, "");

/** Reads a list from its first page to its last, as `Link` leads on (RFC 8288), and resolves to the bodies. */
export async function readPages(client: APIRequestContext, path: string, { url }: Server): Promise<unknown[]> {
  const pages: unknown[] = [];
  for (let next = path; ; ) {
    const answer = await client.get(next);
    pages.push(await answer.json());
    const { link } = answer.headers();
    if (link === undefined) return pages;
    next = /^<([^>]+)>; rel="next"$/.exec(link)?.[1] ?? "";
    const { origin, pathname, searchParams } = new URL(next);
    expect(origin + trim(decodeURIComponent(pathname))).toBe(url + trim(path));
    expect(searchParams.has("cursor"), link).toBe(true);
  }
}

export const RUSSIAN = expect.stringMatching(/[а-яё]/i);
export const INVITE_CODE = expect.stringMatching(/^(?=.*\d)(?=.*[A-Z])[0-9A-HJKMNP-TV-Z]{6}$/);
/** The names of the errors where no code is live. */
export const NO_LIVE_CODE = expect.stringMatching(/^code_(not_requested|expired)$/);
/** The messages about a missing field and about a malformed one. */
export const REQUIRED = ["This field is required."];
export const MALFORMED = [expect.stringMatching(/^(?!This field is required\.).+/)];

/** Compares everything that clients depend on, and resolves to the answer. */
export async function expectAnswer(coming: Coming, status: number, body: unknown, error?: unknown, about = "") {
  const answer = await coming;
  const headers = answer.headers();
  const given = { status: answer.status(), error: headers["sarafan-error"], body: await answer.json() };
  expect(given, `${answer.url()} ${about}`).toEqual({ status, error, body });
  expect(headers["content-type"]).toContain("application/json");
  expect(headers["cache-control"]).toContain("no-store");
  return answer;
}

/** Expects an answer that names each wrong field and its error. */
export const expectInvalid = (coming: Coming, fields: unknown, about?: string) =>
  expectAnswer(coming, 400, fields, "field_invalid", about);
/** Expects an answer about one missing field. */
export const expectMissing = (coming: Coming, field: string, about?: string) =>
  expectInvalid(coming, { [field]: REQUIRED }, about);
/** Expects an answer about one malformed field. */
export const expectMalformed = (coming: Coming, field: string, about?: string) =>
  expectInvalid(coming, { [field]: MALFORMED }, about);

/** Sends nothing in a field, and each of the values that are malformed there. */
export async function expectField(field: string, malformed: unknown[], send: (value: unknown) => Promise<APIResponse>) {
  for (const value of [undefined, null, ""]) await expectMissing(send(value), field, String(value));
  for (const value of malformed) await expectMalformed(send(value), field, JSON.stringify(value));
}

/** Expects a 401 for missing credentials, whose challenge names no error (RFC 6750 §3.1). */
export async function expectStranger(coming: Coming, body: unknown, error: string, about?: string) {
  const answer = await expectAnswer(coming, 401, body, error, about);
  const challenge = error === "token_invalid" ? 'Bearer error="invalid_token"' : "Bearer";
  expect(answer.headers()["www-authenticate"], about).toBe(challenge);
  return answer;
}

/** Expects the answer that the next code needs a wait of up to a minute. */
export async function expectTooEarly(coming: Coming, body: unknown) {
  const headers = (await expectAnswer(coming, 429, body, "resend_too_early")).headers();
  expect(headers["retry-after"]).toMatch(/^([1-9]|[1-5]\d|60)$/);
  expect(headers["sarafan-code-length"]).toBeUndefined();
}

const VERBS = ["DELETE", "GET", "PATCH", "POST", "PUT"];
const allowedBy = (answer: APIResponse) => VERBS.filter((verb) => answer.headers().allow?.split(/, */).includes(verb));

/** Expects the address to accept these methods only, and to list them for OPTIONS and for other methods. */
export async function expectVerbs(client: APIRequestContext, path: string, verbs: readonly string[], refusal: unknown) {
  const options = await client.fetch(path, { method: "OPTIONS" });
  expect([options.status(), allowedBy(options)], path).toEqual([204, verbs.toSorted()]);
  for (const method of VERBS.filter((verb) => !verbs.includes(verb))) {
    const answer = await expectAnswer(client.fetch(path, { method }), 405, refusal, "method_not_allowed", method);
    expect(allowedBy(answer), `${method} ${path}`).toEqual(verbs.toSorted());
  }
}

/** Where a 303 leads, without our own origin. */
export async function leadsTo(coming: Coming): Promise<string> {
  const answer = await coming;
  const { origin } = new URL(answer.url());
  expect(answer.status()).toBe(303);
  expect(answer.headers()["cache-control"]).toContain("no-store");
  return new URL(answer.headers().location ?? "", origin).href.replace(origin, "");
}

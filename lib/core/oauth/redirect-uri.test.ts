import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { composeAnswer, hasPrivateScheme, matchRedirectUri, RedirectUri } from "./redirect-uri";

const isAllowed = (uri: string) => RedirectUri.safeParse(uri).success;
const uris = (...texts: string[]) => texts.map((text) => RedirectUri.parse(text));

test("an application is reached by https, at a loopback address, or by a private scheme", () => {
  for (const uri of [
    "https://app.example",
    "https://app.example/",
    "https://app.example:8443/callback?tenant=7",
    "http://127.0.0.1/callback",
    "http://[::1]:8080/callback",
    "http://localhost:3000/api/auth/callback/sarafan",
    "com.example.app:/callback",
    "com.example.app://login/callback",
  ])
    expect(isAllowed(uri), uri).toBe(true);
});

test("a URI that a browser would read otherwise than it is written, or that is no application's, is refused", () => {
  for (const uri of [
    "",
    "/callback",
    "app.example/callback",
    "http://app.example/callback",
    "http://127.0.0.1.app.example/callback",
    "http://127.0.0.2/callback",
    "https://app.example/callback#part",
    "https://app.example/callback#",
    "https://person@app.example/callback",
    "https://person:word@app.example/callback",
    "https://@app.example/callback",
    "https://APP.example/callback",
    "https://app.example:443/callback",
    "https://app.example/a/../callback",
    "https://app.example\\callback",
    "https:app.example/callback",
    "https://app.example/ callback",
    "https://app.example/call\nback",
    "https://app.example/обратно",
    "https://приложение.example/callback",
    "https://*.app.example/callback",
    "https://app.example/callback?code=7",
    "https://app.example/callback?state=7",
    "https://app.example?tenant=7",
    "javascript:alert(1)",
    "data:text/html,hello",
    "myapp:/callback",
    "urn:ietf:wg:oauth:2.0:oob",
    `https://app.example/${"a".repeat(512)}`,
  ])
    expect(isAllowed(uri), uri).toBe(false);
});

test("the port of a loopback address may differ, and nothing else", () => {
  const registered = uris(
    "http://127.0.0.1/callback",
    "http://localhost:3000/callback?a=1",
    "https://app.example/callback",
  );
  for (const uri of ["http://127.0.0.1:49152/callback", "http://127.0.0.1/callback", "http://localhost:1/callback?a=1"])
    expect(matchRedirectUri(uri, registered), uri).toBe(uri);
  for (const uri of [
    "http://127.0.0.1:0/callback",
    "http://127.0.0.1:65536/callback",
    "http://127.0.0.1:080/callback",
    "http://127.0.0.1:49152/callback/",
    "http://127.0.0.1:49152/callback?a=1",
    "http://127.0.0.1:49152@stranger.example/callback",
    "http://[::1]:49152/callback",
    "http://localhost:3000/callback",
    "https://localhost:3000/callback?a=1",
    "https://app.example:8443/callback",
    "https://app.example/callback/",
    "https://app.example/callback?",
    "HTTPS://app.example/callback",
  ])
    expect(matchRedirectUri(uri, registered), uri).toBeNull();
});

const REGISTERED = uris(
  "https://app.example/callback",
  "https://app.example:8443/callback?tenant=7",
  "http://127.0.0.1/callback",
  "http://[::1]:8080/callback",
  "http://localhost:3000/callback",
  "com.example.app:/callback",
);

const REGISTERED_URLS = REGISTERED.map((uri) => new URL(uri));

/** Texts near a registered URI: with pieces put in, cut out or in place of others. */
const nearRegistered = fc
  .tuple(
    fc.constantFrom<string>(...REGISTERED),
    fc.array(
      fc.tuple(
        fc.nat(60),
        fc.nat(4),
        fc.oneof(
          fc.constantFrom(
            "@",
            ":",
            "/",
            "\\",
            "?",
            "#",
            "%2e",
            "..",
            ".",
            ":80",
            ":65535",
            "//",
            "\t",
            "stranger.example",
            "[",
            "]",
          ),
          fc.string({ maxLength: 3 }),
        ),
      ),
      { maxLength: 3 },
    ),
  )
  .map(([uri, edits]) =>
    edits.reduce((text, [at, length, piece]) => text.slice(0, at) + piece + text.slice(at + length), uri),
  );

// The properties below return whether they hold: an assertion takes milliseconds, and there are thousands of texts.
test("for any text in a request, a person is sent to the host, the path and the query of a registered URI only", () => {
  fc.assert(
    fc.property(fc.oneof(nearRegistered, fc.webUrl({ withQueryParameters: true }), fc.string()), (text) => {
      const matched = matchRedirectUri(text, REGISTERED);
      if (matched === null) return true;
      const answer = { code: "a b&c", state: "#/?&=", iss: "https://id.example" };
      const sent = new URL(composeAnswer(matched, { ...answer, error: null }));
      const added = Object.fromEntries([...sent.searchParams].slice(-3));
      const isRegistered = REGISTERED_URLS.some((one) => {
        const isLoopback = one.protocol === "http:";
        return (
          sent.protocol === one.protocol &&
          sent.hostname === one.hostname &&
          (isLoopback || sent.port === one.port) &&
          sent.pathname === one.pathname &&
          sent.search.startsWith(one.search) &&
          sent.username === "" &&
          sent.hash === ""
        );
      });
      return isRegistered && isDeepStrictEqual(added, answer);
    }),
    { numRuns: 3000 },
  );
});

test("a URI that may be registered matches itself, and has no fragment and no credentials", () => {
  fc.assert(
    fc.property(fc.oneof(nearRegistered, fc.webUrl({ validSchemes: ["https", "http", "com.example"] })), (text) => {
      const uri = RedirectUri.safeParse(text).data;
      if (uri === undefined) return true;
      const { hash, username, password, protocol, hostname } = new URL(text);
      const isWeb = protocol === "https:" || protocol === "http:";
      return (
        matchRedirectUri(text, [uri]) === uri &&
        hash + username + password === "" &&
        (protocol !== "http:" || ["127.0.0.1", "[::1]", "localhost"].includes(hostname)) &&
        hasPrivateScheme(uri) === !isWeb
      );
    }),
    { numRuns: 3000 },
  );
});

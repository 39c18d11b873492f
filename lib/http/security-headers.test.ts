import { expect, _baseTest as test } from "playwright/test";
import { config, proxy } from "@/proxy";

const at = (path: string, headers: Record<string, string> = {}) =>
  new Request(`http://localhost:3000${path}`, { headers });

test("each page has a nonce of its own, also on a host where before-next.ts doesn't run", async () => {
  const draw = async (path: string) => {
    const answer = await proxy(at(path, { accept: "text/html" }));
    const policy = answer?.headers.get("content-security-policy") ?? "";
    // Next.js reads the nonce for its scripts from the request.
    expect(answer?.headers.get("x-middleware-request-content-security-policy")).toBe(policy);
    expect(answer?.headers.get("x-middleware-request-accept")).toBe("text/html");
    return /script-src 'nonce-([\w+/]{22}==)' 'strict-dynamic';/.exec(policy)?.[1];
  };
  const nonces = [await draw("/login"), await draw("/login")];
  expect(nonces[0]).toBeDefined();
  expect(nonces[1]).not.toBe(nonces[0]);
});

test("proxy.ts doesn't run for a page that has its policy already", async () => {
  expect(await proxy(at("/login", { "content-security-policy": "script-src 'nonce-1'" }))).toBeUndefined();
  const { source, missing } = config.matcher.at(-1) ?? {};
  expect(missing).toEqual([{ type: "header", key: "content-security-policy" }]);
  const asks = (path: string) => new RegExp(`^${source}$`).test(path);
  expect(["/", "/login", "/i/7K4M2P", "/api", "/nowhere"].map(asks)).toEqual([true, true, true, true, true]);
  expect(["/api/profile/", "/_next/static/chunks/a.js", "/oauth/token"].map(asks)).toEqual([false, false, false]);
});

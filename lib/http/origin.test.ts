import { expect, _baseTest as test } from "playwright/test";
import { config, proxy } from "@/proxy";

const CALLED_BY_APPLICATIONS = ["/oauth/token", "/oauth/token/", "/oauth/revoke", "/oauth/userinfo"];
const NAVIGATION_PATHS = ["/oauth/authorize", "/oauth/authorize/", "/oauth/logout"];

const FOREIGN = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" };
/** What a browser sends when its whole window goes to the address. */
const NAVIGATION = { ...FOREIGN, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };

/** Whether proxy.ts runs for a request with these headers, for the sources that are regular expressions as they are. */
function isMatched(path: string, headers: Record<string, string>): boolean {
  const isThere = ({ key, value = ".*" }: { key: string; value?: string }) =>
    new RegExp(`^${value}$`).test(headers[key] ?? "\n");
  return config.matcher
    .filter(({ source }) => source.startsWith("/("))
    .some(
      ({ source, has = [], missing = [] }) =>
        new RegExp(`^${source}$`).test(path) && has.every(isThere) && !missing.some(isThere),
    );
}

/** Returns the failure by which proxy.ts refuses the request; null if Next.js answers it. */
async function refusalOf(path: string, method: string, headers: Record<string, string>): Promise<string | null> {
  const url = `http://localhost:3000${path}`;
  // As before-next.ts sets it for each request.
  const all = { ...headers, "content-security-policy": "script-src 'nonce-1'" };
  if (!isMatched(path, all)) return null;
  const answer = await proxy(new Request(url, { method, headers: all }));
  return answer?.headers.get("sarafan-error") ?? null;
}

test("requests for tokens get past proxy.ts, from any origin and with a body of any length", async () => {
  for (const path of CALLED_BY_APPLICATIONS) {
    const headers = { ...FOREIGN, "content-type": "application/x-www-form-urlencoded", "content-length": "99999" };
    expect(await refusalOf(path, "POST", headers), path).toBeNull();
  }
  for (const path of ["/oauth/token/x", "/oauth/tokens", "/oauth", "/x/oauth/token", "/oauth/consent/x", "/login"]) {
    expect(await refusalOf(path, "POST", FOREIGN), path).toBe("origin_foreign");
  }
});

test("pages of applications send a person to log in and to log out, and load neither in the background", async () => {
  for (const path of NAVIGATION_PATHS) {
    for (const method of ["GET", "POST"]) {
      expect(await refusalOf(path, method, NAVIGATION), `${method} ${path}`).toBeNull();
      for (const dest of ["image", "iframe", "script", "empty"]) {
        const headers = { ...NAVIGATION, "sec-fetch-dest": dest };
        expect(await refusalOf(path, method, headers), `${method} ${path} ${dest}`).toBe("origin_foreign");
      }
      const prefetched = { ...NAVIGATION, "sec-purpose": "prefetch" };
      expect(await refusalOf(path, method, prefetched), `${method} ${path}`).toBe("origin_foreign");
    }
  }
  expect(await refusalOf("/oauth/consent/x", "POST", NAVIGATION)).toBe("origin_foreign");
  expect(await refusalOf("/oauth/logout/x", "POST", NAVIGATION)).toBe("origin_foreign");
});

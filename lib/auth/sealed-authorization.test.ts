import { randomBytes, randomUUID } from "node:crypto";
import { expect, _baseTest as test } from "playwright/test";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { RedirectUri } from "@/lib/core/oauth/redirect-uri";
import { Scope } from "@/lib/core/oauth/scopes";
import { NONCE_BYTES_MAX, REDIRECT_URI_LENGTH_MAX, STATE_BYTES_MAX } from "@/lib/core/policy";
import {
  ANSWER_KIND,
  chooseCookiesToRemove,
  PENDING_KIND,
  type PendingAuthorization,
  sealAuthorizationAnswer,
  sealPendingAuthorization,
} from "./sealed-authorization";
import { decryptToken } from "./sealed-cookie";

const drawId = () => randomBytes(16).toString("base64url");

function pendingAt(startedAt: Date, changes: Partial<PendingAuthorization> = {}): PendingAuthorization {
  return {
    id: drawId(),
    clientId: randomBytes(12).toString("hex"),
    redirectUri: RedirectUri.parse("https://app.example/callback"),
    scopes: ["openid"],
    state: "a state",
    nonce: null,
    codeChallenge: randomBytes(32).toString("base64url"),
    prompts: [],
    maxAgeS: null,
    loginHint: null,
    expectedSub: null,
    sessionIdAtStart: null,
    invite: null,
    startedAt,
    ...changes,
  };
}

/** A request in which everything is as long as it may be. */
const longest = (startedAt: Date) =>
  pendingAt(startedAt, {
    redirectUri: RedirectUri.parse("https://app.example/".padEnd(REDIRECT_URI_LENGTH_MAX, "c")),
    scopes: [...Scope.options],
    // A quotation mark takes two bytes as JSON.
    state: '"'.repeat(STATE_BYTES_MAX / 2),
    nonce: "ж".repeat(Math.floor(NONCE_BYTES_MAX / 2)),
    prompts: ["login", "consent"],
    maxAgeS: 9_999_999_999,
    loginHint: Phone.parse("+79451234567"),
    expectedSub: randomBytes(32).toString("base64url"),
    sessionIdAtStart: randomUUID(),
    invite: { code: InviteCode.parse("7K4M2P"), isChecked: false },
  });

const cookieOf = (pending: PendingAuthorization) => ({
  name: `__Host-sarafan-authorize-${pending.id}`,
  value: sealPendingAuthorization(pending),
});

test("a pending authorization is read as it was sealed, and neither it nor an answer is read as the other", () => {
  const pending = longest(new Date());
  const sealed = sealPendingAuthorization(pending);
  expect(sealed).not.toContain("+7945");
  expect(decryptToken(PENDING_KIND, sealed)).toEqual(pending);
  expect(decryptToken(ANSWER_KIND, sealed)).toBeNull();
  const answer = { id: pending.id, clientName: "Tea", address: "https://app.example/callback?code=x" };
  expect(decryptToken(ANSWER_KIND, sealAuthorizationAnswer(answer))).toEqual(answer);
  expect(decryptToken(PENDING_KIND, sealAuthorizationAnswer(answer))).toBeNull();
});

test("the longest request fits into one cookie, and all requests that a browser keeps into its header", () => {
  const { name, value } = cookieOf(longest(new Date()));
  // The attributes count as well, with the name and value (RFC 6265 §6.1).
  expect(
    `${name}=${value}; Path=/; Expires=${new Date().toUTCString()}; Max-Age=1800; Secure; HttpOnly; SameSite=lax`
      .length,
  ).toBeLessThan(4096);
  const kept = Array.from({ length: 20 }).reduce<{ name: string; value: string }[]>((cookies, _, at) => {
    const added = cookieOf(longest(new Date(Date.now() + at)));
    const removed = chooseCookiesToRemove(cookies, added.name.length + added.value.length);
    return [...cookies.filter((cookie) => !removed.includes(cookie.name)), added];
  }, []);
  expect(kept.map((cookie) => `${cookie.name}=${cookie.value}`).join("; ").length).toBeLessThan(8300);
  expect(kept.length).toBeGreaterThan(1);
});

test("when a browser has too many requests, the oldest go, and before them what can't be opened", () => {
  const requests = [1, 2, 3, 4].map((minute) => cookieOf(pendingAt(new Date(minute * 60_000))));
  expect(chooseCookiesToRemove(requests, 700)).toEqual([]);
  const fifth = cookieOf(pendingAt(new Date(5 * 60_000)));
  expect(chooseCookiesToRemove([...requests, fifth], 700)).toEqual([requests[0]?.name]);
  const forged = { name: "__Host-sarafan-authorize-x", value: "forged" };
  expect(chooseCookiesToRemove([forged, ...requests], 700)).toEqual([forged.name]);
});

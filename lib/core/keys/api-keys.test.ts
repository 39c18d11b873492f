import { expect, test } from "playwright/test";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { backgroundTasks } from "@/lib/core/background";
import { API_REQUESTS_PER_KEY_PER_MINUTE } from "@/lib/core/policy";
import { readPrimary } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { failureOf } from "@/lib/testing/people";
import { statementsOf } from "@/lib/testing/transactions";
import { checkApiKey, countRequest, KeyName, listApiKeys, makeApiKey, revokeApiKey, Scopes } from "./api-keys";

const MINUTE_MS = 60_000;
const after = (time: Date, ms: number) => new Date(time.getTime() + ms);

async function freshKey({ endsAt = null, now = new Date() }: { endsAt?: Date | null; now?: Date } = {}) {
  const made = await makeApiKey(COMMAND_LINE, { name: "a test", scopes: ["accounts:read"], endsAt }, now);
  if (!made.ok) throw new Error(made.failure.name);
  return made.value;
}

test.afterEach(backgroundTasks);

test("a key works until it ends or is revoked, with its scopes alone", async () => {
  const now = new Date();
  const { id, key } = await freshKey({ endsAt: after(now, MINUTE_MS), now });
  expect(key).toMatch(/^sk_[0-9A-Za-z]{49}$/);
  expect(await checkApiKey(key, now)).toEqual({ ok: true, value: { keyId: id, scopes: ["accounts:read"] } });
  expect(failureOf(await checkApiKey(key, after(now, MINUTE_MS)))).toBe("key_ended");
  expect(failureOf(await revokeApiKey(COMMAND_LINE, { id }))).toBe("none");
  expect(failureOf(await checkApiKey(key, now))).toBe("key_revoked");
  expect(failureOf(await revokeApiKey(COMMAND_LINE, { id }))).toBe("key_unknown");
  expect(failureOf(await makeApiKey(COMMAND_LINE, { name: "late", scopes: ["events:read"], endsAt: now }, now))).toBe(
    "end_invalid",
  );
});

test("a key with a wrong character, a part of a key and a person's token are refused without the database", async () => {
  const { key } = await freshKey();
  const wrong = Array.from(
    key,
    (character, at) => key.slice(0, at) + (character === "a" ? "b" : "a") + key.slice(at + 1),
  );
  const texts = [
    ...wrong.filter((text) => text !== key),
    key.slice(0, -1),
    `${key}0`,
    key.slice(3),
    "",
    "eyJhbGciOiJFZERTQSJ9.e30.x",
  ];
  const asked = await statementsOf(async () => {
    for (const text of texts) expect(failureOf(await checkApiKey(text)), text).toBe("key_unknown");
  });
  expect(asked).toEqual([]);
});

test("keys that are used at the same time are each noted as used", async () => {
  const now = new Date();
  const keys = [await freshKey({ now }), await freshKey({ now })];
  await Promise.all(keys.map(({ key }) => checkApiKey(key, now)));
  await backgroundTasks();
  const rows = await readPrimary.apiKey.findMany({ where: { id: { in: keys.map(({ id }) => id) } } });
  expect(rows.map(({ lastUsedAt }) => lastUsedAt)).toEqual([now, now]);
});

test("a key is stored as a hash, and its last use to a minute", async () => {
  const now = new Date();
  const { id, key } = await freshKey({ now });
  const stored = async () => readPrimary.apiKey.findUniqueOrThrow({ where: { id } });
  expect(JSON.stringify(await stored())).not.toContain(key.slice(9, 40));
  const lastUseAfter = async (time: Date) => {
    await checkApiKey(key, time);
    await backgroundTasks();
    return (await stored()).lastUsedAt;
  };
  expect((await stored()).lastUsedAt).toBeNull();
  expect(await lastUseAfter(now)).toEqual(now);
  expect(await lastUseAfter(after(now, MINUTE_MS - 1))).toEqual(now);
  expect(await lastUseAfter(after(now, MINUTE_MS))).toEqual(after(now, MINUTE_MS));
  expect((await listApiKeys()).find(({ keyId }) => keyId === id)).toMatchObject({
    ...{ name: "a test", hint: key.slice(0, 8), isOpen: true, lastUsedAt: after(now, MINUTE_MS) },
  });
});

test("making and revoking a key are recorded, with the administrator's reason and without the key", async () => {
  const { administrator, userId } = await freshAdministrator();
  const reason = "for the shop";
  const made = await makeApiKey(administrator, { name: "shop", scopes: ["events:read"], endsAt: null, reason });
  if (!made.ok) throw new Error(made.failure.name);
  const { id, key } = made.value;
  await revokeApiKey(administrator, { id, reason });
  const rows = await readPrimary.auditEvent.findMany({ where: { actorId: userId, actorKind: "administrator" } });
  const events = rows.filter(({ action }) => action.startsWith("api_key"));
  expect(events.map(({ action, details }) => [action, JSON.parse(details)])).toEqual([
    ["api_key_made", { reason, apiKey: id, scopes: ["events:read"] }],
    ["api_key_revoked", { reason, apiKey: id }],
  ]);
  expect(JSON.stringify(events)).not.toContain(key.slice(3));
  const late = after(new Date(), 60 * MINUTE_MS);
  expect(failureOf(await revokeApiKey(administrator, { id, reason }, late))).toBe("login_too_old");
});

test("a key may send so many requests a minute, and other keys are not affected", async () => {
  const now = new Date();
  const [one, other] = [await freshKey(), await freshKey()].map(({ id }) => ({ keyId: id, scopes: [] }));
  if (!one || !other) throw new Error("no key");
  for (let sent = 0; sent < API_REQUESTS_PER_KEY_PER_MINUTE; sent += 1) await countRequest(one, now);
  expect(await countRequest(one, now)).toMatchObject({
    ok: false,
    failure: { name: "budget_spent", retryAfterMs: MINUTE_MS },
  });
  expect(failureOf(await countRequest(other, now))).toBe("none");
  expect(failureOf(await countRequest(one, after(now, MINUTE_MS)))).toBe("none");
});

test("unknown scopes and empty names are refused", () => {
  const problemOf = (parsed: { success: boolean; error?: { issues: { message: string }[] } }) =>
    parsed.error?.issues[0]?.message;
  expect(problemOf(Scopes.safeParse([]))).toBe("scopes_missing");
  expect(problemOf(Scopes.safeParse(["accounts:read", "everything"]))).toBe("scope_unknown");
  expect(Scopes.parse(["events:read", "accounts:read", "events:read"])).toEqual(["accounts:read", "events:read"]);
  expect(problemOf(KeyName.safeParse("  "))).toBe("name_missing");
  expect(problemOf(KeyName.safeParse("x".repeat(101)))).toBe("name_too_long");
});

import { expect, test } from "playwright/test";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { readPrimary, write } from "@/lib/db/database";
import { failureOf } from "@/lib/testing/people";
import {
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  findWebhookEndpoint,
  makeWebhookEndpoint,
  rotateWebhookSecret,
  type WebhookChoice,
} from "./webhook-endpoints";

const CHOICE: WebhookChoice = { url: "https://shop.example/", types: null, description: "a test", hasPhones: false };

async function freshKey(scopes: string) {
  const data = { name: "a test", keyHash: crypto.randomUUID(), hint: "sk_", scopes, madeAt: new Date() };
  const { id: keyId } = await write((tx) => tx.apiKey.create({ data }));
  return { kind: "api_key" as const, keyId };
}

async function hook(choice: Partial<WebhookChoice>) {
  const made = await makeWebhookEndpoint(COMMAND_LINE, { ...CHOICE, types: ["alarm.ended"], ...choice });
  if (!made.ok) throw new Error(made.failure.name);
  return made.value.id;
}

test("a key without phones:read has no phones sent, and gets no secret that signs them", async () => {
  const [writer, seeing] = [await freshKey("webhooks:write"), await freshKey("phones:read webhooks:write")];
  const [plain, seen] = [await hook({}), await hook({ hasPhones: true })];
  const before = await readPrimary.webhookEndpoint.findUniqueOrThrow({ where: { id: seen } });
  const change = async (id: string, changes: Parameters<typeof changeWebhookEndpoint>[2], actor = writer) =>
    failureOf(await changeWebhookEndpoint(actor, id, changes));
  try {
    const refused = "phones_scope_missing";
    expect(failureOf(await makeWebhookEndpoint(writer, { ...CHOICE, hasPhones: true }))).toBe(refused);
    expect(await change(plain, { hasPhones: true })).toBe(refused);
    expect(await change(seen, { url: "https://thief.example/" })).toBe(refused);
    expect(failureOf(await rotateWebhookSecret(writer, seen))).toBe(refused);
    expect(await readPrimary.webhookEndpoint.findUniqueOrThrow({ where: { id: seen } })).toEqual(before);
    expect(await change(seen, { isPaused: true, description: "paused" })).toBe("none");
    expect(await change(seen, { isPaused: false })).toBe(refused);
    expect(await change(seen, { isPaused: false, hasPhones: false, url: "https://other.example/" })).toBe("none");
    expect(await change(seen, { hasPhones: true, url: CHOICE.url }, seeing)).toBe("none");
    expect(failureOf(await rotateWebhookSecret(seeing, seen))).toBe("none");
    expect(failureOf(await rotateWebhookSecret(writer, plain))).toBe("none");
    expect(await findWebhookEndpoint(seen)).toMatchObject({ hasPhones: true, url: CHOICE.url, state: "active" });
  } finally {
    for (const id of [plain, seen]) await deleteWebhookEndpoint(writer, id);
  }
});

test("a URL is stored as it is called, without line breaks and control characters", async () => {
  const id = await hook({ url: " https://shop.example/\u001b[2J\nwe_forged\thttps://x.example " });
  try {
    expect((await findWebhookEndpoint(id))?.url).toBe("https://shop.example/%1B[2Jwe_forgedhttps://x.example");
    const changed = await changeWebhookEndpoint(COMMAND_LINE, id, { url: "https://SHOP.example\n" });
    expect(changed).toMatchObject({ ok: true, value: { url: "https://shop.example/" } });
    expect((await findWebhookEndpoint(id))?.url).toBe("https://shop.example/");
  } finally {
    await deleteWebhookEndpoint(COMMAND_LINE, id);
  }
});

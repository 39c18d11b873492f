import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, _baseTest as test } from "playwright/test";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { AnsweredEvent, EVENT_BODIES, EventBody, exampleOf, jsonSchemaOf } from "./event-body";
import { EVENT_TYPES, isAccountEventType } from "./event-types";
import { drawWebhookSecrets, openWebhookSecrets, signWebhook } from "./webhook-signing";

test("an event whose type only a newer version knows is answered as it is", () => {
  const newer = { ...exampleOf("account.updated"), type: "account.merged", data: { into: 17 } };
  expect(EventBody.safeParse(newer).success).toBe(false);
  expect(z.array(AnsweredEvent).parse([newer])).toEqual([newer]);
});

test("each type of event has a JSON Schema that names all fields, and an example that fits", () => {
  for (const type of EVENT_TYPES) {
    const schema = jsonSchemaOf(type);
    expect(schema.properties?.type).toEqual({ type: "string", const: type });
    expect(schema.properties?.accountId).toMatchObject({ type: isAccountEventType(type) ? "integer" : "null" });
    expect(schema.required).toEqual(["id", "type", "timestamp", "accountId", "sequence", "isTest", "data"]);
    const example = exampleOf(type);
    expect(EVENT_BODIES[type].parse(example)).toEqual(example);
    expect(z.fromJSONSchema(schema as never).parse(example)).toEqual(example);
    const other = exampleOf(EVENT_TYPES.find((each) => each !== type) ?? type);
    expect(z.fromJSONSchema(schema as never).safeParse(other).success).toBe(false);
  }
});

test("docs/events.md tells of each type of event what its schema says, with its example", () => {
  const text = readFileSync("docs/events.md", "utf8");
  const sections = [...text.matchAll(/^#### (\S+)\n\n(.+)\n\n```json\n([\s\S]+?)\n```$/gm)];
  const told = sections.map(([, type, description, data = ""]) => ({ type, description, data: JSON.parse(data) }));
  const described = EVENT_TYPES.map((type) => ({
    ...{ type, description: EVENT_BODIES[type].description },
    data: exampleOf(type).data,
  }));
  expect(told).toEqual(described);
});

/** Returns the code of docs/events.md that has this text, as a function of these parameters that returns `result`. */
function codeOf(text: string, { params, result }: { params: string[]; result: string }) {
  const blocks = [...readFileSync("docs/events.md", "utf8").matchAll(/```js\n([\s\S]+?)```/g)].map(
    ([, code = ""]) => code,
  );
  const code = blocks.find((block) => block.includes(text)) ?? "";
  return new Function(...params, `${code.replace(/^import .+$/gm, "")}; return ${result};`);
}

test("the code of docs/events.md that verifies webhooks accepts ours, and no other", () => {
  const { sealed, secret, publicKey } = drawWebhookSecrets("we_docs");
  const opened = openWebhookSecrets(sealed, "we_docs");
  if (!opened) throw new Error("the secrets can't be opened");
  const body = JSON.stringify(exampleOf("account.created"));
  const headers = signWebhook({ id: "msg_1", at: new Date(), body }, [opened.secrets]);
  const byPackage = codeOf("standardwebhooks", {
    params: ["Webhook", "process", "body", "request"],
    result: "event",
  });
  const env = { SECRET: secret };
  expect(byPackage(Webhook, { env }, body, { headers })).toEqual(exampleOf("account.created"));
  expect(() => byPackage(Webhook, { env }, `${body} `, { headers })).toThrow();
  const params = ["createPublicKey", "verify", "publicKey", "headers", "body"];
  const byKey = codeOf("createPublicKey", { params, result: "isGenuine" });
  expect(byKey(createPublicKey, verify, publicKey, headers, body)).toBe(true);
  expect(byKey(createPublicKey, verify, publicKey, headers, `${body} `)).toBe(false);
});

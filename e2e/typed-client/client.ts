// A backend that uses the management API by the types of `sarafan.d.ts`. The test that runs it checks its types first.
import createClient from "openapi-fetch";
import type { paths } from "./sarafan";

const [baseUrl = "", key = "", phone = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${key}` } });
const reason = "for the typed client";

// Other clients have used the server before, so the events from here on are read.
const { data: end } = await client.GET("/api/manage/v1/events", { params: { query: { after: "now" } } });
if (!end) throw new Error("there is no end of the events");

const headers = { "Idempotency-Key": crypto.randomUUID() };
const { data: made, error } = await client.POST("/api/manage/v1/accounts", {
  body: { phone, reason },
  params: { header: headers },
});
if (!made) throw new Error(error.detail);

const { data: endpoint } = await client.POST("/api/manage/v1/webhook-endpoints", {
  body: { url: "https://shop.example/webhooks", types: ["alarm.ended"] },
});
if (!endpoint) throw new Error("there is no endpoint");
const path = { endpoint_id: endpoint.id };
const read = await client.GET("/api/manage/v1/webhook-endpoints/{endpoint_id}", { params: { path } });
const header = { "If-Match": read.response.headers.get("etag") ?? "" };
const changed = await client.PATCH("/api/manage/v1/webhook-endpoints/{endpoint_id}", {
  params: { path, header },
  body: { isPaused: true },
});
const state: "active" | "paused" | "disabled" | undefined = changed.data?.state;
await client.DELETE("/api/manage/v1/webhook-endpoints/{endpoint_id}", { params: { path } });

const { data: page } = await client.GET("/api/manage/v1/accounts", { params: { query: { phone, limit: "10" } } });
const { data: log } = await client.GET("/api/manage/v1/events", {
  params: { query: { after: end.next, types: "account.created" } },
});
const event = log?.events.find((each) => each.type === "account.created" && each.accountId === made.id);
const missing = await client.GET("/api/manage/v1/activations/{id}", { params: { path: { id: String(made.id) } } });
const detail: string | undefined = missing.error?.detail;

// @ts-expect-error: an account needs a reason.
const refused = await client.POST("/api/manage/v1/accounts", { body: { phone } });
// @ts-expect-error: there is no such address.
const unknown = await client.GET("/api/manage/v1/account");

process.stdout.write(
  JSON.stringify({
    ...{ id: made.id, inviteCode: made.inviteCode, isSecretShown: endpoint.secret !== null, state, detail },
    ...{ accounts: page?.accounts.map(({ id, isTest }) => ({ id, isTest })), event: event?.type },
    statuses: [refused.response.status, unknown.response.status],
  }),
);

import { z } from "zod";
import {
  changeWebhookEndpoint,
  deleteWebhookEndpoint,
  findWebhookEndpoint,
  listWebhookEndpoints,
  makeWebhookEndpoint,
  rotateWebhookSecret,
  sendTestEvent,
  WebhookDescription,
  type WebhookEndpoint,
  WebhookTypes,
} from "@/lib/core/events/webhook-endpoints";
import { fail } from "@/lib/core/result";
import { address, reply } from "./engine";
import type { KeyCall } from "./keys";
import { etagOf, manageApi, problem, StorableText, Time, VERSION_CHANGED, versionsOf } from "./manage";

export const ENDPOINTS = "/api/manage/v1/webhook-endpoints";

const HasPhones = z.boolean().meta({
  description: "Whether its events have the account's phone and mailbox. To choose so, a key needs `phones:read`.",
});
const Url = StorableText.meta({ examples: ["https://shop.example/webhooks"] });
const Description = StorableText.pipe(WebhookDescription)
  .nullable()
  .transform((text) => text ?? "");

const Endpoint = z.object({
  id: z.string().meta({ examples: ["we_4fzJ0v3hRk6n8qTzWm1xYg"] }),
  url: Url,
  description: z.string(),
  types: z.array(z.string()).nullable().meta({ description: "The types of events that it gets; null for all." }),
  hasPhones: HasPhones,
  state: z.enum(["active", "paused", "disabled"]),
  disabledReason: z
    .enum(["gone", "failing"])
    .nullable()
    .meta({ description: "Why the server disabled it: the receiver answered 410, or failed for days." }),
  publicKey: z.string().meta({ description: "Verifies the signatures `v1a`." }),
  previousSecretUntil: Time.nullable().meta({
    description: "Until when the secret before the last rotation signs, too.",
  }),
  failingSince: Time.nullable().meta({ description: "The first failed attempt after the last success." }),
  missedAt: Time.nullable().meta({ description: "When events were deleted before this endpoint got them." }),
  madeAt: Time,
});
const secret = z.string().nullable().meta({ description: "`whsec_…`, shown this once." });
const publicKey = z.string().meta({ description: "`whpk_…`" });

function endpointOf({ reason, previousUntil, version: _, ...endpoint }: WebhookEndpoint): z.input<typeof Endpoint> {
  const { failingSince, missedAt, madeAt } = endpoint;
  return {
    ...endpoint,
    disabledReason: reason,
    previousSecretUntil: previousUntil?.toISOString() ?? null,
    failingSince: failingSince?.toISOString() ?? null,
    missedAt: missedAt?.toISOString() ?? null,
    madeAt: madeAt.toISOString(),
  };
}

export const ENDPOINT_UNKNOWN = problem(404, "endpoint_unknown", "There is no such webhook endpoint.");
const URL_REFUSED = problem(
  400,
  "url_refused",
  "Webhooks go to https addresses on public networks, at a usual port, without a user name: see WEBHOOK_PRIVATE_RANGES for others.",
);
const PHONES_SCOPE_MISSING = problem(
  403,
  "phones_scope_missing",
  "The endpoint gets phones and mailboxes. To choose that, its URL or its secret, or to let it go on, a key needs the scope phones:read.",
);

export const webhookEndpoints = address(manageApi, ENDPOINTS, (endpoint) => ({
  GET: endpoint({
    summary: "All webhook endpoints, the oldest first",
    who: "key",
    scope: "webhooks:read",
    answer: { body: z.object({ webhookEndpoints: z.array(Endpoint) }) },
    run: async () => reply({ webhookEndpoints: (await listWebhookEndpoints()).map(endpointOf) }),
    failures: {},
  }),
  POST: endpoint({
    summary: "Makes a webhook endpoint, which gets the events from now on",
    who: "key",
    scope: "webhooks:write",
    input: {
      url: Url,
      types: WebhookTypes.optional().meta({ description: "The types of events that it gets; without it, all." }),
      description: Description.optional(),
      hasPhones: HasPhones.optional(),
    },
    answer: {
      status: 201,
      body: z.object({ id: z.string(), secret, publicKey }),
      secrets: ["secret"],
      headers: ["Location"],
    },
    run: ({ key, input: { url, types = null, description = "", hasPhones = false } }) =>
      key.deed(
        (actor) => makeWebhookEndpoint(actor, { url, types, description, hasPhones }),
        (made) => reply(made, { Location: `${ENDPOINTS}/${made.id}` }),
      ),
    failures: {
      phones_scope_missing: PHONES_SCOPE_MISSING,
      url_refused: URL_REFUSED,
      endpoints_full: problem(
        409,
        "endpoints_full",
        "There are as many webhook endpoints as there can be. Delete one.",
      ),
    },
  }),
}));

export const webhookEndpoint = address(manageApi, `${ENDPOINTS}/{endpoint_id}`, (endpoint) => ({
  GET: endpoint({
    summary: "A webhook endpoint",
    who: "key",
    scope: "webhooks:read",
    answer: { body: Endpoint, headers: ["ETag"] },
    run: async ({ params }) => {
      const found = await findWebhookEndpoint(readEndpointId(params.endpoint_id));
      return found ? replyWith(found) : fail({ name: "endpoint_unknown" });
    },
    failures: { endpoint_unknown: ENDPOINT_UNKNOWN },
  }),
  PATCH: endpoint({
    summary: "Changes a webhook endpoint, pauses it, or lets it go on",
    who: "key",
    scope: "webhooks:write",
    ifMatch: "required",
    input: {
      url: Url.optional(),
      types: WebhookTypes.optional().meta({ description: "Null for all types." }),
      description: Description.optional().meta({ description: "Null for none." }),
      hasPhones: HasPhones.optional(),
      isPaused: z
        .boolean()
        .optional()
        .meta({ description: "False also lets an endpoint go on that the server disabled." }),
    },
    answer: { body: Endpoint, headers: ["ETag"] },
    run: async ({ key, params, input }) => {
      const found = await findSeen(key, params.endpoint_id);
      if (!found.ok) return found;
      const { id, version } = found.endpoint;
      return key.deed((actor) => changeWebhookEndpoint(actor, id, input, { version }), replyWith);
    },
    failures: {
      endpoint_unknown: ENDPOINT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      phones_scope_missing: PHONES_SCOPE_MISSING,
      url_refused: URL_REFUSED,
    },
  }),
  DELETE: endpoint({
    summary: "Deletes a webhook endpoint with its deliveries",
    who: "key",
    scope: "webhooks:write",
    ifMatch: "optional",
    answer: { body: z.void() },
    run: async ({ key, params }) => {
      const found = await findSeen(key, params.endpoint_id);
      if (!found.ok) return found;
      const { id, version } = found.endpoint;
      const seen = versionsOf(key.ifMatch) ? { version } : {};
      return key.deed(
        (actor) => deleteWebhookEndpoint(actor, id, seen),
        () => reply(undefined),
      );
    },
    failures: { endpoint_unknown: ENDPOINT_UNKNOWN, version_changed: VERSION_CHANGED },
  }),
}));

export const webhookRotation = address(manageApi, `${ENDPOINTS}/{endpoint_id}/rotate-secret`, (endpoint) => ({
  POST: endpoint({
    summary: "Gives a webhook endpoint a new secret; the previous one signs as well for a day",
    who: "key",
    scope: "webhooks:write",
    answer: { body: z.object({ secret, publicKey }), secrets: ["secret"] },
    run: ({ key, params }) =>
      key.deed(
        (actor) => rotateWebhookSecret(actor, readEndpointId(params.endpoint_id)),
        (shown) => reply(shown),
      ),
    failures: {
      endpoint_unknown: ENDPOINT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      phones_scope_missing: PHONES_SCOPE_MISSING,
    },
  }),
}));

export const webhookTest = address(manageApi, `${ENDPOINTS}/{endpoint_id}/test`, (endpoint) => ({
  POST: endpoint({
    summary: "Sends a webhook endpoint an event of the type webhook.test",
    who: "key",
    scope: "webhooks:write",
    answer: { status: 201, body: z.object({ deliveryId: z.string() }) },
    run: ({ key, params }) =>
      key.deed(
        (actor) => sendTestEvent(actor, readEndpointId(params.endpoint_id)),
        ({ deliveryId }) => reply({ deliveryId }),
      ),
    failures: {
      endpoint_unknown: ENDPOINT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      endpoint_inactive: problem(409, "endpoint_inactive", "The endpoint is paused or disabled."),
    },
  }),
}));

/** Returns an endpoint's id; text that can't be one becomes "", which is the id of no endpoint. */
export function readEndpointId(text: string): string {
  return /^we_[\w-]{22}$/.test(text) ? text : "";
}

function replyWith(endpoint: WebhookEndpoint) {
  return reply(endpointOf(endpoint), { ETag: etagOf(endpoint.version) });
}

/** Finds an endpoint. Fails with `version_changed` if the client named versions and it has none of them. */
async function findSeen({ ifMatch }: KeyCall, id: string) {
  const found = await findWebhookEndpoint(readEndpointId(id));
  if (!found) return fail({ name: "endpoint_unknown" });
  const versions = versionsOf(ifMatch);
  if (versions && !versions.includes(String(found.version))) return fail({ name: "version_changed" });
  return { ok: true as const, endpoint: found };
}

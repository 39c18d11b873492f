import { randomBytes } from "node:crypto";
import { z } from "zod";
import { type AuditAction, type EventDetails, recordEvent } from "@/lib/core/accounts/audit-log";
import { type Actor, type ActorFailure, auditOf, lockActor, settle } from "@/lib/core/administration/actor";
import { findPhonesFailure, type PhonesFailure } from "@/lib/core/keys/api-keys";
import {
  WEBHOOK_DESCRIPTION_LENGTH_MAX,
  WEBHOOK_ENDPOINTS_MAX,
  WEBHOOK_SECRET_OVERLAP_MS,
  WEBHOOK_URL_LENGTH_MAX,
} from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type RowOf, readPrimary, rollBack, statement, type Transaction, transact } from "@/lib/db/database";
import { findUrlProblem, type WebhookUrlProblem } from "@/lib/senders/webhooks";
import { findEndOfEvents } from "./event-log";
import { EVENT_TYPES, type EventType } from "./event-types";
import { drawWebhookSecrets } from "./webhook-signing";
import { ADD_TEST_DELIVERY, drawDeliveryId, TEST_EVENT_TYPE } from "./webhook-store";

/** What an endpoint is for: up to 200 characters, possibly none. */
export const WebhookDescription = z.string().trim().max(WEBHOOK_DESCRIPTION_LENGTH_MAX, "description_too_long");

/** The types of events that an endpoint gets: some, or null for all. */
export const WebhookTypes = z
  .array(z.enum(EVENT_TYPES, "event_type_unknown"))
  .min(1, "event_type_missing")
  .transform((types) => [...new Set(types)])
  .nullable();

/** Why an actor does something, in its own words. An administrator always gives a reason. */
interface Reasoned {
  reason?: string | undefined;
}

/** What an administrator chooses of an endpoint. */
export interface WebhookChoice {
  url: string;
  /** Null for all types. */
  types: EventType[] | null;
  description: string;
  /** Whether what it gets has the account's phone and mailbox. */
  hasPhones: boolean;
}

/** An endpoint, without its secrets. */
export interface WebhookEndpoint extends WebhookChoice {
  id: string;
  /** `disabled` by the server: the receiver answered that it is gone (410), or failed for `WEBHOOK_FAILING_MS_MAX`. */
  state: "active" | "paused" | "disabled";
  /** Why it is disabled. */
  reason: "gone" | "failing" | null;
  /** Verifies the signatures `v1a`. It is no secret. */
  publicKey: string;
  /** Until when the secrets before the last rotation sign as well; null when they don't. */
  previousUntil: Date | null;
  /** When the server found that events were deleted before this endpoint got them; null while it has missed none. */
  missedAt: Date | null;
  /** The first failed attempt after the last success. */
  failingSince: Date | null;
  /** Grows when an actor changes the endpoint, and when the server disables it. */
  version: number;
  madeAt: Date;
}

const COLUMNS = {
  id: "text",
  url: "text",
  description: "text",
  types: "text?",
  hasPhones: "boolean",
  state: "text",
  reason: "text?",
  publicKey: "text",
  previousUntil: "time?",
  missedAt: "time?",
  failingSince: "time?",
  version: "integer",
  madeAt: "time",
} as const;
const COLUMN_LIST = Object.keys(COLUMNS)
  .map((name) => `"${name}"`)
  .join(", ");

const ADD_ENDPOINT = statement({
  params: {
    id: "text",
    url: "text",
    description: "text",
    types: "text?",
    hasPhones: "boolean",
    secret: "text",
    publicKey: "text",
    cursorAt: "time",
    cursorTransactionId: "text",
    cursorId: "integer",
    now: "time",
  },
  sql: `
    INSERT INTO "WebhookEndpoint" ("id", "url", "description", "types", "hasPhones", "state", "secret", "publicKey", "cursorAt",
      "cursorTransactionId", "cursorId", "version", "madeAt")
    SELECT :id, :url, :description, :types, :hasPhones, 'active', :secret, :publicKey, :cursorAt,
      CAST(:cursorTransactionId AS bigint), :cursorId, 1, :now
    WHERE (SELECT COUNT(*) FROM "WebhookEndpoint" WHERE "state" <> 'deleted') < ${WEBHOOK_ENDPOINTS_MAX}`,
});
const LIST_ENDPOINTS = statement({
  params: {},
  row: COLUMNS,
  sql: `SELECT ${COLUMN_LIST} FROM "WebhookEndpoint" WHERE "state" <> 'deleted' ORDER BY "madeAt", "id"`,
});
const FIND_ENDPOINT = statement({
  params: { id: "text" },
  row: COLUMNS,
  sql: `SELECT ${COLUMN_LIST} FROM "WebhookEndpoint" WHERE "id" = :id AND "state" <> 'deleted'`,
});
const LOCK_ENDPOINT = statement({
  params: { id: "text" },
  row: COLUMNS,
  sql: `
    UPDATE "WebhookEndpoint" SET "version" = "version" WHERE "id" = :id AND "state" <> 'deleted' RETURNING ${COLUMN_LIST}`,
});
const CHANGE_ENDPOINT = statement({
  params: {
    id: "text",
    url: "text",
    description: "text",
    types: "text?",
    hasPhones: "boolean",
    state: "text",
    reason: "text?",
    failingSince: "time?",
  },
  sql: `
    UPDATE "WebhookEndpoint" SET "url" = :url, "description" = :description, "types" = :types, "hasPhones" = :hasPhones,
      "state" = :state, "reason" = :reason, "failingSince" = :failingSince, "version" = "version" + 1
    WHERE "id" = :id`,
});
const ROTATE_SECRET = statement({
  params: { id: "text", secret: "text", publicKey: "text", until: "time" },
  sql: `
    UPDATE "WebhookEndpoint" SET "previousSecret" = "secret", "previousUntil" = :until, "secret" = :secret,
      "publicKey" = :publicKey, "version" = "version" + 1
    WHERE "id" = :id`,
});
const MARK_DELETED = statement({
  params: { id: "text" },
  sql: `UPDATE "WebhookEndpoint" SET "state" = 'deleted', "secret" = '', "previousSecret" = NULL WHERE "id" = :id`,
});

function endpointOf({ types, ...row }: RowOf<typeof FIND_ENDPOINT>): WebhookEndpoint {
  return { ...row, types: types === null ? null : JSON.parse(types) } as WebhookEndpoint;
}

/** What a receiver needs to verify signatures. */
export interface ShownKeys {
  /** `whsec_…`, for the signatures `v1`. It is shown once. */
  secret: string;
  /** `whpk_…`, for the signatures `v1a`. */
  publicKey: string;
}

/** Why an endpoint can't have this URL. */
export type UrlRefused = { name: "url_refused"; problem: WebhookUrlProblem | "too_long" };

/** Returns a URL as it is called: without the white space and the control characters that a terminal would obey. */
function readUrl(text: string): Result<string, UrlRefused> {
  const problem = text.length > WEBHOOK_URL_LENGTH_MAX ? "too_long" : findUrlProblem(text);
  return problem ? fail({ name: "url_refused", problem }) : succeed(new URL(text).href);
}

/**
 * Makes an endpoint, which gets the events from now on. Returns its id, and its secrets, which are not shown again. That it gets phones
 * and mailboxes is recorded in the audit log, as each deed of this file is, with the reason if the actor gave one.
 *
 * Fails with an `ActorFailure`, a `PhonesFailure`, `url_refused`, or `endpoints_full` if there are `WEBHOOK_ENDPOINTS_MAX` already.
 */
export async function makeWebhookEndpoint<Who extends Actor>(
  actor: Who,
  { reason, ...choice }: WebhookChoice & Reasoned,
  now = new Date(),
): Promise<
  Result<{ id: string } & ShownKeys, ActorFailure<Who> | PhonesFailure<Who> | UrlRefused | { name: "endpoints_full" }>
> {
  const url = readUrl(choice.url);
  if (!url.ok) return url;
  const id = `we_${randomBytes(16).toString("base64url")}`;
  const { sealed, ...shown } = drawWebhookSecrets(id);
  const cursor = await findEndOfEvents(now);
  const row = {
    ...{ id, url: url.value, description: choice.description, hasPhones: choice.hasPhones },
    ...{ types: choice.types && JSON.stringify(choice.types), secret: sealed, publicKey: shown.publicKey, now },
    ...{ cursorAt: cursor.at, cursorTransactionId: String(cursor.transactionId), cursorId: cursor.id },
  };
  type Made = Awaited<ReturnType<typeof makeWebhookEndpoint<Who>>>;
  return transact<Made>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return rollBack<Made>(locked);
    const refusal = choice.hasPhones ? await findPhonesFailure(tx, actor) : null;
    if (refusal) return rollBack<Made>(fail(refusal));
    if ((await tx.run(ADD_ENDPOINT, row)) === 0) return rollBack<Made>(fail({ name: "endpoints_full" }));
    const details = { webhook: id, hasPhones: choice.hasPhones, reason };
    record(tx, actor, { action: "webhook_made", details, now });
    return settle(tx, actor, { id, ...shown });
  });
}

/** Returns all endpoints, the oldest first. */
export async function listWebhookEndpoints(): Promise<WebhookEndpoint[]> {
  return (await readPrimary.all(LIST_ENDPOINTS, {})).map(endpointOf);
}

/** Returns an endpoint; null if there is none. */
export async function findWebhookEndpoint(id: string): Promise<WebhookEndpoint | null> {
  const row = await readPrimary.get(FIND_ENDPOINT, { id });
  return row ? endpointOf(row) : null;
}

/**
 * The failures that each change of an endpoint can have.
 * - `endpoint_unknown`: there is no such endpoint.
 * - `version_changed`: it has another version than the actor has seen.
 */
type EndpointFailure<Who extends Actor> =
  | ActorFailure<Who>
  | { name: "endpoint_unknown" }
  | { name: "version_changed"; version: number };

/** Why the deed is done, and the version of the endpoint that the actor has read. Without one, every version may be changed. */
interface Seen extends Reasoned {
  version?: number | undefined;
}

/** Does a deed on an endpoint in one transaction, with the actor and the endpoint locked. */
function perform<Who extends Actor, Value, Failure extends { name: string } = never>(
  actor: Who,
  id: string,
  { version }: Seen,
  deed: (tx: Transaction, endpoint: WebhookEndpoint) => Promise<Result<Value, Failure>>,
  now: Date,
): Promise<Result<Value, EndpointFailure<Who> | Failure>> {
  type Done = Result<Value, EndpointFailure<Who> | Failure>;
  return transact<Done>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return rollBack<Done>(locked);
    const row = await tx.get(LOCK_ENDPOINT, { id });
    if (!row) return rollBack<Done>(fail({ name: "endpoint_unknown" }));
    if (version !== undefined && row.version !== version)
      return rollBack<Done>(fail({ name: "version_changed", version: row.version }));
    const done: Done = await deed(tx, endpointOf(row));
    return done.ok ? done : rollBack<Done>(done);
  });
}

/** The details of an event of this file. */
type WebhookDetails = Omit<EventDetails, "reason"> & Reasoned & { webhook: string };

function record(
  tx: Transaction,
  actor: Actor,
  event: { action: AuditAction; details: WebhookDetails; now: Date },
): void {
  const { reason, ...details } = event.details;
  const all = { ...details, ...(reason !== undefined && { reason }) };
  recordEvent(tx, { ...event, details: all, ...auditOf(actor), subjectId: null });
}

/** What to change of an endpoint. `isPaused: false` also enables an endpoint that the server disabled. */
export type WebhookChange = { [Name in keyof WebhookChoice]?: WebhookChoice[Name] | undefined } & {
  isPaused?: boolean | undefined;
};

/**
 * Changes an endpoint. A paused endpoint gets no attempts. When it is resumed, it gets the events that it missed, as far back as they are
 * kept. Returns the endpoint.
 *
 * Fails as `EndpointFailure` and `url_refused` say, or with a `PhonesFailure` if phones would go to an endpoint that got none, to another
 * URL, or to an endpoint that goes on.
 */
export async function changeWebhookEndpoint<Who extends Actor>(
  actor: Who,
  id: string,
  change: WebhookChange,
  seen: Seen = {},
  now = new Date(),
): Promise<Result<WebhookEndpoint, EndpointFailure<Who> | PhonesFailure<Who> | UrlRefused>> {
  const url = change.url === undefined ? succeed(undefined) : readUrl(change.url);
  if (!url.ok) return url;
  const changed = await perform(
    actor,
    id,
    seen,
    async (tx, endpoint) => {
      const next = applyChange(endpoint, { ...change, url: url.value });
      const refusal = sendsPhonesElsewhere(endpoint, next) ? await findPhonesFailure(tx, actor) : null;
      if (refusal) return fail(refusal);
      const fields = (["url", "types", "description", "hasPhones"] as const).filter(
        (field) => JSON.stringify(next[field]) !== JSON.stringify(endpoint[field]),
      );
      const { reason } = seen;
      const details = { webhook: id, reason, ...(fields.includes("hasPhones") && { hasPhones: next.hasPhones }) };
      if (fields.length > 0) record(tx, actor, { action: "webhook_changed", details: { ...details, fields }, now });
      if (next.state !== endpoint.state) {
        const action = next.state === "paused" ? "webhook_paused" : "webhook_resumed";
        record(tx, actor, { action, details: { webhook: id, reason }, now });
      }
      const isChanged = fields.length > 0 || next.state !== endpoint.state;
      const row = { ...next, types: next.types && JSON.stringify(next.types) };
      if (isChanged) await tx.run(CHANGE_ENDPOINT, row);
      return settle(tx, actor, { ...next, version: endpoint.version + Number(isChanged) });
    },
    now,
  );
  return changed;
}

function applyChange(endpoint: WebhookEndpoint, { isPaused, ...change }: WebhookChange): WebhookEndpoint {
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  const next = { ...endpoint, ...given };
  // Another receiver has not failed yet.
  if (next.url !== endpoint.url) next.failingSince = null;
  if (isPaused === undefined || (isPaused ? "paused" : "active") === endpoint.state) return next;
  return { ...next, state: isPaused ? "paused" : "active", reason: null, failingSince: null };
}

function sendsPhonesElsewhere(before: WebhookEndpoint, next: WebhookEndpoint): boolean {
  const isResumed = before.state !== "active" && next.state === "active";
  return next.hasPhones && (!before.hasPhones || next.url !== before.url || isResumed);
}

/**
 * Gives an endpoint new secrets, which are not shown again. The previous ones sign as well for `WEBHOOK_SECRET_OVERLAP_MS`, so that the
 * receiver has that time to change them. Fails as `EndpointFailure` says, or with a `PhonesFailure` if the endpoint gets phones.
 */
export async function rotateWebhookSecret<Who extends Actor>(
  actor: Who,
  id: string,
  { reason }: Reasoned = {},
  now = new Date(),
): Promise<Result<ShownKeys, EndpointFailure<Who> | PhonesFailure<Who>>> {
  const { sealed, ...shown } = drawWebhookSecrets(id);
  const until = new Date(now.getTime() + WEBHOOK_SECRET_OVERLAP_MS);
  return perform(
    actor,
    id,
    {},
    async (tx, { hasPhones }) => {
      const refusal = hasPhones ? await findPhonesFailure(tx, actor) : null;
      if (refusal) return fail(refusal);
      await tx.run(ROTATE_SECRET, { id, secret: sealed, publicKey: shown.publicKey, until });
      record(tx, actor, { action: "webhook_rotated", details: { webhook: id, reason }, now });
      return settle(tx, actor, shown);
    },
    now,
  );
}

/** Deletes an endpoint. The servers delete its deliveries soon after. Fails as `EndpointFailure` says. */
export function deleteWebhookEndpoint<Who extends Actor>(
  actor: Who,
  id: string,
  seen: Seen = {},
  now = new Date(),
): Promise<Result<null, EndpointFailure<Who>>> {
  return perform(
    actor,
    id,
    seen,
    async (tx) => {
      await tx.run(MARK_DELETED, { id });
      record(tx, actor, { action: "webhook_deleted", details: { webhook: id, reason: seen.reason }, now });
      return settle(tx, actor, null);
    },
    now,
  );
}

/**
 * Sends an endpoint an event of the type `webhook.test`, which concerns no account. Returns the id of its delivery. Fails as
 * `EndpointFailure` says, or with `endpoint_inactive` if the endpoint is paused or disabled.
 */
export function sendTestEvent<Who extends Actor>(
  actor: Who,
  id: string,
  now = new Date(),
): Promise<Result<{ deliveryId: string }, EndpointFailure<Who> | { name: "endpoint_inactive" }>> {
  const deliveryId = drawDeliveryId();
  return perform(
    actor,
    id,
    {},
    async (tx, { state }) => {
      if (state !== "active") return fail({ name: "endpoint_inactive" });
      await tx.run(ADD_TEST_DELIVERY, { id: deliveryId, endpointId: id, type: TEST_EVENT_TYPE, now });
      record(tx, actor, { action: "webhook_tested", details: { webhook: id }, now });
      return settle(tx, actor, { deliveryId });
    },
    now,
  );
}

import { recordEvent } from "@/lib/core/accounts/audit-log";
import {
  addClient,
  type ClientSettings,
  lockClient,
  type OAuthClient,
  renewSecret,
  replaceSettings,
  setDisabled,
} from "@/lib/core/oauth/clients";
import { getSigningKey } from "@/lib/core/oauth/signing-keys";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Transaction, transact } from "@/lib/db/database";
import { type Actor, type ActorFailure, auditOf, lockActor, settle } from "./actor";

type ClientUnknown = { name: "client_unknown" };

/**
 * Makes an application. Returns its id, and the secret of a confidential one (null for a public one), which can't be shown again. `reason`
 * is an administrator's. Fails with an `ActorFailure`.
 */
export async function makeClient<Who extends Actor>(
  actor: Who,
  { settings, reason }: { settings: ClientSettings; reason?: string },
  now = new Date(),
): Promise<Result<{ id: string; secret: string | null }, ActorFailure<Who>>> {
  // The application may fetch the public keys before its first login.
  await getSigningKey(settings.signingAlgorithm, now);
  return act(actor, now, async (tx) => {
    const made = addClient(tx, settings, now);
    const details = { client: made.id, scopes: settings.scopes, ...(reason && { reason }) };
    recordEvent(tx, { action: "client_made", ...auditOf(actor), subjectId: null, details, now });
    return succeed(made);
  });
}

/**
 * Replaces the settings of an application. Fails with an `ActorFailure`, with `client_unknown`, or with `client_kind_fixed` if a public
 * application would become confidential or the other way round.
 */
export async function changeClient<Who extends Actor>(
  actor: Who,
  { id, settings, reason }: { id: string; settings: ClientSettings; reason?: string },
  now = new Date(),
): Promise<Result<null, ActorFailure<Who> | ClientUnknown | { name: "client_kind_fixed" }>> {
  await getSigningKey(settings.signingAlgorithm, now);
  type Changed = Result<null, ClientUnknown | { name: "client_kind_fixed" }>;
  return act(actor, now, async (tx): Promise<Changed> => {
    const before = await lockClient(tx, id);
    if (!before) return fail({ name: "client_unknown" });
    if (before.isPublic !== settings.isPublic) return fail({ name: "client_kind_fixed" });
    const fields = changedFields(before, settings);
    if (fields.length === 0) return succeed(null);
    replaceSettings(tx, id, settings);
    const details = { client: id, fields, ...(reason && { reason }) };
    recordEvent(tx, { action: "client_changed", ...auditOf(actor), subjectId: null, details, now });
    return succeed(null);
  });
}

function changedFields(before: OAuthClient, settings: ClientSettings): string[] {
  const names = Object.keys(settings) as (keyof ClientSettings)[];
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(settings[name]));
}

/**
 * Disables an application or enables it again. A disabled one gets no codes and no tokens, and those that it has are refused here. Fails
 * with an `ActorFailure`, or with `client_unknown` if there is no such application or it is in that state already.
 */
export async function setClientDisabled<Who extends Actor>(
  actor: Who,
  { id, isDisabled, reason }: { id: string; isDisabled: boolean; reason?: string },
  now = new Date(),
): Promise<Result<null, ActorFailure<Who> | ClientUnknown>> {
  return act(actor, now, async (tx) => {
    if (!(await setDisabled(tx, id, isDisabled ? now : null))) return fail({ name: "client_unknown" });
    const action = isDisabled ? "client_disabled" : "client_enabled";
    const details = { client: id, ...(reason && { reason }) };
    recordEvent(tx, { action, ...auditOf(actor), subjectId: null, details, now });
    return succeed(null);
  });
}

/**
 * Gives a confidential application a new secret; the old one is refused from now on. Returns the new one, which can't be shown again. Fails
 * with an `ActorFailure`, or with `client_unknown` if there is no such application or it is public.
 */
export async function renewClientSecret<Who extends Actor>(
  actor: Who,
  { id, reason }: { id: string; reason?: string },
  now = new Date(),
): Promise<Result<{ secret: string }, ActorFailure<Who> | ClientUnknown>> {
  return act(actor, now, async (tx) => {
    const secret = await renewSecret(tx, id);
    if (secret === null) return fail({ name: "client_unknown" });
    const details = { client: id, ...(reason && { reason }) };
    recordEvent(tx, { action: "client_secret_renewed", ...auditOf(actor), subjectId: null, details, now });
    return succeed({ secret });
  });
}

/** Runs a deed in a transaction that has locked its actor. */
function act<Who extends Actor, Value, Failure extends { name: string }>(
  actor: Who,
  now: Date,
  deed: (tx: Transaction) => Promise<Result<Value, Failure>>,
): Promise<Result<Value, ActorFailure<Who> | Failure>> {
  return transact<Result<Value, ActorFailure<Who> | Failure>>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return locked;
    const done = await deed(tx);
    return done.ok ? settle(tx, actor, done.value) : done;
  });
}

import { recordEvent } from "@/lib/core/accounts/audit-log";
import { findPhonesFailure, type PhonesFailure } from "@/lib/core/keys/api-keys";
import {
  addClient,
  type ClientId,
  type ClientSettings,
  countClients,
  drawClientId,
  lockClient,
  type OAuthClient,
  removeClientRow,
  removeRowsOfClient,
  renewSecret,
  replaceSettings,
  setDisabled,
  versionOfClient,
} from "@/lib/core/oauth/clients";
import { getSigningKey } from "@/lib/core/oauth/signing-keys";
import { CLIENTS_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Transaction, transact } from "@/lib/db/database";
import { type Actor, type ActorFailure, auditOf, lockActor, settle } from "./actor";

/** An application, and why an administrator acts on it. */
interface Act {
  id: string;
  /** The act fails unless the application has one of these versions. Without them, every version may be changed. */
  versions?: readonly string[] | undefined;
  reason?: string | undefined;
}

/**
 * The failures that each act on an application can have.
 * - `client_unknown`: there is no such application.
 * - `version_changed`: it has another version than those that the actor named.
 */
type ActFailure<Who extends Actor> = ActorFailure<Who> | { name: "client_unknown" | "version_changed" };

const PERSONAL_SCOPES: readonly string[] = ["phone", "email"];
const learnsPhones = ({ scopes }: Pick<ClientSettings, "scopes">) =>
  scopes.some((scope) => PERSONAL_SCOPES.includes(scope));

/**
 * Makes an application. Returns its id, and the secret of a confidential one (null for a public one), which can't be shown again. `id` is
 * for an application that moves here with its id, or for a form that must not make two; without it, one is drawn. `reason` is an
 * administrator's.
 *
 * Fails with an `ActorFailure`, with a `PhonesFailure` if it may learn phones or mailboxes, with `client_known` if there is one with this
 * id, or with `clients_full` if there are `CLIENTS_MAX` already.
 */
export async function makeClient<Who extends Actor>(
  actor: Who,
  { id = drawClientId(), settings, reason }: { id?: ClientId; settings: ClientSettings; reason?: string },
  now = new Date(),
): Promise<
  Result<
    { id: ClientId; secret: string | null },
    ActorFailure<Who> | PhonesFailure<Who> | { name: "client_known" | "clients_full" }
  >
> {
  // The application may fetch the public keys before its first login.
  await getSigningKey(settings.signingAlgorithm, now);
  type Made = Awaited<ReturnType<typeof makeClient<Who>>>;
  return transact<Made>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return locked;
    const refusal = learnsPhones(settings) ? await findPhonesFailure(tx, actor) : null;
    if (refusal) return fail(refusal);
    if ((await countClients(tx)) >= CLIENTS_MAX) return fail({ name: "clients_full" });
    const made = await addClient(tx, { id, settings }, now);
    if (!made) return fail({ name: "client_known" });
    const details = { client: id, scopes: settings.scopes, ...(reason && { reason }) };
    recordEvent(tx, { action: "client_made", ...auditOf(actor), subjectId: null, details, now });
    return settle(tx, actor, made);
  });
}

/**
 * Replaces the settings of an application. Returns the application. Fails as `ActFailure` says, with a `PhonesFailure` if the application
 * may then learn phones or mailboxes, or with `client_kind_fixed` if a public application would become confidential or the other way
 * round.
 */
export async function changeClient<Who extends Actor>(
  actor: Who,
  { settings, ...act }: Act & { settings: ClientSettings },
  now = new Date(),
): Promise<Result<OAuthClient, ActFailure<Who> | PhonesFailure<Who> | { name: "client_kind_fixed" }>> {
  await getSigningKey(settings.signingAlgorithm, now);
  type Failure = PhonesFailure<Who> | { name: "client_kind_fixed" };
  return perform(actor, act, now, async (tx, before): Promise<Result<OAuthClient, Failure>> => {
    if (before.isPublic !== settings.isPublic) return fail({ name: "client_kind_fixed" });
    const refusal = learnsPhones(settings) ? await findPhonesFailure(tx, actor) : null;
    if (refusal) return fail(refusal);
    const fields = changedFields(before, settings);
    if (fields.length === 0) return succeed(before);
    replaceSettings(tx, before.id, settings);
    record(tx, actor, { action: "client_changed", act, fields, now });
    return succeed({ ...before, ...settings });
  });
}

function changedFields(before: OAuthClient, settings: ClientSettings): string[] {
  const names = Object.keys(settings) as (keyof ClientSettings)[];
  return names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(settings[name]));
}

/**
 * Disables an application, or enables it again. A disabled one gets no codes and no tokens, and those that it has are refused here until
 * it is enabled. If it is in that state already, nothing changes. Returns the application.
 *
 * Fails as `ActFailure` says, or with a `PhonesFailure` if an application that may learn phones or mailboxes is enabled.
 */
export async function setClientDisabled<Who extends Actor>(
  actor: Who,
  { isDisabled, ...act }: Act & { isDisabled: boolean },
  now = new Date(),
): Promise<Result<OAuthClient, ActFailure<Who> | PhonesFailure<Who>>> {
  return perform(actor, act, now, async (tx, before): Promise<Result<OAuthClient, PhonesFailure<Who>>> => {
    const refusal = !isDisabled && learnsPhones(before) ? await findPhonesFailure(tx, actor) : null;
    if (refusal) return fail(refusal);
    return setState(tx, actor, { before, isDisabled, act, now });
  });
}

async function setState(
  tx: Transaction,
  actor: Actor,
  { before, isDisabled, act, now }: { before: OAuthClient; isDisabled: boolean; act: Act; now: Date },
): Promise<Result<OAuthClient, never>> {
  const disabledAt = isDisabled ? now : null;
  if (!(await setDisabled(tx, before.id, disabledAt))) return succeed(before);
  record(tx, actor, { action: isDisabled ? "client_disabled" : "client_enabled", act, now });
  return succeed({ ...before, disabledAt });
}

/**
 * Gives a confidential application a new secret; the old one is refused from now on. Returns the new one, which can't be shown again.
 * Fails as `ActFailure` says, with `client_public`, or with a `PhonesFailure` if the application may learn phones or mailboxes.
 */
export async function renewClientSecret<Who extends Actor>(
  actor: Who,
  act: Act,
  now = new Date(),
): Promise<Result<{ secret: string }, ActFailure<Who> | PhonesFailure<Who> | { name: "client_public" }>> {
  type Failure = PhonesFailure<Who> | { name: "client_public" };
  return perform(actor, act, now, async (tx, client): Promise<Result<{ secret: string }, Failure>> => {
    const refusal = learnsPhones(client) ? await findPhonesFailure(tx, actor) : null;
    if (refusal) return fail(refusal);
    const secret = await renewSecret(tx, client.id);
    if (secret === null) return fail({ name: "client_public" });
    record(tx, actor, { action: "client_secret_renewed", act, now });
    return succeed({ secret });
  });
}

/**
 * Removes an application with its codes, tokens and consents. It is disabled first, and then loses its rows in steps, so that other
 * transactions don't wait; after an interruption it is a disabled application that can be removed again. Fails as `ActFailure` says.
 */
export async function removeClient<Who extends Actor>(
  actor: Who,
  act: Act,
  now = new Date(),
): Promise<Result<null, ActFailure<Who>>> {
  const disabled = await perform(actor, act, now, (tx, before) =>
    setState(tx, actor, { before, isDisabled: true, act, now }),
  );
  if (!disabled.ok) return disabled;
  await removeRowsOfClient(act.id);
  const { versions: _, ...again } = act;
  return perform(actor, again, now, async (tx, { name }) => {
    removeClientRow(tx, act.id);
    record(tx, actor, { action: "client_removed", act, clientName: name, now });
    return succeed(null);
  });
}

function record(
  tx: Transaction,
  actor: Actor,
  {
    action,
    act: { id, reason },
    now,
    ...details
  }: {
    action: "client_changed" | "client_secret_renewed" | "client_disabled" | "client_enabled" | "client_removed";
    act: Act;
    fields?: string[];
    clientName?: string;
    now: Date;
  },
): void {
  const all = { client: id, ...details, ...(reason && { reason }) };
  recordEvent(tx, { action, ...auditOf(actor), subjectId: null, details: all, now });
}

/** Acts on an application in a transaction that has locked the actor and the application. A failed act has written nothing. */
function perform<Who extends Actor, Value, Failure extends { name: string } = never>(
  actor: Who,
  { id, versions }: Act,
  now: Date,
  act: (tx: Transaction, client: OAuthClient) => Promise<Result<Value, Failure>>,
): Promise<Result<Value, ActFailure<Who> | Failure>> {
  type Done = Result<Value, ActFailure<Who> | Failure>;
  return transact<Done>(async (tx) => {
    const locked = await lockActor(tx, actor, now);
    if (!locked.ok) return locked;
    const client = await lockClient(tx, id);
    if (!client) return fail({ name: "client_unknown" });
    if (versions && !versions.includes(versionOfClient(client))) return fail({ name: "version_changed" });
    const done: Done = await act(tx, client);
    return done.ok ? settle(tx, actor, done.value) : done;
  });
}

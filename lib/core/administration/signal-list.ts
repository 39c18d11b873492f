import { z } from "zod";
import { groupBy } from "@/lib/core/group-by";
import { SIGNAL_KINDS, type SignalKind } from "@/lib/core/invites/evidence";
import type { SignalState } from "@/lib/core/invites/signals";
import { SIGNALS_KEPT_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { readPrimary, statement } from "@/lib/db/database";
import type { Administrator } from "./actor";
import { type Act, type ActFailure, performAct } from "./acts";
import { beginningOf, type ListCursor, type ListPage, type ListRow, ROWS_PER_PAGE } from "./list";
import { recordListing } from "./people";

/**
 * An administrator's verdict on the signals of an inviter: nothing is wrong, or the inviter is held, which only marks the account.
 */
export const Verdict = z.enum(["fine", "held"]);
export type Verdict = z.output<typeof Verdict>;

/** A signal as a page of the console shows it. */
export interface Signal {
  kind: SignalKind;
  /** How many invitees the evidence concerns, and how many were examined. */
  count: number;
  invitees: number;
  /** When the first and the last of these invitees activated the code. */
  firstAt: Date;
  lastAt: Date;
  state: SignalState;
  reviewedAt: Date | null;
  /** Why an administrator decided so; null while no administrator has. */
  reason: string | null;
}

/** The signals of each of these inviters, by the inviter's id and in the order of `SIGNAL_KINDS`. */
async function findSignalsOf(inviterIds: readonly number[]): Promise<Map<number, Signal[]>> {
  const rows = await readPrimary.signal.findMany({ where: { inviterId: { in: [...inviterIds] } } });
  const sorted = rows
    .map((row) => ({ ...row, kind: row.kind as SignalKind, state: row.state as SignalState }))
    .toSorted((one, other) => SIGNAL_KINDS.indexOf(one.kind) - SIGNAL_KINDS.indexOf(other.kind));
  return groupBy(sorted, ({ inviterId }) => [inviterId]);
}

/** Returns the signals of an account; an empty list if it has none. */
export async function listSignalsOf(inviterId: number): Promise<Signal[]> {
  return (await findSignalsOf([inviterId])).get(inviterId) ?? [];
}

/**
 * Returns the state with which an account that has these signals is marked: `open` if one is open, otherwise `held` if one is held,
 * otherwise `fine`; null without signals.
 */
export function signalMarkOf(signals: readonly Pick<Signal, "state">[]): SignalState | null {
  const states = signals.map(({ state }) => state);
  return (["open", "held", "fine"] as const).find((state) => states.includes(state)) ?? null;
}

/** Returns the marks of these accounts by their ids, without those that have no signal. */
export async function findSignalMarks(inviterIds: readonly number[]): Promise<Map<number, SignalState>> {
  const found = await findSignalsOf(inviterIds);
  return new Map([...found].flatMap(([id, signals]) => [[id, signalMarkOf(signals) ?? "fine"] as const]));
}

// The newest signal of each inviter in this state.
const LIST_INVITERS = statement({
  params: { state: "text", at: "time", id: "integer", limit: "integer" },
  row: { at: "time", id: "integer", phone: "text?", claimedPhone: "text?", email: "text?", referralCount: "integer" },
  sql: `
    SELECT "Signal"."lastAt" AS "at", "Signal"."inviterId" AS "id", "User"."phone", "User"."claimedPhone", "User"."email",
      "User"."referralCount"
    FROM "Signal" JOIN "User" ON "User"."id" = "Signal"."inviterId"
    WHERE "Signal"."state" = :state AND ("Signal"."lastAt", "Signal"."inviterId") < (:at, :id)
      AND NOT EXISTS (
        SELECT 1 FROM "Signal" AS "newer" WHERE "newer"."inviterId" = "Signal"."inviterId" AND "newer"."state" = :state
          AND ("newer"."lastAt", "newer"."kind") > ("Signal"."lastAt", "Signal"."kind"))
    ORDER BY "Signal"."lastAt" DESC, "Signal"."inviterId" DESC LIMIT :limit`,
});

/** An inviter in the list of signals, with the signals in the list's state. */
export interface ListedInviter extends ListRow {
  phone: string | null;
  claimedPhone: string | null;
  email: string | null;
  referralCount: number;
  signals: Signal[];
}

/**
 * Returns a page of the inviters that have signals in this state, those with the newest invitees first. Records that they were listed.
 */
export async function listSignalsPage(
  administrator: Administrator,
  state: SignalState,
  cursor: ListCursor | null,
  now = new Date(),
): Promise<ListPage<ListedInviter>> {
  const begin = beginningOf(cursor, undefined);
  const found = await readPrimary.all(LIST_INVITERS, { state, ...begin, limit: ROWS_PER_PAGE + 1 });
  const rows = found.slice(0, ROWS_PER_PAGE);
  const last = found.length > ROWS_PER_PAGE ? rows.at(-1) : undefined;
  const ids = rows.map(({ id }) => id);
  const signals = await findSignalsOf(ids);
  await recordListing(administrator, ids, now);
  const inState = (id: number) => (signals.get(id) ?? []).filter((signal) => signal.state === state);
  return {
    rows: rows.map((row) => ({ ...row, signals: inState(row.id) })),
    next: last ? { at: last.at, id: last.id } : null,
  };
}

/** How many open signals are counted at most. */
export const OPEN_SIGNALS_COUNTED_MAX = 100;
const COUNT_OPEN = statement({
  params: { limit: "integer" },
  row: { count: "integer" },
  sql: `
    SELECT count(DISTINCT "inviterId") AS "count"
    FROM (SELECT "inviterId" FROM "Signal" WHERE "state" = 'open' LIMIT :limit) AS "open"`,
});

/** Returns how many inviters have open signals, among the first `OPEN_SIGNALS_COUNTED_MAX` signals. */
export async function countOpenSignals(): Promise<number> {
  return (await readPrimary.get(COUNT_OPEN, { limit: OPEN_SIGNALS_COUNTED_MAX }))?.count ?? 0;
}

/** Returns a text that is the same for the same figures and states of an account's signals. */
export function versionOf(signals: readonly Signal[]): string {
  return signals.map(({ kind, count, lastAt, state }) => `${kind}-${count}-${lastAt.getTime()}-${state}`).join(".");
}

/**
 * The failures of `reviewSignals`, besides those of each act. `signals_changed`: the signals are not those of `version` any more,
 * because there is further evidence, or another administrator has reviewed them.
 */
export type ReviewFailure = { name: "signals_changed" };

/**
 * Stores an administrator's verdict on all signals of an inviter together. It changes no count and takes nothing away. `version` is
 * what `versionOf` returned for the signals that the administrator saw. Fails with an `ActFailure` or a `ReviewFailure`.
 */
export function reviewSignals(
  administrator: Administrator,
  { verdict, version, ...act }: Act & { verdict: Verdict; version: string },
  now = new Date(),
): Promise<Result<null, ActFailure | ReviewFailure>> {
  const where = { inviterId: act.userId };
  return performAct<Administrator, ReviewFailure>(administrator, act, {
    action: "signals_reviewed",
    perform: async (tx) => {
      const rows = await tx.signal.findMany({ where });
      const signals = SIGNAL_KINDS.flatMap((kind) => rows.filter((row) => row.kind === kind) as Signal[]);
      if (signals.length === 0 || versionOf(signals) !== version) return fail({ name: "signals_changed" });
      const endsAt = verdict === "held" ? null : new Date(now.getTime() + SIGNALS_KEPT_MS);
      const review = { state: verdict, reviewedBy: administrator.userId, reviewedAt: now, reason: act.reason, endsAt };
      await tx.signal.updateMany({ where, data: review });
      return succeed({ verdict, signals: signals.map(({ kind }) => kind) });
    },
    now,
  });
}

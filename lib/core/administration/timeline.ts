import { z } from "zod";
import { listFactors } from "@/lib/core/accounts/accounts";
import { type ActorKind, type AuditAction, EventDetails } from "@/lib/core/accounts/audit-log";
import { TEST_NUMBER_SENDER } from "@/lib/core/challenges/fixed-code";
import { limitSubject } from "@/lib/core/identity/recipient";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { LAST_TIME } from "@/lib/core/policy";
import { type Device, describeDevice } from "@/lib/core/sessions/user-agent";
import { readPrimary } from "@/lib/db/database";
import type { Administrator } from "./actor";

/** A sender that was asked to bring a code. */
export interface AskedSender {
  sender: string;
  state: string;
  reason: string | null;
  cost: number | null;
  currency: string | null;
  providerId: string | null;
  /** After how many milliseconds the provider reported the state; null without a report. */
  reportedAfterMs: number | null;
}

/** What happened: a request for a code with the senders that were asked, a wrong code, or an event of the audit log. */
export type TimelineEntry =
  | {
      kind: "code";
      at: Date;
      requestId: string | null;
      network: string | null;
      /** Null if the row has no `User-Agent`. */
      device: Device | null;
      purpose: string | null;
      digits: number | null;
      /** Why the request was refused before a sender was asked; null if a sender was asked. */
      refusal: string | null;
      senders: AskedSender[];
    }
  | { kind: "wrong_code"; at: Date; digits: number; network: string }
  | {
      kind: "event";
      at: Date;
      action: AuditAction;
      actorKind: ActorKind;
      details: EventDetails;
      /** How many such events in a row this entry stands for; more than 1 only for looks at the account. */
      count: number;
    };

interface Position {
  at: Date;
  id: number;
}

/** Where a page begins: in each source after the row with this position. */
export interface TimelineCursor {
  deliveries: Position;
  wrongCodes: Position;
  eventId: number;
}

const ID_MAX = 2 ** 31 - 1;
const START: TimelineCursor = {
  deliveries: { at: LAST_TIME, id: ID_MAX },
  wrongCodes: { at: LAST_TIME, id: ID_MAX },
  eventId: ID_MAX,
};

/** A cursor as the query of an address has it: five numbers. Other text fails with the zod issue `cursor_malformed`. */
export const TimelineCursor = z
  .string()
  .regex(/^\d{1,15}(\.\d{1,15}){4}$/, "cursor_malformed")
  .transform((text) => text.split(".").map(Number))
  .refine(
    ([firstMs = 0, first = 0, secondMs = 0, second = 0, event = 0]) =>
      Math.max(firstMs, secondMs) <= LAST_TIME.getTime() && Math.max(first, second, event) <= ID_MAX,
    "cursor_malformed",
  )
  .transform(
    ([firstMs = 0, first = 0, secondMs = 0, second = 0, eventId = 0]): TimelineCursor => ({
      deliveries: { at: new Date(firstMs), id: first },
      wrongCodes: { at: new Date(secondMs), id: second },
      eventId,
    }),
  );

/** Returns the text of a cursor. */
export function formatCursor({ deliveries, wrongCodes, eventId }: TimelineCursor): string {
  const numbers = [deliveries.at.getTime(), deliveries.id, wrongCodes.at.getTime(), wrongCodes.id, eventId];
  return numbers.join(".");
}

const ENTRIES_PER_PAGE = 20;
/** The most messages of one code: one for each kind of sender, and some to spare. */
const MESSAGES_PER_CODE_MAX = 8;

/** Whose rows a time line reads: hashes of recipients, each since a time, and the account if there is one. */
interface Sources {
  deliveries: readonly { hashes: string[]; since: Date }[];
  wrongCodes: readonly { hashes: string[]; since: Date }[];
  userId: number | null;
}

/**
 * Returns a page of what happened to an account, the newest first: requests for codes to its phone and mailbox since it has them,
 * wrong codes, and the events of the audit log. `next` is null on the last page. The caller has recorded the look.
 */
export async function listTimelineOf(
  _administrator: Administrator,
  userId: number,
  options: { from?: TimelineCursor | null; limit?: number } = {},
): Promise<{ entries: TimelineEntry[]; next: TimelineCursor | null }> {
  const factors = await listFactors(userId);
  return listTimeline(
    {
      deliveries: factors.map(({ recipient, since }) => ({ hashes: keyedHashes(recipient.address), since })),
      wrongCodes: factors.map(({ recipient, since }) => ({ hashes: keyedHashes(limitSubject(recipient)), since })),
      userId,
    },
    options,
  );
}

/** As `listTimelineOf`, of a recipient without an account, by the keyed hash that its deliveries have. */
export function listTimelineOfRecipient(
  _administrator: Administrator,
  hash: string,
  options: { from?: TimelineCursor | null; limit?: number } = {},
): Promise<{ entries: TimelineEntry[]; next: TimelineCursor | null }> {
  const all = [{ hashes: [hash], since: new Date(0) }];
  return listTimeline({ deliveries: all, wrongCodes: all, userId: null }, options);
}

/** An entry, and the cursor's new position after it. */
interface Step {
  entry: TimelineEntry;
  after: Partial<TimelineCursor>;
}

/**
 * Merges the sources. Each source has its own order and its own position in the cursor, so that no page repeats or leaves out an
 * entry, however many have the same time.
 */
async function listTimeline(
  { deliveries, wrongCodes, userId }: Sources,
  { from = null, limit = ENTRIES_PER_PAGE }: { from?: TimelineCursor | null; limit?: number },
): Promise<{ entries: TimelineEntry[]; next: TimelineCursor | null }> {
  const start = from ?? START;
  const sources = await Promise.all([
    readCodes(deliveries, start.deliveries, limit),
    readWrongCodes(wrongCodes, start.wrongCodes, limit),
    userId === null ? [] : readEvents(userId, start.eventId, limit),
  ]);
  const cursor = { ...start };
  const entries: TimelineEntry[] = [];
  for (let taken = 0; taken < limit; taken += 1) {
    const newest = sources
      .filter((source) => source.length > 0)
      .sort(([one], [other]) => timeOf(other) - timeOf(one))[0];
    const step = newest?.shift();
    if (!step) break;
    Object.assign(cursor, step.after);
    addEntry(entries, step.entry);
  }
  return { entries, next: sources.some((source) => source.length > 0) ? cursor : null };
}

const timeOf = (step: Step | undefined) => step?.entry.at.getTime() ?? 0;

/** Adds an entry. Looks at the account that follow one another become one entry, because each page of the console is one. */
function addEntry(entries: TimelineEntry[], entry: TimelineEntry): void {
  const last = entries.at(-1);
  const isSameLook =
    entry.kind === "event" &&
    last?.kind === "event" &&
    entry.action === "account_read" &&
    last.action === entry.action &&
    last.actorKind === entry.actorKind;
  if (isSameLook) last.count += 1;
  else entries.push(entry);
}

type Rows = Sources["deliveries"];

function whereBefore({ hashes, since }: Rows[number], { at, id }: Position) {
  return {
    recipient: { in: hashes },
    at: { gte: since, lte: at },
    OR: [{ at: { lt: at } }, { id: { lt: id } }],
  };
}

const NEWEST_FIRST = [{ at: "desc" }, { id: "desc" }] as const;
const byTime = (one: Position, other: Position) => other.at.getTime() - one.at.getTime() || other.id - one.id;

async function readCodes(sources: Rows, before: Position, limit: number): Promise<Step[]> {
  // So many rows that they contain all messages of each code of the page, and one code more.
  const take = (limit + 1) * MESSAGES_PER_CODE_MAX;
  const orderBy = [...NEWEST_FIRST];
  const found = await Promise.all(
    sources.map((source) => readPrimary.delivery.findMany({ where: whereBefore(source, before), orderBy, take })),
  );
  const rows = found.flat().sort(byTime);
  const codes: (typeof rows)[] = [];
  for (const row of rows) {
    const code = codes.at(-1);
    const [first] = code ?? [];
    const isSame =
      first?.recipient === row.recipient &&
      first.at.getTime() === row.at.getTime() &&
      first.requestId === row.requestId &&
      first.sender !== null &&
      row.sender !== null;
    if (code && isSame) code.push(row);
    else codes.push([row]);
  }
  return codes.slice(0, limit + 1).flatMap((messages) => {
    const inOrder = [...messages].reverse();
    const [first] = inOrder;
    if (!first) return [];
    const { at, id, requestId, network, agent, purpose, digits } = first;
    const device = agent === null ? null : describeDevice(agent);
    const senders = inOrder.flatMap(({ sender, state, stateAt, reason, cost, currency, providerId }) => {
      const isReported = state === "delivered" || state === "undelivered";
      const reportedAfterMs = isReported ? stateAt.getTime() - at.getTime() : null;
      // A request for a test number that was refused has its sender, too, so that statistics leave it out.
      const isRefusal = sender === null || (sender === TEST_NUMBER_SENDER && state === "refused");
      return isRefusal ? [] : [{ sender, state, reason, cost, currency, providerId, reportedAfterMs }];
    });
    const refusal = senders.length === 0 ? (first.reason ?? first.state) : null;
    const entry = { kind: "code", at, requestId, network, device, purpose, digits, refusal, senders } as const;
    return [{ entry, after: { deliveries: { at, id } } }];
  });
}

async function readWrongCodes(sources: Rows, before: Position, limit: number): Promise<Step[]> {
  const orderBy = [...NEWEST_FIRST];
  const found = await Promise.all(
    sources.map((source) =>
      readPrimary.wrongCode.findMany({ where: whereBefore(source, before), orderBy, take: limit + 1 }),
    ),
  );
  const rows = found.flat().sort(byTime);
  return rows.slice(0, limit + 1).map(({ at, id, digits, network }) => ({
    entry: { kind: "wrong_code", at, digits, network },
    after: { wrongCodes: { at, id } },
  }));
}

async function readEvents(userId: number, before: number, limit: number): Promise<Step[]> {
  const rows = await readPrimary.auditEvent.findMany({
    where: { subjectId: userId, id: { lt: before } },
    orderBy: { id: "desc" },
    take: limit + 1,
  });
  return rows.map(({ at, id, action, actorKind, actorId, details }) => ({
    entry: {
      kind: "event",
      at,
      action: action as AuditAction,
      // Events of version 0.1 have no kind.
      actorKind: (actorKind ?? (actorId === userId ? "person" : "administrator")) as ActorKind,
      details: EventDetails.safeParse(JSON.parse(details)).data ?? {},
      count: 1,
    },
    after: { eventId: id },
  }));
}

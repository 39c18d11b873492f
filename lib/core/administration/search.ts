import { z } from "zod";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { ACCOUNT_ID_MAX } from "@/lib/core/policy";
import { consume, type LimitFailure, retryAfterMs, SEARCHES_OF_ADMINISTRATOR } from "@/lib/core/rate-limits";
import { type Result, succeed } from "@/lib/core/result";
import { readPrimary, statement, transact } from "@/lib/db/database";
import type { Administrator } from "./actor";
import { FOUND_MAX, recordListing } from "./people";
import { findRecipient } from "./recipients";

/** An account's id in an address or a form: a whole number from 1 to `ACCOUNT_ID_MAX`, in digits. */
export const AccountId = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .transform(Number)
  .refine((id) => id <= ACCOUNT_ID_MAX);

const FIND_BY_PHONE_END = statement({
  params: { end: "text", idMax: "integer", limit: "integer" },
  row: { id: "integer" },
  // The expression is that of the index.
  sql: `
    SELECT "id" FROM "User" WHERE substr("phone", length("phone") - 3) = :end AND "id" <= :idMax
    ORDER BY "id" DESC LIMIT :limit`,
});

/**
 * The accounts that a search found: at most `FOUND_MAX`, the newest first. If more phones have the same last digits, `next` is the
 * id of the last account, after which `searchFurther` goes on. Otherwise it is null.
 */
export interface FoundAccounts {
  ids: number[];
  next: number | null;
}

/**
 * Returns the accounts that the text names: by a phone in any spelling, proven or claimed, its last four digits, a mailbox, an invite
 * code or the account's id. A text that may be several of these, such as 123456, finds the accounts of each. Every look-up reads an
 * index.
 *
 * Records the accounts that were found, because the answer alone says that a phone or mailbox has an account.
 */
export async function searchAccounts(
  administrator: Administrator,
  text: string,
  now = new Date(),
): Promise<FoundAccounts> {
  const term = text.trim();
  const [phone, email, inviteCode] = [Phone.safeParse(term), Email.safeParse(term), InviteCode.safeParse(term)];
  const id = AccountId.safeParse(term);
  const found = await Promise.all([
    phone.success ? findMany({ phone: phone.data }) : [],
    phone.success ? findMany({ claimedPhone: phone.data }) : [],
    email.success ? findMany({ email: email.data }) : [],
    inviteCode.success ? findMany({ inviteCode: inviteCode.data }) : [],
    id.success ? findMany({ id: id.data }) : [],
  ]);
  const named = [...new Set(found.flat().map((row) => row.id))].slice(0, FOUND_MAX);
  const byEnd = /^\d{4}$/.test(term)
    ? await findByPhoneEnd(term, { idMax: ACCOUNT_ID_MAX, limit: FOUND_MAX - named.length })
    : { ids: [], next: null };
  const ids = [...new Set([...named, ...byEnd.ids])].sort((one, other) => other - one);
  await recordListing(administrator, ids, now);
  return { ids, next: byEnd.next };
}

/**
 * Returns the accounts after the account `lastId` whose phones have the same last four digits as its phone. So the digits that were
 * typed stand in no address. Counts as one search of the administrator: fails with `budget_spent`.
 */
export async function searchFurther(
  administrator: Administrator,
  lastId: number,
  now = new Date(),
): Promise<Result<FoundAccounts, LimitFailure>> {
  const charged = await chargeSearch(administrator, now);
  if (!charged.ok) return charged;
  const last = await readPrimary.user.findUnique({ where: { id: lastId }, select: { phone: true } });
  if (!last?.phone) return succeed({ ids: [], next: null });
  return succeed(await findByPhoneEnd(last.phone.slice(-4), { idMax: lastId - 1, limit: FOUND_MAX }));
}

/**
 * Searches accounts, and if there are none, the recipient that the text names. Fails with `budget_spent` if the administrator has
 * searched too often within an hour.
 */
export async function search(
  administrator: Administrator,
  text: string,
  now = new Date(),
): Promise<Result<FoundAccounts & { recipient: Awaited<ReturnType<typeof searchRecipient>> }, LimitFailure>> {
  const charged = await chargeSearch(administrator, now);
  if (!charged.ok) return charged;
  const found = await searchAccounts(administrator, text, now);
  const recipient = found.ids.length === 0 ? await searchRecipient(administrator, text) : null;
  return succeed({ ...found, recipient });
}

const chargeOf = ({ userId }: Administrator) => ({ limit: SEARCHES_OF_ADMINISTRATOR, subject: String(userId) });

function chargeSearch(administrator: Administrator, now: Date): Promise<Result<unknown, LimitFailure>> {
  return transact((tx) => consume(tx, [chargeOf(administrator)], now));
}

/** Returns in how many milliseconds the administrator can search; 0 means now. */
export function searchAfterMs(administrator: Administrator, now = new Date()): Promise<number> {
  return retryAfterMs(readPrimary, [chargeOf(administrator)], now);
}

async function findByPhoneEnd(end: string, { idMax, limit }: { idMax: number; limit: number }): Promise<FoundAccounts> {
  const rows = await readPrimary.all(FIND_BY_PHONE_END, { end, idMax, limit: limit + 1 });
  const ids = rows.slice(0, limit).map(({ id }) => id);
  return { ids, next: rows.length > limit ? (ids.at(-1) ?? null) : null };
}

type Where = { phone: string } | { claimedPhone: string } | { email: string } | { inviteCode: string } | { id: number };

function findMany(where: Where): Promise<{ id: number }[]> {
  return readPrimary.user.findMany({ where, orderBy: { id: "desc" }, take: FOUND_MAX, select: { id: true } });
}

/** A request's id, or a provider's id of a message. */
const MESSAGE_ID_PATTERN = /^[\w.:-]{4,100}$/;

/**
 * Returns the recipient that the text names, by the keyed hash of its phone or mailbox, and its account if it has one: a phone or
 * mailbox that codes were requested for, the id of a request (`X-Request-Id`), or a provider's id of a message. Returns null if
 * no stored request is found. Every look-up reads an index.
 */
export async function searchRecipient(
  _administrator: Administrator,
  text: string,
): Promise<{ hash: string; userId: number | null } | null> {
  const term = text.trim();
  const [phone, email] = [Phone.safeParse(term), Email.safeParse(term)];
  const addresses = [phone, email].flatMap(({ data }) => (data === undefined ? [] : keyedHashes(data)));
  const select = { recipient: true } as const;
  const [ofRequest, ofMessage] = MESSAGE_ID_PATTERN.test(term)
    ? await Promise.all([
        readPrimary.delivery.findFirst({ where: { requestId: term }, select }),
        readPrimary.delivery.findFirst({ where: { providerId: term }, select }),
      ])
    : [];
  const hashes = [...addresses, ofRequest?.recipient, ofMessage?.recipient].filter((hash) => hash != null);
  for (const hash of hashes) {
    const found = await findRecipient(hash);
    if (found) return { hash, userId: found.userId };
  }
  return null;
}

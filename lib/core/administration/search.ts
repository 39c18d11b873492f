import { z } from "zod";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { keyedHashes } from "@/lib/core/keyed-hash";
import { ACCOUNT_ID_MAX } from "@/lib/core/policy";
import { readPrimary, statement } from "@/lib/db/database";
import type { Administrator } from "./accounts";
import { findRecipient } from "./recipients";

/** An account's id in an address or a form: a whole number from 1 to `ACCOUNT_ID_MAX`, in digits. */
export const AccountId = z
  .string()
  .regex(/^[1-9]\d{0,9}$/)
  .transform(Number)
  .refine((id) => id <= ACCOUNT_ID_MAX);

/** The most accounts that one search returns. */
export const FOUND_MAX = 50;

const FIND_BY_PHONE_END = statement({
  params: { end: "text", limit: "integer" },
  row: { id: "integer" },
  // The expression is that of the index.
  sql: `
    SELECT "id" FROM "User" WHERE substr("phone", length("phone") - 3) = :end
    ORDER BY "id" DESC LIMIT :limit`,
});

/**
 * Returns the ids of the accounts that the text names, the newest first and at most `FOUND_MAX`: by a phone in any spelling, proven
 * or claimed, its last four digits, a mailbox, an invite code or the account's id. A text that may be several of these, such as
 * 123456, finds the accounts of each. Every look-up reads an index.
 *
 * A search is not recorded; `listPeople` and `readPerson`, which show what was found, are.
 */
export async function searchAccounts(_administrator: Administrator, text: string): Promise<number[]> {
  const term = text.trim();
  const [phone, email, inviteCode] = [Phone.safeParse(term), Email.safeParse(term), InviteCode.safeParse(term)];
  const id = AccountId.safeParse(term);
  const found = await Promise.all([
    /^\d{4}$/.test(term) ? readPrimary.all(FIND_BY_PHONE_END, { end: term, limit: FOUND_MAX }) : [],
    phone.success ? findMany({ phone: phone.data }) : [],
    phone.success ? findMany({ claimedPhone: phone.data }) : [],
    email.success ? findMany({ email: email.data }) : [],
    inviteCode.success ? findMany({ inviteCode: inviteCode.data }) : [],
    id.success ? findMany({ id: id.data }) : [],
  ]);
  const ids = new Set(found.flat().map((row) => row.id));
  return [...ids].sort((one, other) => other - one).slice(0, FOUND_MAX);
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

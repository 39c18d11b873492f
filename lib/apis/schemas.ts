import { z } from "zod";
import { getOwnProfile, type Profile } from "@/lib/core/accounts/accounts";
import type { Language } from "@/lib/core/challenges/code-message";
import type { SentCode } from "@/lib/core/challenges/request-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode, readInviteText } from "@/lib/core/invites/invite-code";
import { listReferrals, type Referral, ReferralCursor } from "@/lib/core/invites/referrals";
import { readPastedText } from "@/lib/core/pasted-text";
import { ACCOUNT_ID_MAX, INVITE_CODE_LENGTH, REFERRALS_LISTED_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import type { Session } from "@/lib/core/sessions/sessions";
import { typedText } from "@/lib/core/typed-field";
import { preferredLanguage } from "@/lib/http/accept-language";
import { absoluteUrl } from "./engine";

/** An invite code that a client sends. Six characters that can't be an invite code become null; any other length is refused. */
export const SentInviteCode = typedText("invite_code_malformed")
  .refine((typed) => readInviteText(typed).length === INVITE_CODE_LENGTH, "invite_code_malformed")
  .transform((typed): InviteCode | null => InviteCode.safeParse(typed).data ?? null);

/** Text of any length that a client sends as an invite code. Text that can't be one becomes null; empty text is refused. */
export const InviteCodeOfAnyLength = typedText("invite_code_malformed")
  .refine((typed) => readPastedText(typed) !== "", "invite_code_malformed")
  .transform((typed): InviteCode | null => InviteCode.safeParse(typed).data ?? null);

/** A refresh token that a client sends, unchecked. */
export const RefreshToken = typedText("malformed").transform(readPastedText);

/**
 * Reads the caller's account for a path that contains a phone, `typed`. Fails with `account_unknown` unless `typed` is the
 * account's own proven phone, because an account may read no other profile. Throws `AccountGone`.
 */
export async function getOwnProfileByPhone(
  session: Session,
  typed: string,
): Promise<Result<Profile & { phone: Phone }, { name: "account_unknown" }>> {
  const profile = await getOwnProfile(session);
  const { phone } = profile;
  return phone !== null && Phone.safeParse(typed).data === phone
    ? succeed({ ...profile, phone })
    : fail({ name: "account_unknown" });
}

/** The schemas of a phone (E.164) and of an invite code in the responses of most APIs. */
export const PhoneText = z.string().meta({ examples: ["+79450000001"] });
export const InviteText = z.string().meta({ examples: ["7K4M2P"] });

/** The query parameters of a list of referrals: `cursor` says after which referral the page begins. */
export const LIST_QUERY = { cursor: ReferralCursor.optional() };

/** The parts of an endpoint's call that a list of referrals needs. */
export interface ListCall {
  request: Request;
  query: { cursor?: ReferralCursor | undefined };
  session: Session;
}

/**
 * Lists the accounts that activated the caller's invite code, the latest first, `REFERRALS_LISTED_MAX` a page. Asks the database
 * only if the caller's profile has referrals. `headers` holds `Link` to the next page if there is one. `path` is the path of that
 * link, by default the path of the request.
 */
export async function listInvitees(
  { request, query, session }: ListCall,
  { referralCount }: Pick<Profile, "referralCount">,
  { path = new URL(request.url).pathname } = {},
): Promise<{ people: Referral[]; headers: Record<string, string> }> {
  if (referralCount === 0) return { people: [], headers: {} };
  const { referrals, next } = await listReferrals(session.userId, {
    after: query.cursor ?? null,
    limit: REFERRALS_LISTED_MAX,
  });
  if (!next) return { people: referrals, headers: {} };
  const url = absoluteUrl(`${path}?cursor=${ReferralCursor.encode(next)}`);
  return { people: referrals, headers: { Link: `<${url}>; rel="next"` } };
}

/** Lists the phones of the accounts that `listInvitees` lists, without the accounts that have no proven phone. */
export async function listInviteePhones(
  call: ListCall,
  profile: Pick<Profile, "referralCount">,
): Promise<{ phones: Phone[]; headers: Record<string, string> }> {
  const { people, headers } = await listInvitees(call, profile);
  return { phones: people.flatMap(({ phone }) => phone ?? []), headers };
}

/** Makes the response header `Sarafan-Code-Length`: how many digits the code that was sent has. */
export function codeLengthHeader({ digits }: SentCode): Record<string, string> {
  return { "Sarafan-Code-Length": String(digits) };
}

/** Chooses the language of messages to the requester by `Accept-Language`; Russian without that header. */
export function languageOf(request: Request): Language {
  return preferredLanguage(request.headers.get("accept-language"), ["ru", "en"]);
}

/**
 * A phone and a mailbox in a query, by which accounts are looked up. A plus that a client did not percent-encode arrives as a space
 * (WHATWG URL §5.1). It is restored, because `9607712345` is another phone than `+9607712345`.
 */
export const LookedUpPhone = z
  .string()
  .transform((text): string | number => text.replace(/^ /, "+"))
  .pipe(Phone);
export const LookedUpEmail = z
  .string()
  .transform((text) => text.trim().replaceAll(" ", "+"))
  .pipe(Email);

/** Parses an account's id in an address. Returns null for text that can't be an id. */
export function readAccountId(text: string): number | null {
  return /^[1-9]\d{0,9}$/.test(text) && Number(text) <= ACCOUNT_ID_MAX ? Number(text) : null;
}

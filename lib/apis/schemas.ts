import { z } from "zod";
import { type Account, AccountGone, getProfile } from "@/lib/core/accounts/accounts";
import type { Language } from "@/lib/core/challenges/code-message";
import type { SentCode } from "@/lib/core/challenges/request-code";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode, readInviteText } from "@/lib/core/invites/invite-code";
import { listReferrals, type Referral, ReferralCursor } from "@/lib/core/invites/referrals";
import { readPastedText } from "@/lib/core/pasted-text";
import { INVITE_CODE_LENGTH, REFERRALS_LISTED_MAX } from "@/lib/core/policy";
import type { Session } from "@/lib/core/sessions/sessions";
import { typedText } from "@/lib/core/typed-field";
import { preferredLanguage } from "@/lib/http/accept-language";
import { absoluteUrl } from "./engine";

/** An invite code that a client sends; null when it has six characters and yet is nobody's, whatever they are. */
export const SentInviteCode = typedText("invite_code_malformed")
  .refine((typed) => readInviteText(typed).length === INVITE_CODE_LENGTH, "invite_code_malformed")
  .transform((typed): InviteCode | null => InviteCode.safeParse(typed).data ?? null);

/** An invite code that a client sends, where any other text is a code that is nobody's: null. */
export const AnyInviteCode = typedText("invite_code_malformed")
  .refine((typed) => readPastedText(typed) !== "", "invite_code_malformed")
  .transform((typed): InviteCode | null => InviteCode.safeParse(typed).data ?? null);

/** A refresh token, or whatever else a client sends in its place: it is worth nothing then. */
export const RefreshToken = typedText("malformed").transform(readPastedText);

/** Whether a phone in an address is the one that the account has proven; nobody else's is anything to it. */
export function isOwnPhone(account: Account, typed: string): account is Account & { phone: Phone } {
  return account.phone !== null && Phone.safeParse(typed).data === account.phone;
}

/** How the answers of most APIs print a phone and an invite code. */
export const PhoneText = z.string().meta({ examples: ["+79450000001"] });
export const InviteText = z.string().meta({ examples: ["7K4M2P"] });

/** Where a page of a list of people begins. */
export const LIST_QUERY = { cursor: ReferralCursor.optional() };

/** What a list of people needs to know of a request. */
export interface ListCall {
  request: Request;
  query: { cursor?: ReferralCursor | undefined };
  session: Session;
}

/** The newest people who activated the caller's invite code, and the header that leads on where there are more. */
export async function listPeople(
  { request, query, session }: ListCall,
  { path = new URL(request.url).pathname } = {},
): Promise<{ people: Referral[]; headers: Record<string, string> }> {
  const { referrals, next } = await listReferrals(session.userId, {
    after: query.cursor ?? null,
    limit: REFERRALS_LISTED_MAX,
  });
  if (!next) return { people: referrals, headers: {} };
  const url = absoluteUrl(`${path}?cursor=${ReferralCursor.encode(next)}`);
  return { people: referrals, headers: { Link: `<${url}>; rel="next"` } };
}

/** The same by their phones, without those who have proven none: a page may hold fewer than there is room for. */
export async function listPhones(call: ListCall): Promise<{ phones: Phone[]; headers: Record<string, string> }> {
  const { people, headers } = await listPeople(call);
  return { phones: people.flatMap(({ phone }) => phone ?? []), headers };
}

/** The caller's account. */
export async function ownAccount({ userId }: Pick<Session, "userId">): Promise<Account> {
  const account = await getProfile(userId);
  if (!account) throw new AccountGone();
  return account;
}

/** Tells a client how many places to show for the code that was sent. */
export function codeLength({ digits }: SentCode): Record<string, string> {
  return { "Sarafan-Code-Length": String(digits) };
}

/** The language that whoever asks would like to be written to in. */
export function languageOf(request: Request): Language {
  return preferredLanguage(request.headers.get("accept-language"), ["ru", "en"]);
}

import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { readPrimary, statement } from "@/lib/db/database";
import type { Grant } from "./authorization-codes";
import type { Scope } from "./scopes";
import { getPairwiseSubject } from "./subjects";

/** What an application learns about a person (OpenID Connect Core §5.1); a claim that its scopes don't cover is absent. */
export interface Claims {
  sub: string;
  /** The proven phone in E.164. A claimed phone is never told, nor a test number, of which no person proves that it is theirs. */
  phone_number?: Phone;
  phone_number_verified?: true;
  email?: Email;
  email_verified?: true;
  /** The account's own invite code. */
  invite_code?: InviteCode;
  /** The `sub` of the account whose invite code this one activated; null without one, and after that account was deleted. */
  invited_by?: string | null;
  referral_count?: number;
  /** Whether this login is the account's first at this application. */
  first_login?: boolean;
}

const FIND_CLAIMS = statement({
  params: { userId: "integer" },
  row: {
    phone: "text?",
    email: "text?",
    inviteCode: "text",
    referralCount: "integer",
    inviterId: "integer?",
    isTest: "boolean",
  },
  sql: `
    SELECT "phone", "email", "inviteCode", "referralCount", "inviterId", "isTest"
    FROM "User" LEFT JOIN "Activation" ON "Activation"."inviteeId" = "User"."id"
    WHERE "User"."id" = :userId`,
});

/** Returns what the scopes of a grant tell its application; null if the account was deleted. */
export async function getClaims({ userId, clientId, scopes, isFirst }: Grant): Promise<Claims | null> {
  const [sub, row] = await Promise.all([
    getPairwiseSubject({ userId, clientId }),
    readPrimary.get(FIND_CLAIMS, { userId }),
  ]);
  if (sub === null || !row) return null;
  const { phone, email, inviteCode, referralCount, inviterId, isTest } = row;
  const has = (scope: Scope) => scopes.includes(scope);
  return {
    sub,
    ...(has("phone") && phone !== null && !isTest && { phone_number: phone as Phone, phone_number_verified: true }),
    ...(has("email") && email !== null && { email: email as Email, email_verified: true }),
    ...(has("referral") && {
      invite_code: inviteCode as InviteCode,
      invited_by: inviterId === null ? null : await getPairwiseSubject({ userId: inviterId, clientId }),
      referral_count: referralCount,
      first_login: isFirst,
    }),
  };
}

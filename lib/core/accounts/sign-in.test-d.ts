// Checked by the compiler, as part of `npm run check`, and never run: a sign-in takes an invite only if it was looked up.
import type { Holder, TypedCode } from "@/lib/core/challenges/one-time-code";
import type { Phone } from "@/lib/core/identity/phone";
import type { Requester } from "@/lib/core/identity/requester";
import type { Invite } from "@/lib/core/invites/activation";
import type { FoundInvite } from "@/lib/core/invites/look-up";
import type { Result } from "@/lib/core/result";
import { type SignIn, signInByPhone } from "./sign-in";

declare const login: { phone: Phone; holder: Holder; code: TypedCode };
declare const requester: Requester;
declare const [found, typed]: [FoundInvite | null, Invite];

type Failure<Name extends string> = Promise<Result<SignIn, { name: Name }>>;
type RefusedLogin = "code_wrong" | "code_expired" | "code_spent" | "account_blocked";

signInByPhone(login, requester) satisfies Failure<RefusedLogin>;
signInByPhone({ ...login, invite: found }, requester) satisfies Failure<RefusedLogin | "invite_unknown">;
// @ts-expect-error: with an invite it can also fail with `invite_unknown`.
signInByPhone({ ...login, invite: found }, requester) satisfies Failure<RefusedLogin>;
// @ts-expect-error: this invite was not looked up.
signInByPhone({ ...login, invite: typed }, requester);

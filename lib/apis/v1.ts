import { z } from "zod";
import { sendPhoneCode } from "@/lib/auth/browser-login";
import { logIn } from "@/lib/auth/nextauth";
import { newHolder } from "@/lib/auth/pending-login";
import { finishPendingLogin, readPendingPhone, storePendingLogin } from "@/lib/auth/pending-login-cookie";
import type { Profile } from "@/lib/core/accounts/accounts";
import { signInWithVerifiedCode, verifyForLater } from "@/lib/core/accounts/sign-in";
import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { Phone } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import { fail } from "@/lib/core/result";
import { type Api, address, redirectTo, reply } from "./engine";
import { blockedResponse, FIELD_REQUIRED, inviteFailures, RUSSIAN_MESSAGES, sendFailures } from "./messages";
import {
  codeLengthHeader,
  getOwnProfileByPhone,
  InviteText,
  LIST_QUERY,
  type ListCall,
  languageOf,
  listInviteePhones,
  PhoneText,
  SentInviteCode,
} from "./schemas";

const errorResponse = (status: number, error: string) => ({ status, body: { error } });

const NO_LOGIN_RESPONSE = errorResponse(400, "Сначала запросите код подтверждения.");
const UNUSABLE_CODE_RESPONSE = errorResponse(400, "Код подтверждения больше не действует, запросите новый.");
const NOT_FOUND_RESPONSE = errorResponse(404, "Пользователь не найден.");

const api: Api = {
  title: "v1",
  description:
    "Login by phone in three steps, a session cookie from then on; `redirect` in an answer is the next step. Requests that prefer a page by the weights of their `Accept`, as the forms of a browser do, are led to one instead of JSON. The addresses without v1 (`/api/create_user/`, `/api/auth_user/`, `/api/user_profile/…`) are the same.",
  messages: RUSSIAN_MESSAGES,
  error: (error) => ({ error }),
  credentials: "cookie",
};

const Redirect = z.object({ redirect: z.string() });
const UserProfile = z.object({
  phone_number: PhoneText,
  invite_code: InviteText,
  activated_invite_code: InviteText.nullable(),
  numbers_activated_invite_codes: z.array(PhoneText),
});

/** The pages that a browser is redirected to instead of getting JSON. */
const PHONE_PAGE = "/login";
const CODE_PAGE = "/login?step=code";
const PROFILE_PAGE = "/profile";

/** The page that shows why no code was sent; for `resend_too_early`, the page where the earlier code is typed. */
function refusalPage(failure: string): string {
  if (failure === "resend_too_early") return CODE_PAGE;
  return `${PHONE_PAGE}?step=phone&${failure === "field_invalid" ? "phone=invalid" : "sent=no"}`;
}

export const login = address(api, "/api/v1/login/", (endpoint) => ({
  GET: redirectTo(PHONE_PAGE, "Leads to the login page"),
  POST: endpoint({
    summary: "Sends a confirmation code to the phone",
    who: "anybody",
    cookies: true,
    input: { phone_number: Phone },
    answer: { body: Redirect, headers: ["Sarafan-Code-Length"] },
    page: { done: CODE_PAGE, failed: refusalPage },
    run: async ({ input: { phone_number: phone }, request }) => {
      const sent = await sendPhoneCode(phone, languageOf(request));
      return sent.ok ? reply({ redirect: "/api/v1/create_user/" }, codeLengthHeader(sent.value)) : sent;
    },
    failures: sendFailures(errorResponse),
  }),
}));

export const createUser = address(api, "/api/v1/create_user/", (endpoint) => ({
  GET: redirectTo(CODE_PAGE, "Leads to the page where the code is typed"),
  POST: endpoint({
    summary: "Checks the code; the account exists from then on",
    who: "anybody",
    cookies: true,
    input: { verification_code: TypedCode },
    answer: { body: Redirect },
    page: { done: CODE_PAGE, failed: () => CODE_PAGE },
    run: async ({ input: { verification_code: code }, requester }) => {
      const pending = await readPendingPhone();
      if (!pending) return fail({ name: "code_not_requested" });
      const next = newHolder();
      const { phone, holder } = pending;
      const proven = await verifyForLater({ phone, holder, code, next }, await requester());
      if (!proven.ok) return proven;
      // The browser gets a new random name. Codes that are stored under the old name can't be typed any more.
      await storePendingLogin({ ...pending, holder: next });
      return reply({ redirect: "/api/v1/auth_user/" });
    },
    failures: {
      code_wrong: errorResponse(401, "Неверный код подтверждения."),
      account_blocked: blockedResponse("error", "ru"),
      code_not_requested: NO_LOGIN_RESPONSE,
      code_expired: UNUSABLE_CODE_RESPONSE,
      code_spent: UNUSABLE_CODE_RESPONSE,
    },
  }),
}));

export const authUser = address(api, "/api/v1/auth_user/", (endpoint) => ({
  GET: redirectTo(CODE_PAGE, "Leads to the page where the code is typed"),
  POST: endpoint({
    summary: "Opens a session by the code that was checked in the step before, or by a code in the body",
    who: "anybody",
    cookies: true,
    input: { verification_code: TypedCode.nullish() },
    answer: { body: Redirect },
    page: { done: PROFILE_PAGE, failed: () => CODE_PAGE },
    run: async ({ input: { verification_code: code } }) => {
      const pending = await readPendingPhone();
      if (!pending) return fail({ name: "code_not_requested" });
      const { phone, holder } = pending;
      const authenticated = await logIn((requester, session) =>
        signInWithVerifiedCode({ phone, holder, code: code ?? null }, requester, { session }),
      );
      if (!authenticated.ok) {
        const { failure } = authenticated;
        return failure.name === "code_missing" ? fail({ name: "field_invalid" }) : fail(failure);
      }
      await finishPendingLogin(pending);
      return reply({ redirect: `/api/v1/user_profile/${phone}/` });
    },
    failures: {
      code_wrong: errorResponse(401, "Неверный код подтверждения."),
      account_blocked: blockedResponse("error", "ru"),
      code_not_requested: NO_LOGIN_RESPONSE,
      field_invalid: { status: 400, body: { verification_code: [FIELD_REQUIRED] } },
      code_expired: UNUSABLE_CODE_RESPONSE,
      code_spent: UNUSABLE_CODE_RESPONSE,
    },
  }),
}));

export const userProfile = address(api, "/api/v1/user_profile/{phone_number}/", (endpoint) => ({
  GET: endpoint({
    summary: "The caller's profile",
    who: "account",
    query: LIST_QUERY,
    answer: { body: UserProfile, headers: ["Link"] },
    run: async (call) => {
      const own = await getOwnProfileByPhone(call.session, call.params.phone_number);
      return own.ok ? showProfile(own.value, call) : own;
    },
    failures: { account_unknown: NOT_FOUND_RESPONSE },
  }),
  PATCH: endpoint({
    summary: "Activates an invite code; an account can do that once",
    who: "account",
    input: { invite_code: SentInviteCode },
    answer: { body: UserProfile, headers: ["Link"] },
    run: async (call) => {
      const own = await getOwnProfileByPhone(call.session, call.params.phone_number);
      if (!own.ok) return own;
      const activated = await activateInvite({ userId: own.value.id, code: call.input.invite_code });
      if (!activated.ok) return activated;
      return showProfile({ ...own.value, activatedCode: activated.value.code }, { ...call, query: {} });
    },
    failures: {
      account_unknown: NOT_FOUND_RESPONSE,
      ...inviteFailures(errorResponse),
    },
  }),
}));

async function showProfile(account: Profile & { phone: Phone }, call: ListCall) {
  const { phones, headers } = await listInviteePhones(call, account);
  const body: z.input<typeof UserProfile> = {
    phone_number: account.phone,
    invite_code: account.inviteCode,
    activated_invite_code: account.activatedCode,
    numbers_activated_invite_codes: phones,
  };
  return reply(body, headers);
}

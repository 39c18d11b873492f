import { z } from "zod";
import { sendPhoneCode } from "@/lib/auth/browser-login";
import { logIn } from "@/lib/auth/nextauth";
import { finishPendingLogin, readPendingPhone } from "@/lib/auth/pending-login-cookie";
import { getOwnProfile } from "@/lib/core/accounts/accounts";
import { signInByPhone } from "@/lib/core/accounts/sign-in";
import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { Phone, spellDigits } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import { fail } from "@/lib/core/result";
import { type Api, address, type EngineFailure, reply } from "./engine";
import { blockedResponse, RUSSIAN_MESSAGES, sendFailures, TOO_MANY_REQUESTS } from "./messages";
import {
  codeLengthHeader,
  InviteCodeOfAnyLength,
  InviteText,
  LIST_QUERY,
  languageOf,
  listInviteePhones,
} from "./schemas";

const errorResponse = (status: number, error: string) => ({ status, body: { error } });

const NOT_FOUND_RESPONSE = errorResponse(400, "Код подтверждения не найден!");

/** The failures whose response has the body `{ detail }`. All other responses to failures have `{ error }`. */
const DETAIL_FAILURES: string[] = ["credentials_missing", "token_invalid"] satisfies EngineFailure[];

const api: Api = {
  title: "enter",
  description:
    "Login by phone in two steps, a session cookie from then on. Phones are printed as digits, with a plus only where the digits alone would be another number.",
  messages: RUSSIAN_MESSAGES,
  error: (sentence, failure) => (DETAIL_FAILURES.includes(failure) ? { detail: sentence } : { error: sentence }),
  credentials: "cookie",
};

const Digits = z.string().meta({ examples: ["79450000001"] });

export const enterPhone = address(api, "/api/enter_phone/", (endpoint) => ({
  POST: endpoint({
    summary: "Sends a confirmation code to the phone",
    who: "anybody",
    cookies: true,
    input: { phone: Phone },
    answer: {
      body: z.object({ message: z.string(), "Verification code": z.string().optional() }),
      headers: ["Sarafan-Code-Length"],
    },
    run: async ({ input, request }) => {
      const sent = await sendPhoneCode(input.phone, languageOf(request));
      if (!sent.ok) return sent;
      const { revealed } = sent.value;
      return reply(
        { message: "Код подтверждения отправлен успешно!", ...(revealed && { "Verification code": revealed }) },
        codeLengthHeader(sent.value),
      );
    },
    failures: sendFailures(errorResponse),
  }),
}));

export const enterCode = address(api, "/api/enter_code/", (endpoint) => ({
  POST: endpoint({
    summary: "Checks the code and opens a session",
    who: "anybody",
    cookies: true,
    input: { verification_code: TypedCode },
    answer: { body: z.object({ message: z.string() }) },
    run: async ({ input: { verification_code: code } }) => {
      const pending = await readPendingPhone();
      if (!pending) return fail({ name: "code_not_requested" });
      const { phone, holder } = pending;
      const login = await logIn((requester, session) => signInByPhone({ phone, holder, code }, requester, { session }));
      if (!login.ok) return login;
      await finishPendingLogin(pending);
      return reply({ message: "Авторизация прошла успешно!" });
    },
    failures: {
      code_wrong: errorResponse(401, "Неверный код подтверждения!"),
      account_blocked: blockedResponse("error", "ru"),
      code_not_requested: NOT_FOUND_RESPONSE,
      code_expired: NOT_FOUND_RESPONSE,
      code_spent: NOT_FOUND_RESPONSE,
    },
  }),
}));

export const profile = address(api, "/api/profile/", (endpoint) => ({
  GET: endpoint({
    summary: "The caller's profile",
    who: "account",
    query: LIST_QUERY,
    answer: {
      body: z.object({
        phone: Digits.nullable(),
        invite_code: InviteText,
        activated_invite_code: InviteText.nullable(),
        referred_users: z.array(z.object({ phone: Digits })),
      }),
      headers: ["Link"],
    },
    run: async (call) => {
      const account = await getOwnProfile(call.session);
      const { phones, headers } = await listInviteePhones(call, account);
      return reply(
        {
          // The response has no claimed phone, only a proven one: a claimed phone may belong to another person.
          phone: account.phone && spellDigits(account.phone),
          invite_code: account.inviteCode,
          activated_invite_code: account.activatedCode,
          referred_users: phones.map((phone) => ({ phone: spellDigits(phone) })),
        },
        headers,
      );
    },
    failures: {},
  }),
  POST: endpoint({
    summary: "Activates an invite code; an account can do that once",
    who: "account",
    input: { invite_code: InviteCodeOfAnyLength },
    answer: { body: z.object({ message: z.string() }) },
    run: async ({ input: { invite_code: code }, session }) => {
      const activated = await activateInvite({ userId: session.userId, code });
      if (!activated.ok) return activated;
      return reply({ message: `Инвайт-код ${activated.value.code} успешно активирован!` });
    },
    failures: {
      budget_spent: errorResponse(429, TOO_MANY_REQUESTS),
      invite_already_activated: errorResponse(409, "Вы уже активировали инвайт-код!"),
      invite_unknown: errorResponse(404, "Пользователь с данным инвайт-кодом не найден!"),
      invite_own: errorResponse(400, "Нельзя активировать собственный инвайт-код!"),
      invite_circular: errorResponse(400, "Этот человек сам пришёл по вашему приглашению!"),
    },
    invalid: errorResponse(400, "Введите инвайт-код."),
  }),
}));

import { z } from "zod";
import { recognisedOrNewBrowser, rememberApplication } from "@/lib/auth/current-requester";
import { notifySignIn } from "@/lib/auth/security-notices";
import { issueTokens, readRefreshToken } from "@/lib/auth/tokens";
import { getOwnProfile } from "@/lib/core/accounts/accounts";
import { phoneLoginCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import { STATELESS, TypedCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { Phone } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import { fail } from "@/lib/core/result";
import { endSession, isClientSession, refreshSession } from "@/lib/core/sessions/sessions";
import { type Api, address, reply } from "./engine";
import { blockedResponse, inviteFailures, RUSSIAN_MESSAGES, sendFailures } from "./messages";
import {
  codeLengthHeader,
  InviteText,
  LIST_QUERY,
  languageOf,
  listInviteePhones,
  PhoneText,
  RefreshToken,
  SentInviteCode,
} from "./schemas";

const detailResponse = (status: number, detail: string) => ({ status, body: { detail } });

const WRONG_CODE_RESPONSE = detailResponse(400, "Неверный или просроченный код.");
const INVALID_TOKEN_RESPONSE = detailResponse(401, RUSSIAN_MESSAGES.failures.token_invalid);

const api: Api = {
  title: "bearer",
  description:
    "Login by phone without cookies: phone and code in the body, tokens for the Authorization header in the answer.",
  messages: RUSSIAN_MESSAGES,
  error: (detail) => ({ detail }),
  credentials: "token",
};

const Tokens = { access: z.string(), refresh: z.string() };

export const authRequestCode = address(api, "/api/auth/request_code/", (endpoint) => ({
  POST: endpoint({
    summary: "Sends a code to the phone",
    who: "anybody",
    headers: ["Sarafan-Device"],
    input: { phone: Phone },
    answer: { body: z.object({ detail: z.string() }), headers: ["Sarafan-Code-Length"] },
    run: async ({ input: { phone }, request, requester }) => {
      const language = languageOf(request);
      const sent = await requestCode(phoneLoginCode({ phone, holder: STATELESS }), await requester(), { language });
      return sent.ok ? reply({ detail: "Код отправлен" }, codeLengthHeader(sent.value)) : sent;
    },
    failures: sendFailures(detailResponse),
  }),
}));

export const authVerifyCode = address(api, "/api/auth/verify_code/", (endpoint) => ({
  POST: endpoint({
    summary: "Checks the code and issues tokens",
    who: "anybody",
    headers: ["Sarafan-Device"],
    input: { phone: Phone, code: TypedCode },
    answer: {
      body: z.object({ phone_number: PhoneText, invite_code: InviteText, ...Tokens }),
      headers: ["Sarafan-Device"],
    },
    run: async ({ input: { phone, code }, requester: readRequester }) => {
      const requester = await readRequester();
      const application = recognisedOrNewBrowser(requester);
      const opening = { session: { kind: "client", browserId: application.id } } as const;
      const login = await signInByPhone({ phone, code, holder: STATELESS }, requester, opening);
      if (!login.ok) return login;
      const { proven, session } = login.value;
      if (!isClientSession(session))
        throw new Error("a sign-in of a client application succeeded without opening a session");
      const headers = await rememberApplication(application, proven);
      notifySignIn(session, requester);
      const { inviteCode } = await getOwnProfile(session);
      return reply({ phone_number: phone, invite_code: inviteCode, ...(await issueTokens(session)) }, headers);
    },
    failures: {
      code_wrong: WRONG_CODE_RESPONSE,
      account_blocked: blockedResponse("detail", "ru"),
      code_expired: WRONG_CODE_RESPONSE,
      code_spent: WRONG_CODE_RESPONSE,
    },
  }),
}));

export const refreshToken = address(api, "/api/auth/refresh_token/", (endpoint) => ({
  POST: endpoint({
    summary: "Exchanges the refresh token for new tokens; a refresh token can be exchanged once",
    who: "anybody",
    input: { refresh: RefreshToken },
    answer: { body: z.object(Tokens) },
    run: async ({ input: { refresh } }) => {
      const token = await readRefreshToken(refresh);
      if (!token) return fail({ name: "token_invalid" });
      const refreshed = await refreshSession(token);
      return refreshed.ok ? reply(await issueTokens(refreshed.value)) : refreshed;
    },
    failures: { token_invalid: INVALID_TOKEN_RESPONSE },
  }),
}));

export const logout = address(api, "/api/auth/logout/", (endpoint) => ({
  POST: endpoint({
    summary: "Ends the session; its access and refresh token are refused from then on",
    who: "account",
    answer: { body: z.void() },
    run: async ({ session }) => {
      await endSession(session.id);
      return reply(undefined);
    },
    failures: {},
  }),
}));

export const profileBack = address(api, "/api/profile_back/", (endpoint) => ({
  GET: endpoint({
    summary: "The caller's profile",
    who: "account",
    query: LIST_QUERY,
    answer: {
      body: z.object({
        phone_number: PhoneText.nullable(),
        invite_code: InviteText,
        invited_by_code: InviteText.nullable(),
        invited_users: z.array(PhoneText),
      }),
      headers: ["Link"],
    },
    run: async (call) => {
      const account = await getOwnProfile(call.session);
      const { phones, headers } = await listInviteePhones(call, account);
      return reply(
        {
          phone_number: account.phone,
          invite_code: account.inviteCode,
          invited_by_code: account.activatedCode,
          invited_users: phones,
        },
        headers,
      );
    },
    failures: {},
  }),
}));

export const profileActivateInvite = address(api, "/api/profile_back/activate_invite/", (endpoint) => ({
  POST: endpoint({
    summary: "Activates an invite code; an account can do that once",
    who: "account",
    input: { code: SentInviteCode },
    answer: { body: z.object({ detail: z.string() }) },
    run: async ({ input: { code }, session }) => {
      const activated = await activateInvite({ userId: session.userId, code });
      return activated.ok ? reply({ detail: "Инвайт-код успешно активирован" }) : activated;
    },
    failures: inviteFailures(detailResponse),
  }),
}));

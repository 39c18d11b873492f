import { z } from "zod";
import { maySeeCodes } from "@/lib/auth/demonstration";
import { logIn } from "@/lib/auth/nextauth";
import { getOwnProfile } from "@/lib/core/accounts/accounts";
import { register, requestRegistrationCode } from "@/lib/core/accounts/sign-in";
import { STATELESS, TypedCode } from "@/lib/core/challenges/one-time-code";
import { Phone } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { getInvite } from "@/lib/core/invites/look-up";
import { fail, succeed } from "@/lib/core/result";
import { type Api, absoluteUrl, address, reply } from "./engine";
import { blockedResponse, ENGLISH_MESSAGES } from "./messages";
import {
  codeLengthHeader,
  getOwnProfileByPhone,
  InviteCodeOfAnyLength,
  InviteText,
  LIST_QUERY,
  languageOf,
  listInviteePhones,
} from "./schemas";

const detailResponse = (status: number, detail: string) => ({ status, body: { detail } });

const BUDGET_SPENT_RESPONSE = detailResponse(429, "Too many requests. Try again later.");
const NOT_RECEIVED_RESPONSE = { status: 400, body: { code: ["This phone number did not receive a code"] } };
const PHONE_TAKEN_RESPONSE = { status: 400, body: { phone_number: ["Not unique number"] } };
const INVALID_INVITE_RESPONSE = { status: 400, body: { non_field_errors: ["Invalid invite"] } };
const NOT_FOUND_RESPONSE = detailResponse(404, "Not found.");

const api: Api = {
  title: "verification",
  description: "Registration by phone; a session cookie from then on.",
  messages: ENGLISH_MESSAGES,
  error: (detail) => ({ detail }),
  credentials: "cookie",
};

const PrintedPhone = z.string().meta({ examples: ["+7(945)000-00-01"] });

/** Prints a phone: `+7(945)000-00-01` for Russian numbers, E.164 for others. */
function printPhone(phone: Phone): string {
  return phone.replace(/^\+7(\d{3})(\d{3})(\d\d)(\d\d)$/, "+7($1)$2-$3-$4");
}

export const sendCode = address(api, "/api/verification_phone/send_code", (endpoint) => ({
  POST: endpoint({
    summary: "Sends a code to a phone that has no account yet",
    who: "anybody",
    input: { phone_number: Phone },
    answer: {
      body: z.union([z.object({ code: z.string() }), z.object({ detail: z.string() })]),
      headers: ["Sarafan-Code-Length"],
    },
    run: async ({ input: { phone_number: phone }, request, requester }) => {
      const language = languageOf(request);
      const owner = { phone, holder: STATELESS };
      const sent = await requestRegistrationCode(owner, await requester(), { language });
      if (!sent.ok) return sent;
      const { revealed } = sent.value;
      const isShown = revealed !== null && (await maySeeCodes(request.headers));
      return reply(isShown ? { code: revealed } : { detail: "Code sent" }, codeLengthHeader(sent.value));
    },
    failures: {
      phone_taken: PHONE_TAKEN_RESPONSE,
      budget_spent: BUDGET_SPENT_RESPONSE,
      country_not_allowed: detailResponse(400, "Codes are not sent to this number."),
      resend_too_early: detailResponse(429, "A code was sent already. A new one can be asked for later."),
      code_not_sent: detailResponse(503, "The code could not be sent. Try again later."),
    },
  }),
}));

export const registration = address(api, "/api/verification_phone/{invite_code}", (endpoint) => ({
  POST: endpoint({
    summary: "Registers the phone; the address holds an inviter's code, or the word invite_code",
    who: "anybody",
    cookies: true,
    input: { phone_number: Phone, code: TypedCode },
    answer: { status: 201, body: z.object({ invite: InviteText, user_profile_url: z.url() }) },
    run: async ({ input: { phone_number: phone, code }, params, requester }) => {
      const inviteCode = params.invite_code === "invite_code" ? null : InviteCode.safeParse(params.invite_code).data;
      if (inviteCode === undefined) return fail({ name: "invite_unknown" });
      const found = inviteCode ? await getInvite(inviteCode, await requester()) : succeed(null);
      if (!found.ok) return found;
      const invite = found.value;
      const login = await logIn((by, session) => register({ phone, code, invite, holder: STATELESS }, by, { session }));
      if (!login.ok) return login;
      const own = await getOwnProfile(login.value);
      const url = absoluteUrl(`/api/verification_phone/profile/${phone}`);
      return reply({ invite: own.inviteCode, user_profile_url: url });
    },
    failures: {
      phone_taken: PHONE_TAKEN_RESPONSE,
      budget_spent: BUDGET_SPENT_RESPONSE,
      code_wrong: { status: 400, body: { code: ["Request a new code"] } },
      account_blocked: blockedResponse("detail", "en"),
      code_expired: NOT_RECEIVED_RESPONSE,
      code_spent: NOT_RECEIVED_RESPONSE,
      invite_unknown: INVALID_INVITE_RESPONSE,
    },
  }),
}));

export const profile = address(api, "/api/verification_phone/profile/{phone_number}", (endpoint) => ({
  PUT: endpoint({
    summary: "Activates an invite code; an account can do that once",
    who: "account",
    input: { invite: InviteCodeOfAnyLength },
    answer: { body: z.object({ message: z.string() }) },
    run: async ({ input: { invite: code }, params, session }) => {
      const own = await getOwnProfileByPhone(session, params.phone_number);
      if (!own.ok) return own;
      const activated = await activateInvite({ userId: own.value.id, code });
      if (!activated.ok) return activated;
      return reply({ message: `${printPhone(own.value.phone)} successfully activated invite` });
    },
    failures: {
      account_unknown: NOT_FOUND_RESPONSE,
      budget_spent: BUDGET_SPENT_RESPONSE,
      invite_already_activated: { status: 400, body: { message: "User already activate invite" } },
      invite_unknown: INVALID_INVITE_RESPONSE,
      invite_own: INVALID_INVITE_RESPONSE,
      invite_circular: INVALID_INVITE_RESPONSE,
    },
  }),
  GET: endpoint({
    summary: "The profile, and the phones that activated its invite",
    who: "account",
    query: LIST_QUERY,
    answer: {
      body: z.object({
        profile: z.object({
          phone_number: PrintedPhone,
          invite: InviteText.nullable(),
          self_invite: InviteText,
          is_active: z.boolean(),
        }),
        duplicate_user_invite: z.array(PrintedPhone),
      }),
      headers: ["Link"],
    },
    run: async (call) => {
      const own = await getOwnProfileByPhone(call.session, call.params.phone_number);
      if (!own.ok) return own;
      const account = own.value;
      const { phones, headers } = await listInviteePhones(call, account);
      return reply(
        {
          profile: {
            phone_number: printPhone(account.phone),
            invite: account.activatedCode,
            self_invite: account.inviteCode,
            is_active: account.activatedCode !== null,
          },
          duplicate_user_invite: phones.map(printPhone),
        },
        headers,
      );
    },
    failures: { account_unknown: NOT_FOUND_RESPONSE },
  }),
}));

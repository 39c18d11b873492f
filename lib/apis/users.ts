import { z } from "zod";
import { sendMailCode } from "@/lib/auth/browser-login";
import { logIn } from "@/lib/auth/nextauth";
import { finishPendingLogin, readPendingLogin } from "@/lib/auth/pending-login-cookie";
import { notifyChange, notifyDelayedChange, notifyDeletion } from "@/lib/auth/security-notices";
import { type Account, getOwnProfile, shownPhone } from "@/lib/core/accounts/accounts";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { signInByEmail } from "@/lib/core/accounts/sign-in";
import {
  AccountCursor,
  asAdministrator,
  changeAccount,
  createAccount,
  deleteAccount,
  listAccounts,
  readAccount,
} from "@/lib/core/administration/accounts";
import { TypedCode } from "@/lib/core/challenges/one-time-code";
import { IS_MAIL_OFFERED } from "@/lib/core/challenges/request-code";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { ACCOUNTS_PER_PAGE, ACCOUNTS_PER_PAGE_MAX } from "@/lib/core/policy";
import { fail } from "@/lib/core/result";
import { type Api, absoluteUrl, address, redirectTo, reply, replyLater } from "./engine";
import { blockedResponse, inviteFailures, RUSSIAN_MESSAGES, sendFailures, TOO_MANY_REQUESTS } from "./messages";
import {
  codeLengthHeader,
  InviteText,
  LIST_QUERY,
  type ListCall,
  LookedUpEmail,
  LookedUpPhone,
  languageOf,
  listInvitees,
  PhoneText,
  readAccountId,
  SentInviteCode,
} from "./schemas";

const detailResponse = (status: number, detail: string) => ({ status, body: { detail } });

const UNUSABLE_CODE_RESPONSE = detailResponse(400, "Код подтверждения не найден или устарел. Запросите новый.");
const NOT_FOUND_RESPONSE = detailResponse(404, "Не найдено.");
const NOT_ALLOWED_RESPONSE = detailResponse(403, "У вас недостаточно прав для выполнения данного действия.");
const DELETED_LATER_SENTENCE =
  "Это устройство ещё не подтверждено, поэтому аккаунт будет удалён позже. До тех пор удаление может отменить любое подтверждённое устройство.";
const LOGIN_TOO_OLD_RESPONSE = detailResponse(403, "Войдите ещё раз: это можно сделать только вскоре после входа.");
const TAKEN_FAILURES = {
  phone_test: { status: 409, body: { phone: ["Это тестовый номер."] } },
  phone_taken: { status: 409, body: { phone: ["Пользователь с таким телефоном уже существует."] } },
  email_taken: { status: 409, body: { email: ["Пользователь с таким адресом уже существует."] } },
};

const api: Api = {
  title: "users",
  description:
    "Login by a code to the mailbox, a session cookie from then on; accounts for administrators (ADMIN_PHONES).",
  messages: RUSSIAN_MESSAGES,
  error: (detail) => ({ detail }),
  credentials: "cookie",
};

const IDENTITY_FIELDS = {
  id: z.int(),
  phone: z
    .string()
    .nullable()
    .meta({ examples: ["+79450000001"] }),
  email: z
    .string()
    .nullable()
    .meta({ examples: ["anna@example.com"] }),
  invite_code: InviteText,
};
const User = z.object({ ...IDENTITY_FIELDS, activated_invite_code: InviteText.nullable() });
const UserProfile = z.object({
  ...User.shape,
  invited_users: z.array(z.object({ id: z.int(), phone: PhoneText.nullable() })),
});
const Limit = z
  .string()
  .refine(
    (text) => /^\d{1,3}$/.test(text) && Number(text) >= 1 && Number(text) <= ACCOUNTS_PER_PAGE_MAX,
    "limit_invalid",
  )
  .transform(Number)
  .meta({ description: `A whole number from 1 to ${ACCOUNTS_PER_PAGE_MAX}; without it, ${ACCOUNTS_PER_PAGE}.` });

/** The parameters that accounts are looked up by. */
const LOOKUP_QUERY = {
  phone: LookedUpPhone.optional(),
  email: LookedUpEmail.optional(),
  invite_code: InviteCode.optional(),
};

const LOGIN_PAGE = "/login?by=email";
const INVITE_PAGE = "/profile#activation";

export const authenticate = address(api, "/api/users/authenticate/", (endpoint) => ({
  GET: redirectTo(LOGIN_PAGE, "Leads to the page for a login by mail"),
  POST: endpoint({
    summary: "Sends a code to the mailbox; with the code, checks it and opens a session",
    who: "anybody",
    cookies: true,
    input: { phone: Phone, email: Email, code: TypedCode.nullish() },
    answer: {
      body: z.union([z.object({ detail: z.string() }), z.object(IDENTITY_FIELDS)]),
      headers: ["Sarafan-Code-Length"],
    },
    run: async ({ input: { phone, email, code }, request }) => {
      if (!IS_MAIL_OFFERED) return fail({ name: "mail_unavailable" });
      if (code === undefined || code === null) {
        const sent = await sendMailCode({ phone, email }, languageOf(request));
        return sent.ok ? reply({ detail: "Код подтверждения отправлен" }, codeLengthHeader(sent.value)) : sent;
      }
      const pending = await readPendingLogin();
      if (pending?.phone !== phone || pending.email !== email) return fail({ name: "code_not_requested" });
      const login = await logIn((requester, session) =>
        signInByEmail({ phone, email, holder: pending.holder, code }, requester, { session }),
      );
      if (!login.ok) return login;
      await finishPendingLogin(pending);
      const { activated_invite_code: _, ...identity } = userOf(await getOwnProfile(login.value));
      return reply(identity);
    },
    failures: {
      mail_unavailable: detailResponse(404, "Вход по почте не настроен."),
      ...sendFailures(detailResponse),
      code_wrong: detailResponse(401, "Неверный код подтверждения."),
      account_blocked: blockedResponse("detail", "ru"),
      phone_mismatch: detailResponse(400, "У аккаунта с этим адресом другой телефон."),
      code_not_requested: UNUSABLE_CODE_RESPONSE,
      code_expired: UNUSABLE_CODE_RESPONSE,
      code_spent: UNUSABLE_CODE_RESPONSE,
    },
  }),
}));

export const profile = address(api, "/api/users/profile/{id}", (endpoint) => ({
  GET: endpoint({
    summary: "The caller's profile, and the accounts that activated its invite code",
    who: "account",
    query: LIST_QUERY,
    answer: { body: UserProfile, headers: ["Link"] },
    run: async (call) => {
      if (readAccountId(call.params.id) !== call.session.userId) return fail({ name: "account_unknown" });
      return showProfile(call);
    },
    failures: { account_unknown: NOT_FOUND_RESPONSE },
  }),
}));

export const activateInviteCode = address(api, "/api/users/profile/activate_invite_code/", (endpoint) => ({
  GET: redirectTo(INVITE_PAGE, "Leads to the page where an invite code is typed"),
  POST: endpoint({
    summary: "Activates an invite code; an account can do that once",
    who: "account",
    input: { invite_code: SentInviteCode },
    answer: { body: UserProfile, headers: ["Link"] },
    run: async (call) => {
      const activated = await activateInvite({ userId: call.session.userId, code: call.input.invite_code });
      return activated.ok ? showProfile({ ...call, query: {} }) : activated;
    },
    failures: inviteFailures(detailResponse),
  }),
}));

export const users = address(api, "/api/users/", (endpoint) => ({
  GET: endpoint({
    summary: "All accounts, the newest first, or those with this phone, mailbox or invite code (administrators)",
    who: "account",
    query: { ...LOOKUP_QUERY, cursor: AccountCursor.optional(), limit: Limit.optional() },
    answer: {
      body: z.object({ next: z.url().nullable(), previous: z.url().nullable(), results: z.array(User) }),
    },
    run: async ({ session, query: { cursor, limit, ...sought } }) => {
      const administrator = await asAdministrator(session);
      if (!administrator.ok) return administrator;
      const { phone, email, invite_code: inviteCode } = sought;
      const page = await listAccounts(administrator.value, {
        lookup: { phone, email, inviteCode },
        cursor: cursor ?? null,
        ...(limit && { limit }),
      });
      const linkTo = (to: AccountCursor | null) => {
        if (!to) return null;
        const given = Object.entries({ ...sought, limit }).filter(([, value]) => value !== undefined);
        const parameters = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
        parameters.set("cursor", AccountCursor.encode(to));
        return absoluteUrl(`/api/users/?${parameters}`);
      };
      return reply({ next: linkTo(page.next), previous: linkTo(page.previous), results: page.accounts.map(userOf) });
    },
    failures: { not_administrator: NOT_ALLOWED_RESPONSE },
  }),
  POST: endpoint({
    summary: "Creates an account (administrators, soon after a login)",
    who: "account",
    input: { phone: Phone, email: Email.nullish() },
    answer: { status: 201, body: User },
    run: async ({ session, input: { phone, email } }) => {
      const administrator = await asAdministrator(session);
      if (!administrator.ok) return administrator;
      const created = await createAccount(administrator.value, { phone, email: email ?? null });
      return created.ok ? reply(userOf(created.value)) : created;
    },
    failures: { not_administrator: NOT_ALLOWED_RESPONSE, login_too_old: LOGIN_TOO_OLD_RESPONSE, ...TAKEN_FAILURES },
  }),
}));

const CHANGE_FAILURES = {
  not_administrator: NOT_ALLOWED_RESPONSE,
  account_own: detailResponse(403, "Свой аккаунт так изменить нельзя: номер и адрес меняются на странице аккаунта."),
  account_test: detailResponse(403, "Аккаунт тестового номера не меняется: он удаляется, когда срок номера истекает."),
  login_too_old: LOGIN_TOO_OLD_RESPONSE,
  account_unknown: NOT_FOUND_RESPONSE,
  identity_missing: { status: 400, body: { email: ["Без телефона адрес обязателен."] } },
  ...TAKEN_FAILURES,
};

export const user = address(api, "/api/users/{id}/", (endpoint) => ({
  GET: endpoint({
    summary: "An account: the caller's own, or any account for administrators",
    who: "account",
    answer: { body: User },
    run: async ({ session, params }) => {
      const id = readAccountId(params.id);
      if (id === session.userId) return reply(userOf(await getOwnProfile(session)));
      const administrator = await asAdministrator(session);
      if (!administrator.ok || id === null) return fail({ name: "account_unknown" });
      const found = await readAccount(administrator.value, id);
      return found.ok ? reply(userOf(found.value)) : found;
    },
    failures: { account_unknown: NOT_FOUND_RESPONSE },
  }),
  PUT: endpoint({
    summary: "Replaces phone and e-mail of another account (administrators, soon after a login)",
    who: "account",
    input: { phone: Phone, email: Email.nullable() },
    answer: { body: User },
    run: ({ session, params, input }) => changeByAdministrator(session, params.id, input),
    failures: CHANGE_FAILURES,
  }),
  PATCH: endpoint({
    summary: "Changes phone or e-mail of another account (administrators, soon after a login)",
    who: "account",
    input: { phone: Phone.optional(), email: Email.nullable().optional() },
    answer: { body: User },
    run: ({ session, params, input }) => changeByAdministrator(session, params.id, input),
    failures: CHANGE_FAILURES,
  }),
  DELETE: endpoint({
    summary:
      "Deletes an account, soon after a login: the caller's own with the cookie, or another one for administrators",
    who: "account",
    answer: { body: z.void(), later: z.object({ detail: z.string(), due_at: z.iso.datetime() }) },
    run: async ({ session, params, requester }) => {
      const id = readAccountId(params.id);
      // These rules hold for an administrator's own account too, because the browser may have been left unattended.
      if (id === session.userId) {
        const deleted = await deleteOwnAccount(session);
        if (!deleted.ok) return deleted;
        const { dueAt } = deleted.value;
        if (dueAt === null) {
          notifyDeletion(deleted.value.email);
          return reply(undefined);
        }
        notifyDelayedChange(session, { what: "deletion", dueAt, requester: await requester() });
        return replyLater({ detail: DELETED_LATER_SENTENCE, due_at: dueAt.toISOString() });
      }
      const administrator = await asAdministrator(session);
      if (!administrator.ok || id === null) return fail({ name: "account_unknown" });
      const deleted = await deleteAccount(administrator.value, { userId: id });
      if (!deleted.ok) return deleted;
      notifyDeletion(deleted.value.email);
      return reply(undefined);
    },
    failures: {
      account_unknown: NOT_FOUND_RESPONSE,
      budget_spent: detailResponse(429, TOO_MANY_REQUESTS),
      cookie_required: detailResponse(403, "Свой аккаунт нельзя удалить по токену: войдите в браузере."),
      login_too_old: LOGIN_TOO_OLD_RESPONSE,
      change_waiting: detailResponse(
        409,
        "Удалить аккаунт уже попросили с другого устройства. Отменить это может любое подтверждённое устройство.",
      ),
      session_over: detailResponse(401, RUSSIAN_MESSAGES.failures.credentials_missing),
    },
  }),
}));

async function changeByAdministrator(
  session: Parameters<typeof asAdministrator>[0],
  typedId: string,
  changes: Parameters<typeof changeAccount>[2],
) {
  const administrator = await asAdministrator(session);
  if (!administrator.ok) return administrator;
  const id = readAccountId(typedId);
  if (id === null) return fail({ name: "account_unknown" });
  const changed = await changeAccount(administrator.value, id, changes);
  if (!changed.ok) return changed;
  for (const each of changed.value.changed) notifyChange(each);
  return reply(userOf(changed.value.account));
}

async function showProfile(call: ListCall) {
  const account = await getOwnProfile(call.session);
  const { people, headers } = await listInvitees(call, account, { path: `/api/users/profile/${account.id}` });
  const body: z.input<typeof UserProfile> = {
    ...userOf(account),
    invited_users: people.map(({ userId, phone }) => ({ id: userId, phone })),
  };
  return reply(body, headers);
}

function userOf(account: Account): z.input<typeof User> {
  return {
    id: account.id,
    phone: shownPhone(account),
    email: account.email,
    invite_code: account.inviteCode,
    activated_invite_code: account.activatedCode,
  };
}

import { z } from "zod";
import { notifyDeletion } from "@/lib/auth/security-notices";
import { createAccount } from "@/lib/core/administration/accounts";
import type { ApiKeyActor } from "@/lib/core/administration/actor";
import { type Act, deletePerson } from "@/lib/core/administration/acts";
import { blockAccount, unblockAccount } from "@/lib/core/administration/block";
import { endSessions } from "@/lib/core/administration/end-sessions";
import {
  findManagedAccount,
  listManagedAccounts,
  type ManagedAccount,
  recordAccountReads,
} from "@/lib/core/administration/managed-accounts";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { ACCOUNTS_PER_PAGE } from "@/lib/core/policy";
import { fail, type Result } from "@/lib/core/result";
import { SessionId } from "@/lib/core/sessions/session-list";
import { address, reply } from "./engine";
import type { KeyCall } from "./keys";
import {
  ACCOUNT_UNKNOWN,
  ACT_PROBLEMS,
  etagOf,
  manageApi,
  nextLink,
  PAGE_QUERY,
  problem,
  ReasonText,
  Time,
  versionsOf,
} from "./manage";
import { InviteText, LookedUpEmail, LookedUpPhone, readAccountId } from "./schemas";

const AccountId = z.int().meta({ examples: [1] });
const Identity = z.string().nullable().optional();

const Account = z.object({
  id: AccountId,
  inviteCode: InviteText,
  createdAt: Time,
  blockedAt: Time.nullable().meta({ description: "When it was blocked; null if it isn't." }),
  isTest: z.boolean().meta({ description: "Whether it is the account of a test number." }),
  sequence: z.int().meta({
    description:
      "The `sequence` of the account's last event. The other fields include the effects of that event and of all before it.",
  }),
  activation: z
    .object({ inviteCode: InviteText, inviterId: AccountId.nullable(), activatedAt: Time })
    .nullable()
    .meta({ description: "The invite code that it activated. `inviterId` is null if that account was deleted." }),
  phone: Identity.meta({ description: "The proven phone. Only with the scope `phones:read`." }),
  claimedPhone: Identity.meta({ description: "A phone that is claimed and not proven. Only with `phones:read`." }),
  email: Identity.meta({ description: "The proven mailbox. Only with `phones:read`." }),
});

function accountOf({ version: _, phone, claimedPhone, email, ...account }: ManagedAccount, { has }: KeyCall) {
  const { createdAt, blockedAt, activation } = account;
  return {
    ...account,
    createdAt: createdAt.toISOString(),
    blockedAt: blockedAt?.toISOString() ?? null,
    activation: activation && { ...activation, activatedAt: activation.activatedAt.toISOString() },
    ...(has("phones:read") && { phone, claimedPhone, email }),
  };
}

export const accounts = address(manageApi, "/api/manage/v1/accounts", (endpoint) => ({
  GET: endpoint({
    summary: "All accounts, the oldest first, or those with this phone, mailbox or invite code",
    who: "key",
    scope: "accounts:read",
    query: {
      phone: LookedUpPhone.optional(),
      email: LookedUpEmail.optional(),
      inviteCode: InviteCode.optional(),
      ...PAGE_QUERY,
    },
    answer: { body: z.object({ accounts: z.array(Account), next: z.string().nullable() }), headers: ["Link"] },
    run: async ({ key, request, query: { phone, email, inviteCode, cursor = 0, limit } }) => {
      const found = await listManagedAccounts(key.actor, {
        lookup: { phone, email, inviteCode },
        after: cursor,
        limit: limit ?? ACCOUNTS_PER_PAGE,
        seesPhones: key.has("phones:read"),
      });
      const { next } = found;
      const body = {
        accounts: found.accounts.map((account) => accountOf(account, key)),
        next: next === null ? null : String(next),
      };
      return reply(body, nextLink(request, next === null ? null : { cursor: next }));
    },
    failures: {},
  }),
  POST: endpoint({
    summary: "Creates an account, whose phone and mailbox count as proven",
    who: "key",
    scope: "accounts:write",
    input: { phone: Phone, email: Email.nullish(), reason: ReasonText },
    answer: { status: 201, body: z.object({ id: AccountId, inviteCode: InviteText }), headers: ["Location"] },
    run: ({ key, input: { phone, email = null, reason } }) =>
      key.deed(
        (actor) => createAccount(actor, { phone, email, reason }),
        ({ id, inviteCode }) => reply({ id, inviteCode }, { Location: `/api/manage/v1/accounts/${id}` }),
      ),
    failures: {
      phone_taken: problem(409, "phone_taken", "Another account has this phone."),
      email_taken: problem(409, "email_taken", "Another account has this mailbox."),
      phone_test: problem(409, "phone_test", "This phone is a test number."),
      phone_of_administrator: problem(409, "phone_of_administrator", "The phone is an administrator's."),
    },
  }),
}));

export const account = address(manageApi, "/api/manage/v1/accounts/{id}", (endpoint) => ({
  GET: endpoint({
    summary: "An account",
    who: "key",
    scope: "accounts:read",
    answer: { body: Account, headers: ["ETag"] },
    run: async ({ key, params }) => {
      const id = readAccountId(params.id);
      const found = id === null ? null : await findManagedAccount(id);
      if (!found) return fail({ name: "account_unknown" });
      if (key.has("phones:read")) await recordAccountReads(key.actor, { ids: [found.id], isList: false });
      return reply(accountOf(found, key), { ETag: etagOf(found.version) });
    },
    failures: { account_unknown: ACCOUNT_UNKNOWN },
  }),
  DELETE: endpoint({
    summary: "Deletes an account permanently, and tells its mailbox",
    who: "key",
    scope: "accounts:write",
    ifMatch: "optional",
    query: { reason: ReasonText },
    answer: { body: z.void() },
    run: (call) =>
      act(call, call.query.reason, async (actor, each) => {
        const deleted = await deletePerson(actor, each);
        if (deleted.ok) notifyDeletion(deleted.value.email);
        return deleted;
      }),
    failures: ACT_PROBLEMS,
  }),
}));

export const accountBlock = address(manageApi, "/api/manage/v1/accounts/{id}/block", (endpoint) => ({
  POST: endpoint({
    summary: "Blocks an account: ends its sessions, and lets no right code open a new one",
    who: "key",
    scope: "accounts:write",
    ifMatch: "optional",
    input: { reason: ReasonText },
    answer: { body: z.void() },
    run: (call) => act(call, call.input.reason, (actor, each) => blockAccount(actor, each)),
    failures: {
      ...ACT_PROBLEMS,
      account_blocked: problem(409, "account_blocked", "The account is blocked already."),
    },
  }),
}));

export const accountUnblock = address(manageApi, "/api/manage/v1/accounts/{id}/unblock", (endpoint) => ({
  POST: endpoint({
    summary: "Lets a blocked account log in again",
    who: "key",
    scope: "accounts:write",
    ifMatch: "optional",
    input: { reason: ReasonText },
    answer: { body: z.void() },
    run: (call) => act(call, call.input.reason, (actor, each) => unblockAccount(actor, each)),
    failures: {
      ...ACT_PROBLEMS,
      account_not_blocked: problem(409, "account_not_blocked", "The account isn't blocked."),
    },
  }),
}));

export const accountEndSessions = address(manageApi, "/api/manage/v1/accounts/{id}/end-sessions", (endpoint) => ({
  POST: endpoint({
    summary: "Ends all sessions of an account, or the one with this id",
    who: "key",
    scope: "accounts:write",
    input: {
      reason: ReasonText,
      sessionId: SessionId.nullish().meta({ description: "As the event `session.opened` names it." }),
    },
    answer: { body: z.void() },
    run: (call) => {
      const sessionId = call.input.sessionId ?? null;
      return act(call, call.input.reason, (actor, each) => endSessions(actor, { ...each, sessionId }));
    },
    failures: ACT_PROBLEMS,
  }),
}));

/** Does an act on the account of the path, if it has a version that the client named. The response has no body. */
async function act<Value, Failure extends { name: string }>(
  { key, params }: { key: KeyCall; params: { id: string } },
  reason: Act["reason"],
  perform: (actor: ApiKeyActor, act: Act) => Promise<Result<Value, Failure>>,
) {
  const userId = readAccountId(params.id);
  if (userId === null) return fail({ name: "account_unknown" });
  const versions = versionsOf(key.ifMatch);
  return key.deed(
    (actor) => perform(actor, { userId, reason, versions }),
    () => reply(undefined),
  );
}

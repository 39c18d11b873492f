import { z } from "zod";
import { findActivations, type ListedActivation } from "@/lib/core/administration/activation-list";
import { moveInvitation, undoInvitation } from "@/lib/core/administration/activations";
import { findManagedAccount } from "@/lib/core/administration/managed-accounts";
import { AccountId } from "@/lib/core/administration/search";
import { ACCOUNTS_PER_PAGE } from "@/lib/core/policy";
import { fail } from "@/lib/core/result";
import { address, reply } from "./engine";
import type { KeyCall } from "./keys";
import {
  ACCOUNT_UNKNOWN,
  ACT_PROBLEMS,
  etagOf,
  manageApi,
  nextOf,
  problem,
  ReasonText,
  TIME_PAGE_QUERY,
  Time,
  versionsOf,
} from "./manage";
import { InviteCodeOfAnyLength, InviteText, readAccountId } from "./schemas";

const Activation = z.object({
  accountId: z.int().meta({ description: "The account that activated the code, the invitee." }),
  inviterId: z.int().nullable().meta({ description: "The account of the code; null if it was deleted." }),
  inviteCode: InviteText,
  activatedAt: Time,
  isTest: z.boolean().meta({ description: "Whether it is by the account of a test number." }),
});
const Page = z.object({ activations: z.array(Activation), next: z.string().nullable() });

function activationOf({ id, at, inviterId, code, isTest }: ListedActivation): z.input<typeof Activation> {
  return { accountId: id, inviterId, inviteCode: code, activatedAt: at.toISOString(), isTest };
}

const ACTIVATION_MISSING = problem(404, "activation_missing", "The account has activated no code, or there is none.");

export const accountReferrals = address(manageApi, "/api/manage/v1/accounts/{id}/referrals", (endpoint) => ({
  GET: endpoint({
    summary: "The activations of an account's invite code, the latest first",
    who: "key",
    scope: "referrals:read",
    query: TIME_PAGE_QUERY,
    answer: { body: Page, headers: ["Link"] },
    run: async ({ request, params, query: { from, until, cursor = null, limit = ACCOUNTS_PER_PAGE } }) => {
      const inviter = readAccountId(params.id);
      if (inviter === null || !(await findManagedAccount(inviter))) return fail({ name: "account_unknown" });
      const { rows, next } = await findActivations({ inviter, from, to: until }, cursor, limit);
      const { headers, ...page } = nextOf(request, next);
      return reply({ activations: rows.map(activationOf), ...page }, headers);
    },
    failures: { account_unknown: ACCOUNT_UNKNOWN },
  }),
}));

export const activations = address(manageApi, "/api/manage/v1/activations", (endpoint) => ({
  GET: endpoint({
    summary: "The activations of all invite codes, or of one account's, the latest first",
    who: "key",
    scope: "activations:read",
    query: {
      inviter: AccountId.optional().meta({ description: "The id of the account of the code.", examples: ["1"] }),
      ...TIME_PAGE_QUERY,
    },
    answer: { body: Page, headers: ["Link"] },
    run: async ({ request, query: { inviter, from, until, cursor = null, limit = ACCOUNTS_PER_PAGE } }) => {
      const { rows, next } = await findActivations({ inviter, from, to: until }, cursor, limit);
      const { headers, ...page } = nextOf(request, next);
      return reply({ activations: rows.map(activationOf), ...page }, headers);
    },
    failures: {},
  }),
}));

export const activation = address(manageApi, "/api/manage/v1/activations/{id}", (endpoint) => ({
  GET: endpoint({
    summary: "The activation by an account",
    who: "key",
    scope: "activations:read",
    answer: { body: Activation, headers: ["ETag"] },
    run: async ({ params }) => {
      const id = readAccountId(params.id);
      const found = id === null ? null : await findManagedAccount(id);
      if (!found?.activation) return fail({ name: "activation_missing" });
      const { inviterId, inviteCode, activatedAt: at } = found.activation;
      const listed = { id: found.id, at, inviterId, code: inviteCode, isTest: found.isTest };
      return reply(activationOf(listed), { ETag: etagOf(found.version) });
    },
    failures: { activation_missing: ACTIVATION_MISSING },
  }),
}));

export const activationMove = address(manageApi, "/api/manage/v1/activations/{id}/move", (endpoint) => ({
  POST: endpoint({
    summary: "Moves the activation by an account to the invite code of another account",
    who: "key",
    scope: "activations:write",
    ifMatch: "optional",
    input: { inviteCode: InviteCodeOfAnyLength, reason: ReasonText },
    answer: { body: z.void() },
    run: (call) =>
      call.key.deed(
        (actor) => moveInvitation(actor, { ...actOf(call), code: call.input.inviteCode }),
        () => reply(undefined),
      ),
    failures: {
      ...ACT_PROBLEMS,
      activation_missing: ACTIVATION_MISSING,
      invite_unknown: problem(409, "invite_unknown", "There is no such invite code for this account."),
      invite_same: problem(409, "invite_same", "The account has activated this code already."),
      invite_own: problem(409, "invite_own", "This is the account's own invite code."),
      invite_circular: problem(409, "invite_circular", "The account invited the inviter, directly or not."),
    },
  }),
}));

export const activationReverse = address(manageApi, "/api/manage/v1/activations/{id}/reverse", (endpoint) => ({
  POST: endpoint({
    summary: "Undoes the activation by an account, which can then activate a code again",
    who: "key",
    scope: "activations:write",
    ifMatch: "optional",
    input: { reason: ReasonText },
    answer: { body: z.void() },
    run: (call) =>
      call.key.deed(
        (actor) => undoInvitation(actor, actOf(call)),
        () => reply(undefined),
      ),
    failures: {
      ...ACT_PROBLEMS,
      activation_missing: ACTIVATION_MISSING,
    },
  }),
}));

/** Makes the act on the activation of the path. No account has the id 0, so a text that is no id has no activation. */
function actOf({
  key,
  params,
  input,
}: {
  key: KeyCall;
  params: { id: string };
  input: { reason: z.output<typeof ReasonText> };
}) {
  return { userId: readAccountId(params.id) ?? 0, reason: input.reason, versions: versionsOf(key.ifMatch) };
}

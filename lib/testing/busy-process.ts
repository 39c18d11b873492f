import { setTimeout as sleep } from "node:timers/promises";
import { AccountGone, lockAccount } from "@/lib/core/accounts/accounts";
import { deleteAccount } from "@/lib/core/administration/accounts";
import { moveInvitation, undoInvitation } from "@/lib/core/administration/activations";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { blockAccount, unblockAccount } from "@/lib/core/administration/block";
import { publishEndOfSessions, publishEvent } from "@/lib/core/events/publish";
import { WebhookWorker } from "@/lib/core/events/webhook-work";
import { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { endSession } from "@/lib/core/sessions/sessions";
import { readPrimary, rollBack, transact, write } from "@/lib/db/database";
import { BUSY_PHONES, type BusyOptions, drawFrom, ROLLED_BACK_SESSION_ID } from "./busy";
import { anybody, openClientSession, openSession, signUp } from "./people";

const { number, seed, clockAheadMs } = JSON.parse(process.argv[2] ?? "") as BusyOptions;

const PEOPLE = 4;
const ACCOUNTS_CHOSEN_FROM = 40;
const ROUND_EVERY_MS = 50;

const draw = drawFrom(`${seed} ${number}`);

/** Returns one of the newest accounts of the busy processes. */
async function chooseAccount() {
  const accounts = await readPrimary.user.findMany({
    where: { phone: { startsWith: BUSY_PHONES } },
    orderBy: { id: "desc" },
    take: ACCOUNTS_CHOSEN_FROM,
  });
  return accounts[draw(accounts.length)];
}

let people = 0;
async function begin() {
  people += 1;
  await signUp({
    phone: Phone.parse(`${BUSY_PHONES}${String(number).padStart(2, "0")}${String(people).padStart(4, "0")}`),
  });
}

type Chosen = NonNullable<Awaited<ReturnType<typeof chooseAccount>>>;

class OnPurpose extends Error {}

/** What people, administrators and broken transactions do with an account. A deed that is refused is no failure of the process. */
const DEEDS: ((account: Chosen) => Promise<unknown>)[] = [
  begin,
  begin,
  ({ id, phone }) => openSession({ userId: id, proven: phoneRecipient(Phone.parse(phone)) }, anybody()),
  ({ id, phone }) => openClientSession({ userId: id, proven: phoneRecipient(Phone.parse(phone)) }, anybody()),
  async ({ id }) => {
    const session = await readPrimary.session.findFirst({ where: { userId: id } });
    if (session) await endSession(session.id);
  },
  async ({ id }) => {
    const inviter = await chooseAccount();
    return inviter && activateInvite({ userId: id, code: inviter.inviteCode as InviteCode });
  },
  async ({ id }) => {
    const inviter = await chooseAccount();
    return inviter && moveInvitation(COMMAND_LINE, { ...actOn(id), code: inviter.inviteCode as InviteCode });
  },
  ({ id }) => undoInvitation(COMMAND_LINE, actOn(id)),
  ({ id, blockedAt }) => (blockedAt ? unblockAccount : blockAccount)(COMMAND_LINE, actOn(id)),
  ({ id }) => deleteAccount(COMMAND_LINE, actOn(id)),
  ({ id }) =>
    transact(async (tx) => {
      if (await lockAccount(tx, id)) publishEndOfSessions(tx, id, rolledBack, new Date());
      return rollBack(null);
    }),
  ({ id }) =>
    write(async (tx) => {
      if (await lockAccount(tx, id)) publishEvent(tx, id, { type: "session.ended", data: rolledBack }, new Date());
      await tx.user.findUnique({ where: { id } });
      throw new OnPurpose();
    }),
];
const actOn = (userId: number) => ({ userId, reason: "of a test" });
const rolledBack = { sessionIds: [ROLLED_BACK_SESSION_ID], reason: "logged_out" as const };

const stopping = new AbortController();
process.once("SIGTERM", () => stopping.abort());

async function live() {
  while (!stopping.signal.aborted) {
    const account = await chooseAccount();
    const deed = account ? DEEDS[draw(DEEDS.length)] : begin;
    try {
      await deed?.(account as Chosen);
    } catch (error) {
      if (!(error instanceof OnPurpose || error instanceof AccountGone)) throw error;
    }
    process.stdout.write("a deed\n");
  }
}

const worker = new WebhookWorker({ clock: () => new Date(Date.now() + clockAheadMs) });

async function deliver() {
  while (!stopping.signal.aborted) {
    await worker.round();
    await sleep(ROUND_EVERY_MS);
  }
}

await Promise.all([deliver(), ...Array.from({ length: PEOPLE }, live)]);
await worker.stop(10_000);

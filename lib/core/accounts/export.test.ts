import { expect, _baseTest as test } from "playwright/test";
import { changeAccount } from "@/lib/core/administration/accounts";
import type { Purpose } from "@/lib/core/challenges/one-time-code";
import type { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient, type Recipient } from "@/lib/core/identity/recipient";
import { EXPORTS_PER_USER_PER_HOUR } from "@/lib/core/policy";
import { write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import {
  after,
  anybody,
  failureOf,
  freshOwner,
  freshPhone,
  openSession,
  receiveCode,
  receiveCodeOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { changeIdentity } from "./change-identity";
import { deleteOwnAccount } from "./delete-account";
import { exportAccount } from "./export";
import { listEvents } from "./history";
import { removeAccount } from "./remove-account";
import { signInByPhone } from "./sign-in";

/** Reads an export, and returns its pieces and their JSON. */
async function readExport(userId: number) {
  const pieces: string[] = [];
  const exported = await exportAccount(userId);
  if (!exported.ok) throw new Error(exported.failure.name);
  for await (const piece of exported.value) pieces.push(piece);
  return { pieces, data: JSON.parse(pieces.join("")) };
}

test("an export has everything that is stored of a person, and no secret that opens the account", async () => {
  const inviter = await signUp();
  const { userId, phone, inviteCode } = await signUp({ invited: inviter.inviteCode });
  const guest = await signUp({ invited: inviteCode });
  const browser = { id: crypto.randomUUID(), recipients: [phoneRecipient(phone)] };
  const by = { network: "192.0.2.7", agent: "okhttp/4.12.0", browser };
  const { id, createdAt } = await openSession({ userId, proven: phoneRecipient(phone), created: true }, by);
  const later = after(createdAt, 1);
  const unknown = { ...anybody(), agent: "curl/8.5.0" };
  const stranger = await openSession({ userId, proven: phoneRecipient(phone) }, unknown, later);
  await deleteOwnAccount(stranger);
  const { pieces, data } = await readExport(userId);
  expect(data).toMatchObject({
    account: { id: userId, phone, email: null, inviteCode, referralCount: 1 },
    activation: { code: inviter.inviteCode },
    sessions: [{ agent: "curl/8.5.0" }, { network: "192.0.2.7", agent: "okhttp/4.12.0", provenPhone: phone }],
    unconfirmedSignIns: [{ agent: "curl/8.5.0" }],
    delayedChanges: [{ action: "deletion", agent: "curl/8.5.0" }],
    trustedBrowsers: [{ at: createdAt.toISOString() }],
    codes: [{ recipient: phone, purpose: "login" }],
    deliveries: [{ state: "accepted", lastDigits: phone.slice(-2), purpose: "login", network: expect.any(String) }],
    events: [
      { action: "data_exported" },
      { action: "change_requested" },
      { action: "signed_in" },
      { action: "signed_in" },
      { action: "invite_activated" },
      { action: "account_created" },
    ],
    referrals: [{ id: guest.userId, phone: guest.phone }],
  });
  for (const secret of [id, stranger.id, browser.id]) expect(pieces.join("")).not.toContain(secret);
  expect(pieces.join("")).not.toMatch(/hmac|inviterId/i);
});

/** Returns the phone of a deleted account, with a delivery, a code and a wrong code of its former owner. */
async function phoneOfFormerOwner(now: Date): Promise<Phone> {
  const { userId, phone } = await signUp({ now });
  const owner = freshOwner(phone);
  const code = await receiveCode(owner, now);
  await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now });
  await removeAccount({ userId, actorId: userId, now });
  await receiveCode(freshOwner(phone), now);
  return phone;
}

const SECOND_MS = 1000;

test("an export has nothing of the phone's former owners, however the phone came to the account", async () => {
  const now = after(new Date(), -60 * SECOND_MS);
  const [registered, changed, given] = [
    await phoneOfFormerOwner(now),
    await phoneOfFormerOwner(now),
    await phoneOfFormerOwner(now),
  ];
  const bySelf = await signUp({ phone: registered });

  const mover = await signUp();
  const session = await openSession({ userId: mover.userId, proven: phoneRecipient(mover.phone) }, anybody());
  const change = { next: phoneRecipient(changed), holder: freshOwner().holder };
  const codeFor = (recipient: Recipient, purpose: Purpose) =>
    receiveCodeOf({ recipient, purpose, holder: change.holder }, new Date());
  const typed = {
    old: await codeFor(phoneRecipient(mover.phone), "identity_change"),
    new: await codeFor(change.next, "identity_proof"),
  };
  expect(failureOf(await changeIdentity(session, change, typed, anybody()))).toBe("none");

  const byAdministrator = await signUp();
  const { administrator } = await freshAdministrator();
  await changeAccount(administrator, byAdministrator.userId, { phone: given });

  for (const [{ userId }, deliveries] of [
    [bySelf, 1],
    [mover, 1],
    [byAdministrator, 0],
  ] as const) {
    const { data } = await readExport(userId);
    expect(data.deliveries).toHaveLength(deliveries);
    expect(data.codes).toHaveLength(deliveries);
    expect(JSON.stringify(data.codes)).not.toContain("typedWrongAt");
  }
});

test("an export of an account with almost no data is complete", async () => {
  const { userId } = await signUp();
  const { data } = await readExport(userId);
  expect(data).toMatchObject({ activation: null, sessions: [], referrals: [] });
  expect(failureOf(await exportAccount(2_000_000_000))).toBe("account_gone");
});

test("an account can be exported ten times an hour, and each export is recorded", async () => {
  const now = new Date();
  const { userId } = await signUp();
  const exports = await Promise.all(
    Array.from({ length: EXPORTS_PER_USER_PER_HOUR + 2 }, () => exportAccount(userId, now)),
  );
  expect(exports.map(failureOf).filter((failure) => failure === "budget_spent")).toHaveLength(2);
  const { events } = await listEvents(userId);
  expect(events.filter(({ action }) => action === "data_exported")).toHaveLength(EXPORTS_PER_USER_PER_HOUR);
});

test("any number of referrals is exported in pages, each referral once", async () => {
  const { userId, inviteCode } = await signUp();
  const COUNT = 2500;
  const ids = await write(async (tx) => {
    const people = Array.from({ length: COUNT }, (_, at) => ({
      phone: freshPhone(),
      inviteCode: `x${userId}-${at}`,
      createdAt: new Date(),
    }));
    const made = await tx.user.createManyAndReturn({ data: people, select: { id: true } });
    await tx.activation.createMany({
      data: made.map(({ id }) => ({ inviteeId: id, inviterId: userId, code: inviteCode, activatedAt: new Date() })),
    });
    return made.map(({ id }) => id);
  });
  const { pieces, data } = await readExport(userId);
  expect(data.referrals.map(({ id }: { id: number }) => id).sort()).toEqual(ids.sort());
  const largest = Math.max(...pieces.map((piece) => piece.split("\n").length));
  expect(largest).toBeLessThanOrEqual(1001);
});

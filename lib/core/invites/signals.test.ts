import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "playwright/test";
import { NO_ACCOUNT_ID } from "@/lib/core/accounts/audit-log";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import { runImport } from "@/lib/core/administration/import";
import { readImport } from "@/lib/core/administration/import-file";
import { listSignalsOf, reviewSignals, versionOf } from "@/lib/core/administration/signal-list";
import { keyedHash } from "@/lib/core/keyed-hash";
import { SIGNAL_INVITEES_MIN, SIGNAL_WINDOW_MS } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import { after, signUp } from "@/lib/testing/people";
import { activateInvite } from "./activation";
import { drawInviteCode } from "./invite-code";
import { examineInviter, findSignals } from "./signals";

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const DAY_MS = 24 * 60 * MINUTE_MS;

let phones = 0;
/** Returns a number for phones to count up from. These numbers are 1000 apart, and `freshPhone` never reaches them. */
function freshNumbers(): number {
  phones += 1;
  return 79_455_000_000 + 1000 * phones;
}

interface Newcomer {
  at: Date;
  phone?: string | null;
  network?: string;
  browserId?: string;
}

/** Adds accounts that activated the inviter's code, with the rows that a login leaves. Returns their ids. */
async function invite(inviterId: number, newcomers: readonly Newcomer[]): Promise<number[]> {
  return write(async (tx) => {
    const ids: number[] = [];
    for (const { at, phone = `+${freshNumbers()}`, network, browserId } of newcomers) {
      const email = phone === null ? `${crypto.randomUUID()}@mail.example` : null;
      const user = await tx.user.create({ data: { phone, email, inviteCode: drawInviteCode(), createdAt: at } });
      await tx.activation.create({ data: { inviteeId: user.id, inviterId, code: "AAAAAA", activatedAt: at } });
      const about = { at, state: "accepted", stateAt: at, sender: "smsru", lastDigits: "00" };
      if (network)
        await tx.delivery.create({ data: { ...about, recipient: keyedHash(phone ?? email ?? ""), network } });
      if (browserId) await tx.trustedBrowser.create({ data: { userId: user.id, browserId, at } });
      ids.push(user.id);
    }
    await tx.user.update({ where: { id: inviterId }, data: { referralCount: { increment: newcomers.length } } });
    return ids;
  });
}

/** Returns so many newcomers, the time between two of them in milliseconds. */
const apart = (count: number, ms: number, from: Date, about: Partial<Newcomer> = {}): Newcomer[] =>
  Array.from({ length: count }, (_, at) => ({ at: after(from, at * ms), ...about }));

const freshName = () => `signal ${crypto.randomUUID()}`;
const freshInviter = async () => (await signUp()).userId;

async function signalsOf(inviterId: number) {
  const rows = await readPrimary.signal.findMany({ where: { inviterId }, orderBy: { kind: "asc" } });
  return rows.map(({ kind, count, invitees, state }) => ({ kind, count, invitees, state }));
}

/** Adds the newcomers, examines their inviter and returns its signals. */
async function found(newcomers: readonly Newcomer[], now: Date) {
  const inviterId = await freshInviter();
  await invite(inviterId, newcomers);
  await examineInviter(inviterId, now);
  return signalsOf(inviterId);
}

test("people who come from one network, one soon after the other, are a signal, and one fewer is none", async () => {
  const now = new Date();
  const from = after(now, -60 * MINUTE_MS);
  const [least, others] = [SIGNAL_INVITEES_MIN.network, apart(2, 60 * MINUTE_MS, after(from, -5 * DAY_MS))];
  const network = freshName();
  expect(await found([...apart(least, 2 * MINUTE_MS, from, { network }), ...others], now)).toEqual([
    { kind: "network", count: least, invitees: least + 2, state: "open" },
  ]);
  expect(await found(apart(least - 1, 2 * MINUTE_MS, from, { network: freshName() }), now)).toEqual([]);
});

test("people who come from one network hours apart are no signal, and neither are those of an unknown network", async () => {
  const now = new Date();
  const hours = apart(9, 3 * 60 * MINUTE_MS, after(now, -2 * DAY_MS), { network: freshName() });
  expect(await found(hours, now)).toEqual([]);
  expect(await found(apart(9, MINUTE_MS, after(now, -DAY_MS), { network: "unknown" }), now)).toEqual([]);
});

test("of many who follow a link, those behind a carrier's address are no signal", async () => {
  const [now, network] = [new Date(), freshName()];
  const many = apart(20, MINUTE_MS, after(now, -DAY_MS)).map((each, at) => ({
    ...each,
    network: at % 3 === 0 ? network : freshName(),
  }));
  expect(await found(many, now)).toEqual([]);
});

test("an address from which people come with the codes of many inviters is no signal", async () => {
  const [now, network] = [new Date(), freshName()];
  const from = after(now, -DAY_MS);
  const newcomers = apart(6, MINUTE_MS, from, { network });
  for (let inviters = 0; inviters < 19; inviters += 1) {
    await invite(await freshInviter(), [{ at: after(from, 100 + inviters), network }]);
  }
  expect(await found(newcomers, now)).toEqual([]);
  // A quarter of them is enough: a cheater with several accounts.
  const other = freshName();
  for (let inviters = 0; inviters < 18; inviters += 1) {
    await invite(await freshInviter(), [{ at: after(from, 100 + inviters), network: other }]);
  }
  expect(await found(apart(6, MINUTE_MS, from, { network: other }), now)).toMatchObject([
    { kind: "network", count: 6 },
  ]);
});

test("people who used one device are a signal, however far apart they came, and two of a family are none", async () => {
  const now = new Date();
  const from = after(now, -20 * DAY_MS);
  const browserId = crypto.randomUUID();
  const least = SIGNAL_INVITEES_MIN.device;
  expect(await found(apart(least, 5 * DAY_MS, from, { browserId }), now)).toEqual([
    { kind: "device", count: least, invitees: least, state: "open" },
  ]);
  const family = apart(least - 1, DAY_MS, from, { browserId: crypto.randomUUID() });
  expect(await found([...family, ...apart(4, DAY_MS, from)], now)).toEqual([]);
});

test("people who come within seconds of each other are a signal, and a minute apart they are none", async () => {
  const now = new Date();
  const from = after(now, -60 * MINUTE_MS);
  const least = SIGNAL_INVITEES_MIN.seconds;
  expect(await found(apart(least, 15 * SECOND_MS, from), now)).toEqual([
    { kind: "seconds", count: least, invitees: least, state: "open" },
  ]);
  expect(await found(apart(least, 16 * SECOND_MS, from), now)).toEqual([]);
  expect(await found(apart(least - 1, SECOND_MS, from), now)).toEqual([]);
});

test("phones that follow each other are a signal, and those with gaps are none", async () => {
  const now = new Date();
  const newcomers = (step: number, count: number) => {
    const first = freshNumbers();
    const from = after(now, -20 * DAY_MS);
    return apart(count, DAY_MS, from).map((each, at) => ({ ...each, phone: `+${first + step * at}` }));
  };
  const least = SIGNAL_INVITEES_MIN.numbers;
  expect(await found([...newcomers(2, least), ...apart(1, 0, now, { phone: null })], now)).toEqual([
    { kind: "numbers", count: least, invitees: least + 1, state: "open" },
  ]);
  expect(await found(newcomers(3, 2 * least), now)).toEqual([]);
  expect(await found(newcomers(1, least - 1), now)).toEqual([]);
});

test("activations that are too old are not examined", async () => {
  const now = new Date();
  const old = apart(9, SECOND_MS, after(now, -SIGNAL_WINDOW_MS - MINUTE_MS));
  expect(await found(old, now)).toEqual([]);
});

/** Stores an administrator's verdict, as a review does. */
async function review(inviterId: number, state: "fine" | "held", endsAt: Date | null): Promise<void> {
  await write((tx) => tx.signal.updateMany({ where: { inviterId }, data: { state, endsAt } }));
}

test("a signal that is fine opens again only when those who came since are a signal by themselves, and half as many", async () => {
  const now = new Date();
  const [inviterId, browserId] = [await freshInviter(), crypto.randomUUID()];
  await invite(inviterId, apart(8, 60 * MINUTE_MS, after(now, -5 * DAY_MS), { browserId }));
  await examineInviter(inviterId, now);
  await review(inviterId, "fine", after(now, DAY_MS));
  const fine = { kind: "device", count: 8, invitees: 8, state: "fine" };
  await invite(inviterId, apart(3, 60 * MINUTE_MS, after(now, -DAY_MS), { browserId }));
  await examineInviter(inviterId, now);
  expect(await signalsOf(inviterId)).toEqual([fine]);
  await invite(inviterId, [{ at: after(now, -60 * MINUTE_MS), browserId }]);
  await examineInviter(inviterId, now);
  expect(await signalsOf(inviterId)).toEqual([{ kind: "device", count: 12, invitees: 12, state: "open" }]);
});

test("a held inviter stays held after further evidence, and an open signal takes the new figures", async () => {
  const now = new Date();
  const [inviterId, browserId] = [await freshInviter(), crypto.randomUUID()];
  await invite(inviterId, apart(3, 60 * MINUTE_MS, after(now, -5 * DAY_MS), { browserId }));
  await examineInviter(inviterId, now);
  await invite(inviterId, [{ at: after(now, -DAY_MS), browserId }]);
  await examineInviter(inviterId, now);
  expect(await signalsOf(inviterId)).toEqual([{ kind: "device", count: 4, invitees: 4, state: "open" }]);
  await review(inviterId, "held", null);
  await invite(inviterId, apart(5, SECOND_MS, after(now, -60 * MINUTE_MS), { browserId }));
  await examineInviter(inviterId, now);
  expect(await signalsOf(inviterId)).toEqual([
    { kind: "device", count: 9, invitees: 9, state: "held" },
    { kind: "seconds", count: 5, invitees: 9, state: "held" },
  ]);
  const rows = await readPrimary.signal.findMany({ where: { inviterId } });
  expect(rows.map(({ endsAt }) => endsAt)).toEqual([null, null]);
});

test("a review and further evidence at the same time: the verdict is about what was seen, or it is refused", async () => {
  const [now, { administrator }] = [new Date(), await freshAdministrator()];
  for (const verdict of ["fine", "held", "fine", "held"] as const) {
    const [inviterId, browserId] = [await freshInviter(), crypto.randomUUID()];
    await invite(inviterId, apart(3, 60 * MINUTE_MS, after(now, -5 * DAY_MS), { browserId }));
    await examineInviter(inviterId, now);
    const act = { userId: inviterId, reason: "of a test", version: versionOf(await listSignalsOf(inviterId)) };
    await invite(inviterId, apart(3, 60 * MINUTE_MS, after(now, -DAY_MS), { browserId }));
    const [reviewed] = await Promise.all([
      reviewSignals(administrator, { ...act, verdict }, now),
      examineInviter(inviterId, now),
    ]);
    const grown = { kind: "device", count: 6, invitees: 6 };
    // Three further people are a signal by themselves, so what is fine opens again at the next run at the latest.
    await examineInviter(inviterId, now);
    const state = reviewed.ok && verdict === "held" ? "held" : "open";
    expect(await signalsOf(inviterId)).toEqual([{ ...grown, state }]);
    const [row] = await readPrimary.signal.findMany({ where: { inviterId } });
    expect(row?.reviewedBy ?? null).toBe(reviewed.ok ? administrator.userId : null);
    expect((await readEvents(inviterId)).filter(({ action }) => action === "signals_reviewed")).toHaveLength(
      reviewed.ok ? 1 : 0,
    );
  }
});

test("the job finds the inviters of new activations, and running it again, also in several servers, changes nothing", async () => {
  const now = new Date();
  const inviterId = await freshInviter();
  await invite(inviterId, apart(6, SECOND_MS, after(now, -10 * SECOND_MS)));
  await findSignals(now);
  const first = await readPrimary.signal.findMany({ where: { inviterId } });
  expect(first).toMatchObject([{ kind: "seconds", count: 6 }]);
  const mark = await readPrimary.mark.findUnique({ where: { name: "signals" } });
  expect(mark?.at.getTime()).toBeGreaterThanOrEqual(after(now, -5 * SECOND_MS).getTime());
  const elsewhere = spawn(
    process.execPath,
    [
      ...["--import", "tsx", "--input-type=module", "--eval"],
      `import { findSignals } from "./lib/core/invites/signals.ts";
      setInterval(() => {}, 1000);
      await findSignals(new Date(${now.getTime()}));
      process.exit();`,
    ],
    { stdio: "inherit" },
  );
  const ended = once(elsewhere, "exit");
  await Promise.all([findSignals(now), examineInviter(inviterId, now), examineInviter(inviterId, now)]);
  expect(await ended).toEqual([0, null]);
  expect(await readPrimary.signal.findMany({ where: { inviterId } })).toEqual(first);
});

test("imported activations are no signal, also with times in the file, and later activations of imported people are one", async () => {
  const now = new Date();
  const importWith = async (inviter: string, timeOf: (at: number) => string) => {
    const first = freshNumbers();
    const phones = Array.from({ length: 6 }, (_, at) => `+${first + 10 * at}`);
    const lines = phones.map((phone, at) => `${phone},${inviter},${timeOf(at)}`);
    const plan = await readImport(["phone,inviter,activated", ...lines]);
    if (!plan.ok) throw new Error(plan.failure.name);
    for await (const outcomes of runImport(
      plan.value,
      { actorKind: "command_line", actorId: NO_ACCOUNT_ID },
      { now },
    )) {
      expect(outcomes.filter(({ result }) => result !== "new")).toEqual([]);
    }
    return readPrimary.user.findMany({ where: { phone: { in: phones } } });
  };
  const day = after(now, -DAY_MS);
  const timesOf = [
    () => "",
    () => day.toISOString().slice(0, 10),
    (at: number) => after(day, at * SECOND_MS).toISOString(),
  ];
  for (const timeOf of timesOf) {
    const { userId, inviteCode } = await signUp();
    await importWith(inviteCode, timeOf);
    await examineInviter(userId, now);
    expect(await signalsOf(userId)).toEqual([]);
  }
  const { userId, inviteCode } = await signUp();
  for (const { id } of await importWith("", () => ""))
    await activateInvite({ userId: id, code: inviteCode }, after(now, 1));
  await examineInviter(userId, after(now, 1));
  expect(await signalsOf(userId)).toMatchObject([{ kind: "seconds", count: 6 }]);
});

test("an account's signals are deleted with it, and the evidence keeps no network, device or number", async () => {
  const now = new Date();
  const [inviterId, network, browserId] = [await freshInviter(), freshName(), crypto.randomUUID()];
  await invite(inviterId, apart(5, MINUTE_MS, after(now, -DAY_MS), { network, browserId }));
  await examineInviter(inviterId, now);
  const rows = await readPrimary.signal.findMany({ where: { inviterId } });
  expect(rows.map(({ kind }) => kind).sort()).toEqual(["device", "network"]);
  expect(JSON.stringify(rows)).not.toMatch(new RegExp(`${network}|${browserId}|\\+7945`));
  await removeAccount({ userId: inviterId, actorId: inviterId, now });
  expect(await signalsOf(inviterId)).toEqual([]);
});

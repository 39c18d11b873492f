import { expect, test } from "playwright/test";
import { listEvents } from "@/lib/core/accounts/history";
import { CONSOLE_TTL_MS } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import { after, failureOf, signUp } from "@/lib/testing/people";
import { listPeoplePage } from "./people-list";
import { countOpenSignals, listSignalsOf, listSignalsPage, reviewSignals, versionOf } from "./signal-list";

/** Signs an inviter up and gives it signals of these kinds, which are open. Returns its id and the signals' version. */
async function freshSuspect(kinds: readonly string[] = ["network", "seconds"]) {
  const { userId, inviteCode } = await signUp();
  const at = new Date();
  const evidence = { count: 7, invitees: 9, firstAt: after(at, -180_000), lastAt: at, state: "open", endsAt: at };
  await write(async (tx) => {
    await tx.signal.createMany({ data: kinds.map((kind) => ({ inviterId: userId, kind, ...evidence })) });
    await tx.user.update({ where: { id: userId }, data: { referralCount: 9 } });
  });
  return { userId, inviteCode, version: versionOf(await listSignalsOf(userId)) };
}

const rowsOf = async (inviterId: number) =>
  (await readPrimary.signal.findMany({ where: { inviterId }, orderBy: { kind: "asc" } })).map(
    ({ kind, state, reviewedBy, reason, endsAt }) => ({ kind, state, reviewedBy, reason, hasEnd: endsAt !== null }),
  );

test("an administrator holds an inviter: it is marked, one event is recorded, and no count changes", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, inviteCode, version } = await freshSuspect();
  const act = { userId, reason: "seven in three minutes", version, verdict: "held" } as const;
  expect(await reviewSignals(administrator, act)).toEqual({ ok: true, value: null });
  const held = { state: "held", reviewedBy: administrator.userId, reason: act.reason, hasEnd: false };
  expect(await rowsOf(userId)).toEqual([
    { kind: "network", ...held },
    { kind: "seconds", ...held },
  ]);
  const events = (await readEvents(userId)).filter(({ action }) => action === "signals_reviewed");
  expect(events).toMatchObject([
    {
      actorKind: "administrator",
      actorId: administrator.userId,
      details: { verdict: "held", signals: ["network", "seconds"], reason: act.reason },
    },
  ]);
  expect(await readPrimary.user.findUnique({ where: { id: userId }, select: { referralCount: true } })).toEqual({
    referralCount: 9,
  });
  const { rows } = await listPeoplePage(administrator, {}, null);
  expect(rows.find(({ id }) => id === userId)).toMatchObject({ inviteCode, mark: "held" });
  // A second look, and the inviter is let go.
  const again = { ...act, version: versionOf(await listSignalsOf(userId)), verdict: "fine" } as const;
  expect(await reviewSignals(administrator, again)).toMatchObject({ ok: true });
  expect((await rowsOf(userId)).map(({ state, hasEnd }) => [state, hasEnd])).toEqual([
    ["fine", true],
    ["fine", true],
  ]);
});

test("neither the history of an account nor its export tells of a review of its signals", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, version } = await freshSuspect();
  await reviewSignals(administrator, { userId, reason: "of a test", version, verdict: "held" });
  const { events } = await listEvents(userId);
  expect(events.map(({ action }) => action)).toEqual(["account_created"]);
});

test("an administrator can't review signals of their own account, with old codes, or of an account without signals", async () => {
  const { administrator, userId } = await freshAdministrator();
  const suspect = await freshSuspect();
  const act = { reason: "of a test", version: suspect.version, verdict: "fine" } as const;
  const later = after(new Date(), CONSOLE_TTL_MS);
  expect(failureOf(await reviewSignals(administrator, { ...act, userId }))).toBe("account_own");
  expect(failureOf(await reviewSignals(administrator, { ...act, userId: suspect.userId }, later))).toBe(
    "login_too_old",
  );
  const { userId: other } = await signUp();
  expect(failureOf(await reviewSignals(administrator, { ...act, userId: other, version: "" }))).toBe("signals_changed");
  expect((await rowsOf(suspect.userId)).map(({ state }) => state)).toEqual(["open", "open"]);
});

test("of two administrators who review the same signals at the same time, the second is told that they changed", async () => {
  const [one, other] = [await freshAdministrator(), await freshAdministrator()];
  const { userId, version } = await freshSuspect();
  const act = { userId, reason: "of a test", version };
  const results = await Promise.all([
    reviewSignals(one.administrator, { ...act, verdict: "fine" }),
    reviewSignals(other.administrator, { ...act, verdict: "held" }),
  ]);
  expect(results.map(failureOf).sort()).toEqual(["none", "signals_changed"]);
  expect((await readEvents(userId)).filter(({ action }) => action === "signals_reviewed")).toHaveLength(1);
  expect(new Set((await rowsOf(userId)).map(({ state }) => state)).size).toBe(1);
});

test("a review of evidence that has grown since the page was made is refused", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, version } = await freshSuspect();
  await write((tx) => tx.signal.updateMany({ where: { inviterId: userId }, data: { count: 8 } }));
  const act = { userId, reason: "of a test", version, verdict: "fine" } as const;
  expect(failureOf(await reviewSignals(administrator, act))).toBe("signals_changed");
});

test("the list has each inviter once, with its signals in that state, the newest first, and the open ones are counted", async () => {
  const { administrator } = await freshAdministrator();
  const before = await countOpenSignals();
  const [first, second] = [await freshSuspect(), await freshSuspect(["device", "network", "numbers"])];
  expect(await countOpenSignals()).toBe(before + 2);
  const { rows } = await listSignalsPage(administrator, "open", null);
  const ids = rows.map(({ id }) => id).filter((id) => [first.userId, second.userId].includes(id));
  expect(ids).toEqual([second.userId, first.userId]);
  expect(rows.find(({ id }) => id === second.userId)?.signals.map(({ kind }) => kind)).toEqual([
    "network",
    "device",
    "numbers",
  ]);
  const { rows: later } = await listSignalsPage(administrator, "open", {
    at: rows.find(({ id }) => id === second.userId)?.at ?? new Date(),
    id: second.userId,
  });
  expect(later.map(({ id }) => id)).not.toContain(second.userId);
  expect(later.map(({ id }) => id)).toContain(first.userId);
  expect((await readEvents(administrator.userId)).length).toBeGreaterThan(0);
});

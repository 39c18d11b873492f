import { expect, test } from "playwright/test";
import { activateInvite } from "@/lib/core/invites/activation";
import { drawInviteCode } from "@/lib/core/invites/invite-code";
import { addDays, dayOf, startOfDay } from "@/lib/core/statistics/days";
import { computeSums } from "@/lib/core/statistics/sums";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, signUp } from "@/lib/testing/people";
import { exportList } from "./list-export";
import { listInvitersPage, periodOf, walkInviters } from "./referral-list";
import { readTree } from "./referral-tree";

const HOUR_MS = 60 * 60 * 1000;

let years = 0;
/** Returns a day that no other test uses: the list has the activations of all people. */
function freshDay(): string {
  years += 1;
  return `${1950 + years}-06-15`;
}

/** Adds accounts that activated the inviter's code at this time, and returns their ids. */
async function invite(inviterId: number, count: number, at: Date): Promise<number[]> {
  return write(async (tx) => {
    const ids: number[] = [];
    for (let added = 0; added < count; added += 1) {
      const email = `${crypto.randomUUID()}@mail.example`;
      const user = await tx.user.create({ data: { email, inviteCode: drawInviteCode(), createdAt: at } });
      await tx.activation.create({ data: { inviteeId: user.id, inviterId, code: "AAAAAA", activatedAt: at } });
      ids.push(user.id);
    }
    await tx.user.update({ where: { id: inviterId }, data: { referralCount: { increment: count } } });
    return ids;
  });
}

test("the list says who brought most in a period, and the file of it equals what SQL finds", async () => {
  const [{ administrator }, one, two, three] = [
    await freshAdministrator(),
    await signUp(),
    await signUp(),
    await signUp(),
  ];
  const day = freshDay();
  const noon = after(startOfDay(day), 12 * HOUR_MS);
  await invite(one.userId, 2, noon);
  await invite(two.userId, 3, startOfDay(day));
  await invite(two.userId, 1, after(startOfDay(day), -1));
  await invite(three.userId, 2, after(startOfDay(addDays(day, 1)), -1));
  await invite(three.userId, 4, startOfDay(addDays(day, 1)));
  const period = { from: day, to: day };
  const page = await listInvitersPage(administrator, period, null);
  expect(page.rows.map(({ id, count, referralCount }) => [id, count, referralCount])).toEqual([
    [two.userId, 3, 4],
    [one.userId, 2, 2],
    [three.userId, 2, 6],
  ]);
  expect([page.count, page.since, page.next]).toEqual([7, null, null]);
  const exported = await exportList(administrator, "referrals", period);
  if (!exported.ok) throw new Error(exported.failure.name);
  let text = "";
  for await (const piece of exported.value) text += piece;
  const lines = text.replace("\ufeff", "").trimEnd().split("\r\n").slice(1);
  const groups = await readPrimary.$queryRaw<{ inviterId: number; count: number | bigint }[]>`
    SELECT "inviterId", count(*) AS "count" FROM "Activation"
    WHERE "inviterId" IN (${one.userId}, ${two.userId}, ${three.userId})
      AND "inviteeId" IN (SELECT "inviteeId" FROM "Activation" WHERE "activatedAt" >= ${startOfDay(day)} AND "activatedAt" < ${startOfDay(addDays(day, 1))})
    GROUP BY "inviterId"`;
  const expected = groups.map(({ inviterId, count }) => `${Number(inviterId)} ${Number(count)}`);
  const brought = lines.map((line) => line.slice(1, -1).split('","')).map(([id, , count]) => `${id} ${count}`);
  expect(brought.toSorted()).toEqual(expected.toSorted());
});

test("pages follow each other without gaps, and activations that come between two pages change no page", async () => {
  const day = freshDay();
  const noon = after(startOfDay(day), 12 * HOUR_MS);
  const inviters: number[] = [];
  for (const count of [3, 1, 2, 1]) {
    const { userId } = await signUp();
    await invite(userId, count, noon);
    inviters.push(userId);
  }
  const [a = 0, b = 0, c = 0, d = 0] = inviters;
  const first = await walkInviters({ from: day }, null, 2, after(noon, 1));
  expect(first.rows.map(({ id }) => id)).toEqual([a, c]);
  await invite(d, 5, after(noon, 2));
  const second = await walkInviters({ from: day }, first.next, 2);
  expect(second.rows.map(({ id }) => id)).toEqual([b, d]);
  expect(second.next).toBeNull();
});

test("test accounts are left out, as inviters and as invitees", async () => {
  const { administrator } = await freshAdministrator();
  const [inviter, tester] = [await signUp(), await signUp()];
  const day = freshDay();
  const noon = after(startOfDay(day), 12 * HOUR_MS);
  await invite(inviter.userId, 2, noon);
  await invite(tester.userId, 3, noon);
  await write(async (tx) => {
    await tx.activation.create({
      data: { inviteeId: tester.userId, inviterId: inviter.userId, code: "AAAAAA", activatedAt: noon },
    });
    await tx.user.update({ where: { id: tester.userId }, data: { isTest: true } });
    const number = { codeHmac: "x", digits: 6, until: after(new Date(), HOUR_MS), madeAt: new Date() };
    await tx.testNumber.create({ data: { phone: tester.phone, ...number } });
  });
  const page = await listInvitersPage(administrator, { from: day, to: day }, null);
  expect(page.rows.map(({ id, count }) => [id, count])).toEqual([[inviter.userId, 2]]);
  expect(page.count).toBe(2);
  const tree = await readTree(administrator, inviter.userId);
  expect(tree?.invitees.map(({ id }) => id)).not.toContain(tester.userId);
  expect((await readTree(administrator, tester.userId))?.invitees).toHaveLength(3);
});

test("periods begin with the day of TIME_ZONE", () => {
  const now = new Date("2026-11-01T22:30:00Z");
  const from = (period: "day" | "week" | "month" | "quarter") => periodOf({ period }, now).from.toISOString();
  expect(from("day")).toBe("2026-10-31T23:00:00.000Z");
  expect(from("week")).toBe("2026-10-26T21:00:00.000Z");
  expect(from("month")).toBe("2026-10-31T21:00:00.000Z");
  expect(from("quarter")).toBe("2026-08-04T21:00:00.000Z");
  expect(periodOf({ from: "2026-10-01", to: "2026-10-01" }, now)).toEqual({
    from: new Date("2026-09-30T21:00:00Z"),
    to: new Date("2026-10-01T21:00:00Z"),
  });
});

test("growth shows the activations of each day, and of each hour of the last 24", async () => {
  const { administrator } = await freshAdministrator();
  const inviter = await signUp();
  // In no year of sums.test.ts, because a sum counts the rows of all people.
  const now = new Date("2161-06-15T09:30:00Z");
  await activateInvite({ userId: (await signUp()).userId, code: inviter.inviteCode }, after(now, -10 * 60_000));
  await computeSums(now);
  const week = await listInvitersPage(administrator, { period: "week" }, null, now);
  expect(week.growth.steps).toHaveLength(7);
  expect(week.growth.steps.at(-1)).toEqual({ start: startOfDay(dayOf(now)), count: 1 });
  const day = await listInvitersPage(administrator, { period: "day" }, null, now);
  expect(day.growth.steps).toHaveLength(24);
  expect(day.growth.steps.at(-1)).toEqual({ start: new Date("2161-06-15T09:00:00Z"), count: 1 });
});

test("the tree shows the invitees of those that are expanded, and no account below itself", async () => {
  const { administrator } = await freshAdministrator();
  const root = await signUp();
  const at = new Date();
  const [child = 0, sibling = 0] = await invite(root.userId, 2, at);
  const [grandchild = 0] = await invite(child, 25, at);
  const closed = await readTree(administrator, root.userId);
  expect(closed?.invitees.map(({ id, invitees, referralCount }) => [id, invitees, referralCount])).toEqual([
    [sibling, null, 0],
    [child, null, 25],
  ]);
  const opened = await readTree(administrator, root.userId, { expanded: [child, root.userId] });
  const node = opened?.invitees.find(({ id }) => id === child);
  expect(node?.invitees).toHaveLength(20);
  expect(node?.hasMore).toBe(true);
  expect(node?.invitees?.map(({ id }) => id)).not.toContain(grandchild);
  expect(await readTree(administrator, 2_000_000_000)).toBeNull();
});

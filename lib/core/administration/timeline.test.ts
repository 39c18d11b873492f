import { expect, _baseTest as test } from "playwright/test";
import { phoneLoginCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import { requestCode } from "@/lib/core/challenges/request-code";
import { keyedHash } from "@/lib/core/keyed-hash";
import { accepted } from "@/lib/senders/sender";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, anybody, freshOwner, receiveCode, signUp, wrongCode } from "@/lib/testing/people";
import { readPerson } from "./people";
import { formatCursor, listTimelineOf, listTimelineOfRecipient, TimelineCursor, type TimelineEntry } from "./timeline";

const sender = { send: async () => accepted("SM77", { amount: 3.4, currency: "RUB" }) };
const nameOf = (entry: TimelineEntry) => (entry.kind === "event" ? entry.action : entry.kind);

test("the time line says who asked for a code, who brought it, and what came of it", async () => {
  const { administrator } = await freshAdministrator();
  const start = after(new Date(), -60_000);
  const { userId, phone } = await signUp({ now: start });
  const owner = freshOwner(phone);
  const by = { ...anybody(), agent: "okhttp/4.12.0" };
  await requestCode(phoneLoginCode(owner), by, { now: after(start, 1000), sender });
  await requestCode(phoneLoginCode(owner), by, { now: after(start, 2000), sender });
  const again = freshOwner(phone);
  const code = await receiveCode(again, after(start, 3000));
  await signInByPhone({ ...again, code: wrongCode(code) }, by, { now: after(start, 4000) });
  await signInByPhone({ ...again, code }, by, { now: after(start, 5000) });
  await readPerson(administrator, userId);
  await readPerson(administrator, userId);
  const { entries, next } = await listTimelineOf(administrator, userId);
  expect(next).toBeNull();
  expect(entries.map(nameOf)).toEqual([
    "account_read",
    "wrong_code",
    "code",
    "code",
    "code",
    ...entries.slice(5).map(nameOf),
  ]);
  expect(entries[0]).toMatchObject({ actorKind: "administrator", count: 2 });
  expect(entries[3]).toMatchObject({ refusal: "resend_too_early", senders: [], network: by.network, purpose: "login" });
  expect(entries[4]).toMatchObject({
    refusal: null,
    digits: 4,
    device: { name: "okhttp/4.12.0" },
    senders: [{ sender: "mail", state: "accepted", providerId: "SM77", cost: 3.4, currency: "RUB" }],
  });
  expect(entries.slice(5).map(nameOf)).toContain("account_created");
});

test("pages of a time line have each entry once, also where many have the same time", async () => {
  const { administrator } = await freshAdministrator();
  const now = after(new Date(), -60_000);
  const { userId, phone } = await signUp({ now });
  for (let asks = 0; asks < 4; asks += 1) {
    const owner = freshOwner(phone);
    const code = await receiveCode(owner, now);
    await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now });
  }
  const whole = await listTimelineOf(administrator, userId, { limit: 50 });
  expect(whole.next).toBeNull();
  const paged: TimelineEntry[] = [];
  let from: TimelineCursor | null = null;
  do {
    const page: Awaited<ReturnType<typeof listTimelineOf>> = await listTimelineOf(administrator, userId, {
      from,
      limit: 3,
    });
    expect(page.entries.length).toBeGreaterThan(0);
    paged.push(...page.entries);
    from = page.next && TimelineCursor.parse(formatCursor(page.next));
  } while (from);
  expect(paged).toHaveLength(whole.entries.length);
  const sorted = (entries: TimelineEntry[]) => entries.map((entry) => JSON.stringify(entry)).sort();
  expect(sorted(paged)).toEqual(sorted(whole.entries));
});

test("a recipient without an account has a time line by its hash, and an account none of a former owner's", async () => {
  const { administrator } = await freshAdministrator();
  const now = after(new Date(), -60_000);
  const owner = freshOwner();
  await receiveCode(owner, now);
  const { entries } = await listTimelineOfRecipient(administrator, keyedHash(owner.phone));
  expect(entries.map(nameOf)).toEqual(["code"]);
  const { userId } = await signUp({ phone: owner.phone, now: after(now, 1000) });
  const codes = (await listTimelineOf(administrator, userId)).entries.filter(({ kind }) => kind === "code");
  expect(codes).toHaveLength(1);
});

test("a forged cursor is malformed, or begins somewhere", async () => {
  const { administrator, userId } = await freshAdministrator();
  for (const forged of ["999999999999999.1.1.1.1", "1.1.253402300800000.1.1", "1.2147483648.1.1.1", "1.1.1.1", "a"]) {
    expect(TimelineCursor.safeParse(forged).success, forged).toBe(false);
  }
  for (const text of ["0.0.0.0.0", "253402300799999.2147483647.253402300799999.2147483647.2147483647"]) {
    const from = TimelineCursor.parse(text);
    expect(await listTimelineOf(administrator, userId, { from }), text).toBeTruthy();
  }
});

import { expect, _baseTest as test } from "playwright/test";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { EXPORTS_PER_USER_PER_HOUR, RECENT_LOGIN_MS } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, anybody, failureOf, openSession, signUp, signUpByMail } from "@/lib/testing/people";
import { walkEvents } from "./audit-list";
import { csvOf } from "./csv";
import { walkDeliveries } from "./delivery-list";
import { readImport } from "./import-file";
import { ListCursor, type ListPage, type ListRow, ROWS_EXAMINED_MAX, readPage, START_OF_TIME } from "./list";
import { type ExportedList, exportList, readFilter } from "./list-export";
import { walkPeople } from "./people-list";
import { InviterCursor } from "./referral-list";

type Export = Awaited<ReturnType<typeof exportList>>;

/** Reads an export whole. The fields of these tests have no quotes and no line breaks. */
async function readExport(exported: Export): Promise<{ header: string[]; rows: Record<string, string>[] }> {
  if (!exported.ok) throw new Error(exported.failure.name);
  let text = "";
  for await (const piece of exported.value) text += piece;
  const [header = [], ...lines] = text
    .replace("\ufeff", "")
    .trimEnd()
    .split("\r\n")
    .map((line) => line.slice(1, -1).split('","'));
  return { header, rows: lines.map((cells) => Object.fromEntries(cells.map((cell, at) => [header[at], cell]))) };
}

async function exportIds(list: ExportedList, filter: Record<string, string>): Promise<number[]> {
  const { administrator } = await freshAdministrator();
  const { rows } = await readExport(await exportList(administrator, list, filter));
  return rows.map(({ id }) => Number(id));
}

const sorted = (ids: number[]) => [...ids].sort((one, other) => one - other);
const idsOf = (rows: { id: number }[]) => rows.map(({ id }) => id);

test("the file of people has exactly the accounts that SQL finds, for each filter", async () => {
  const [inviter, mailOnly, old] = [
    await signUp(),
    await signUpByMail(),
    await signUp({ now: new Date("2024-02-29T12:00+03:00") }),
  ];
  const invitees = [await signUp({ invited: inviter.inviteCode }), await signUp({ invited: inviter.inviteCode })];
  await openSession({ userId: old.userId, proven: phoneRecipient(old.phone) }, anybody());

  const byMail = await readPrimary.user.findMany({ where: { phone: null }, select: { id: true } });
  expect(idsOf(byMail)).toContain(mailOnly.userId);
  expect(sorted(await exportIds("people", { only: "mail" }))).toEqual(sorted(idsOf(byMail)));

  const [from, to] = [new Date("2024-02-29T00:00+03:00"), new Date("2024-03-01T00:00+03:00")];
  const ofTheDay = await readPrimary.user.findMany({
    where: { createdAt: { gte: from, lt: to }, phone: { startsWith: "+7" } },
    select: { id: true },
  });
  expect(idsOf(ofTheDay)).toContain(old.userId);
  const day = { from: "2024-02-29", to: "2024-02-29", country: "7" };
  expect(sorted(await exportIds("people", day))).toEqual(sorted(idsOf(ofTheDay)));
  expect(await exportIds("people", { ...day, country: "375" })).toEqual([]);

  const ofInviter = invitees.map(({ userId }) => userId);
  for (const named of [inviter.inviteCode, String(inviter.userId)]) {
    expect(sorted(await exportIds("people", { inviter: named }))).toEqual(sorted(ofInviter));
  }
  expect(await exportIds("people", { inviter: inviter.inviteCode, only: "mail" })).toEqual([]);
});

test("blocked people are found, and told in the file", async () => {
  const [blocked, other] = [await signUp(), await signUp()];
  await write((tx) => tx.user.update({ where: { id: blocked.userId }, data: { blockedAt: new Date() } }));
  const { administrator } = await freshAdministrator();
  const { rows } = await readExport(await exportList(administrator, "people", { only: "blocked" }));
  const reference = await readPrimary.user.findMany({ where: { blockedAt: { not: null } }, select: { id: true } });
  expect(sorted(rows.map(({ id }) => Number(id)))).toEqual(sorted(idsOf(reference)));
  expect(rows.every((row) => row.blocked !== "")).toBe(true);
  expect(idsOf(reference)).not.toContain(other.userId);
});

test("people are found by when they were last seen", async () => {
  const [seen, unseen] = [await signUp(), await signUp()];
  const at = new Date("2031-05-06T10:00+03:00");
  await openSession({ userId: seen.userId, proven: phoneRecipient(seen.phone) }, anybody(), at);
  const ids = await exportIds("people", { seenFrom: "2031-05-06T09:59", seenTo: "2031-05-06T10:01" });
  expect(ids).toEqual([seen.userId]);
  expect(ids).not.toContain(unseen.userId);
  expect(await exportIds("people", { seenFrom: "2031-05-06T10:01", seenTo: "2031-05-07" })).toEqual([]);
});

test("the file of people begins with the columns of an import, and phones in it are no formulas", async () => {
  const inviter = await signUp();
  const { userId, phone, inviteCode } = await signUp({ invited: inviter.inviteCode });
  const { administrator } = await freshAdministrator();
  const { header, rows } = await readExport(await exportList(administrator, "people", { inviter: inviter.inviteCode }));
  const accounts = ["phone", "claimed_phone", "email", "invite_code", "inviter_code", "created", "activated"];
  const columns = [...accounts, "blocked", "test", "subject"];
  expect(header.slice(0, 10)).toEqual(columns);
  const read = await readImport([header.join(",")]);
  expect(read.ok && read.value.ignoredColumns).toEqual(header.slice(10));
  const { createdAt, activation } = await readPrimary.user.findUniqueOrThrow({
    where: { id: userId },
    select: { createdAt: true, activation: true },
  });
  expect(rows).toEqual([
    expect.objectContaining({
      phone: `'${phone}`,
      email: "",
      invite_code: inviteCode,
      inviter_code: inviter.inviteCode,
      created: createdAt.toISOString(),
      activated: activation?.activatedAt.toISOString(),
      blocked: "",
      subject: "",
      id: String(userId),
    }),
  ]);
});

test("a text that a spreadsheet would run is written as text, and quotes and line breaks stay in their field", () => {
  expect(csvOf([["=1+1", "+7945", "-1", "@a", "\ta", "\ra", 'say "hi",\nAnna', -1, null]])).toBe(
    `"'=1+1","'+7945","'-1","'@a","'\ta","'\ra","say ""hi"",\nAnna","-1",""\r\n`,
  );
});

test("the file of deliveries has exactly the rows that SQL finds by sender, state and reason", async () => {
  const reason = `reason_${crypto.randomUUID().slice(0, 4).replace(/\d/g, "x")}`;
  const [at, recipient] = [new Date(), crypto.randomUUID()];
  const row = { at, state: "refused", stateAt: at, recipient, lastDigits: "00" };
  const reasons = [`${reason} a`, `${reason} b`, "another"];
  await write((tx) => tx.delivery.createMany({ data: reasons.map((each) => ({ ...row, reason: each })) }));
  const found = await readPrimary.delivery.findMany({
    where: { state: "refused", reason: { startsWith: reason } },
    select: { id: true },
  });
  expect(found).toHaveLength(2);
  expect(sorted(await exportIds("deliveries", { state: "refused", reason }))).toEqual(sorted(idsOf(found)));
  expect(await exportIds("deliveries", { state: "refused", reason, sender: "smsru" })).toEqual([]);
});

test("the file of the audit log has exactly the events that SQL finds by actor, kind, action and subject", async () => {
  const person = await signUp();
  const { administrator, userId } = await freshAdministrator();
  await exportList(administrator, "people", { inviter: person.inviteCode }).then(readExport);
  const byPerson = await readPrimary.auditEvent.findMany({ where: { actorId: person.userId }, select: { id: true } });
  expect(byPerson.length).toBeGreaterThan(0);
  for (const filter of [{ kind: "person", actor: String(person.userId) }, { subject: String(person.userId) }]) {
    expect(sorted(await exportIds("audit", filter))).toEqual(sorted(idsOf(byPerson)));
  }
  const { rows } = await walkEvents({ actor: String(userId) }, null);
  expect(rows.map(({ action, details }) => ({ action, details }))).toEqual([
    { action: "list_exported", details: { list: "people", filter: { inviter: person.inviteCode }, count: 0 } },
    { action: "list_export_started", details: { list: "people", filter: { inviter: person.inviteCode } } },
  ]);
  expect((await walkEvents({ actor: String(userId), action: "account_read" }, null)).rows).toEqual([]);
});

test("pages of a list follow each other without a gap or a repetition, past rows that don't match", async () => {
  const people = [];
  for (let made = 0; made < 5; made += 1) people.push(await signUp({ now: new Date("2023-03-03T03:03") }));
  const day = { from: "2023-03-03", to: "2023-03-03" };
  const first = await walkPeople(day, null, 2);
  const second = await walkPeople(day, first.next, 2);
  const third = await walkPeople(day, second.next, 2);
  expect(idsOf([...first.rows, ...second.rows, ...third.rows])).toEqual(people.map(({ userId }) => userId).reverse());
  expect(third.next).toBeNull();
});

test("a page examines a bounded number of rows, and the next one goes on after the last of them", async () => {
  const at = new Date("2022-02-02T02:02");
  const recipient = crypto.randomUUID();
  const row = (state: string) => ({ at, state, stateAt: at, recipient, lastDigits: "00" });
  await write((tx) => tx.delivery.create({ data: row("failed") }));
  // Several transactions, because one with all rows would take too long for `write` on a busy machine.
  for (let made = 0; made < ROWS_EXAMINED_MAX; made += 500) {
    await write((tx) => tx.delivery.createMany({ data: Array.from({ length: 500 }, () => row("refused")) }));
  }
  const filter = { from: "2022-02-02", to: "2022-02-02", state: "failed" } as const;
  const first = await walkDeliveries(filter, null);
  expect(first.rows).toEqual([]);
  expect(first.next).not.toBeNull();
  const second = await walkDeliveries(filter, first.next);
  expect(second.rows).toHaveLength(1);
  expect(second.next).toBeNull();
  await write((tx) => tx.delivery.deleteMany({ where: { recipient } }));
});

test("an export ends when its reader goes away, and is recorded with the rows that were read", async () => {
  const { administrator, userId } = await freshAdministrator();
  const exported = await exportList(administrator, "audit", { kind: "administrator" });
  if (!exported.ok) throw new Error(exported.failure.name);
  await exported.value.next();
  await exported.value.return(undefined);
  const { rows } = await walkEvents({ actor: String(userId) }, null);
  expect(rows[0]?.details).toEqual({ list: "audit", filter: { kind: "administrator" }, count: 0 });
});

test("full phones need a recent code, and an administrator exports only so often", async () => {
  const { administrator } = await freshAdministrator();
  const late = after(administrator.verifiedAt, RECENT_LOGIN_MS);
  expect(failureOf(await exportList(administrator, "people", {}, late))).toBe("login_too_old");
  expect(failureOf(await exportList(administrator, "deliveries", { state: "nothing" }))).toBe("filter_malformed");
  for (let times = 0; times < EXPORTS_PER_USER_PER_HOUR; times += 1) {
    expect(failureOf(await exportList(administrator, "deliveries", {}, late))).toBe("none");
  }
  expect(failureOf(await exportList(administrator, "deliveries", {}, late))).toBe("budget_spent");
});

test("no time that is typed or forged is one that a database can't read", async () => {
  for (const [from, to] of [
    ["0000-01-01", "0001-01-01"],
    ["0001-01-01T00:00", "9999-12-31"],
    ["9999-12-31T23:59", "9999-12-31T23:59"],
  ]) {
    const { filter } = readFilter("people", { from, to, seenFrom: from, seenTo: to });
    expect(await walkPeople(filter, null)).toMatchObject({ rows: expect.any(Array) });
    expect(await walkDeliveries(readFilter("deliveries", { from, to }).filter, null)).toBeTruthy();
    expect(await walkEvents(readFilter("audit", { from, to }).filter, null)).toBeTruthy();
  }
  const now = new Date();
  await signUp({ now });
  const last = await walkPeople(readFilter("people", { to: "9999-12-31" }).filter, null, 1);
  expect(last.rows[0]?.createdAt.getTime()).toBeGreaterThanOrEqual(now.getTime());
  for (const forged of ["999999999999999-1", "253402300800000-1", "1-2147483648", "-1-1", "1e3-1"]) {
    expect(ListCursor.safeDecode(forged).success, forged).toBe(false);
  }
  expect(InviterCursor.safeDecode("253402300800000-1-1").success).toBe(false);
  for (const cursor of ["0-0", "253402300799999-2147483647"]) {
    expect(await walkPeople({}, ListCursor.decode(cursor))).toBeTruthy();
  }
});

test("each row that matches is on one page, in order, also where other rows have the time of the last row that is examined", async () => {
  const recipient = crypto.randomUUID();
  const rowOf = (made: number) => {
    const at = new Date(Date.UTC(2022, 3, 3, 12, 0, Math.floor(made / 700)));
    return { at, state: made % 311 === 0 ? "failed" : "refused", stateAt: at, recipient, lastDigits: "00" };
  };
  const data = Array.from({ length: ROWS_EXAMINED_MAX + 1300 }, (_, made) => rowOf(made)).reverse();
  for (let at = 0; at < data.length; at += 700) {
    await write((tx) => tx.delivery.createMany({ data: data.slice(at, at + 700) }));
  }
  const orderBy = [{ at: "desc" as const }, { id: "desc" as const }];
  const failed = await readPrimary.delivery.findMany({
    where: { recipient, state: "failed" },
    orderBy,
    select: { id: true },
  });
  const filter = { from: "2022-04-03", to: "2022-04-03", state: "failed" } as const;
  const found: number[] = [];
  let cursor: ListCursor | null = null;
  do {
    const page: Awaited<ReturnType<typeof walkDeliveries>> = await walkDeliveries(filter, cursor, 5);
    found.push(...idsOf(page.rows));
    cursor = page.next;
  } while (cursor);
  expect(found).toEqual(idsOf(failed));
  await write((tx) => tx.delivery.deleteMany({ where: { recipient } }));
});

test("rows that are added or deleted while pages are read are neither repeated nor left out", async () => {
  const rowOf = (id: number) => ({ at: new Date(1000 * id), id });
  const disturbances = [
    (rows: ListRow[], next: number) => rows.unshift(rowOf(next + 1), rowOf(next)),
    (rows: ListRow[]) => rows.splice(0, 2),
    (rows: ListRow[]) => rows.splice(rows.length - 2, 2),
  ];
  for (const disturb of disturbances) {
    let next = 41;
    const rows: ListRow[] = Array.from({ length: 40 }, (_, at) => rowOf(40 - at));
    const found: number[] = [];
    let cursor: ListCursor = rowOf(1000);
    for (;;) {
      const { id: before } = cursor;
      const page: ListPage<ListRow> = await readPage(
        { limit: 3, since: START_OF_TIME },
        () => {
          const end = rows.filter(({ id }) => id < before)[9];
          disturb(rows, next);
          next += 2;
          return end;
        },
        ({ endId, limit }) =>
          rows.filter(({ id }) => id < before && id >= endId && id % 5 === 0 && id < 36).slice(0, limit),
      );
      found.push(...idsOf(page.rows));
      if (!page.next) break;
      cursor = page.next;
    }
    const all = [35, 30, 25, 20, 15, 10, 5];
    expect(found).toEqual(all.filter((id) => found.includes(id)));
    expect(found).toEqual(expect.arrayContaining(rows.map(({ id }) => id).filter((id) => all.includes(id))));
  }
});

test("an export is recorded before its first row is read, also if reading never ends", async () => {
  const { administrator, userId } = await freshAdministrator();
  expect(failureOf(await exportList(administrator, "people", { only: "mail" }))).toBe("none");
  const { rows } = await walkEvents({ actor: String(userId) }, null);
  expect(rows.map(({ action, details }) => ({ action, details }))).toEqual([
    { action: "list_export_started", details: { list: "people", filter: { only: "mail" } } },
  ]);
});

test("a file ends when its administrator is blocked, however slowly it is read", async () => {
  const { administrator, userId } = await freshAdministrator();
  const at = new Date("2021-01-01T12:00");
  const recipient = crypto.randomUUID();
  const row = { at, state: "refused", stateAt: at, recipient, lastDigits: "00" };
  await write((tx) => tx.delivery.createMany({ data: Array.from({ length: 1200 }, () => row) }));
  const exported = await exportList(administrator, "deliveries", { from: "2021-01-01", to: "2021-01-02" });
  if (!exported.ok) throw new Error(exported.failure.name);
  await exported.value.next();
  await exported.value.next();
  await write((tx) => tx.user.update({ where: { id: userId }, data: { blockedAt: new Date() } }));
  expect(await exported.value.next()).toMatchObject({ done: true });
  await write((tx) => tx.delivery.deleteMany({ where: { recipient } }));
});

test("a filter that an export doesn't know is refused, so that no file has more than was asked for", async () => {
  const { administrator } = await freshAdministrator();
  expect(failureOf(await exportList(administrator, "people", { blocked: "1" }))).toBe("filter_malformed");
  expect(failureOf(await exportList(administrator, "people", { only: "" }))).toBe("filter_malformed");
});

test("a filter keeps what it understands, and names the rest: neither a phone nor a mailbox is part of one", () => {
  expect(
    readFilter("people", { inviter: "+79450000001", country: "7", from: "2026-02-31", only: " ", to: "" }),
  ).toEqual({
    filter: { country: "7" },
    malformed: ["from", "inviter"],
  });
  expect(readFilter("deliveries", { reason: "79450000001" }).malformed).toEqual(["reason"]);
  expect(readFilter("deliveries", { reason: "anna@mail.example" }).malformed).toEqual(["reason"]);
  expect(readFilter("audit", { actor: "79450000001", action: "signed_in" })).toEqual({
    filter: { action: "signed_in" },
    malformed: ["actor"],
  });
});

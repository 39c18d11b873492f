import { expect, _baseTest as test } from "playwright/test";
import { backgroundTasks } from "@/lib/core/background";
import type { Phone } from "@/lib/core/identity/phone";
import {
  IMPORT_FILE_BYTES_MAX,
  IMPORT_FILES_PER_ADMINISTRATOR_PER_HOUR,
  IMPORT_LEASE_MS,
  IMPORT_ROWS_PER_BATCH,
  RECENT_LOGIN_MS,
} from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, failureOf, freshPhone } from "@/lib/testing/people";
import { Crash, withCrashAfter, withEachWriteRunAgain } from "@/lib/testing/transactions";
import type { Administrator } from "./actor";
import { Reason } from "./acts";
import { removeAdministrator } from "./administrators";
import { beginImport, findImport, listImports, readResults, stopImport, uploadImport } from "./import-runs";
import { workOnImports } from "./import-work";

const reason = Reason.parse("they come from another system");

test.beforeEach(backgroundTasks);
// Of all servers one works at a time, so a run that a test leaves would keep the next test waiting.
test.afterEach(() => write((tx) => tx.importRun.deleteMany({})));

async function upload(administrator: Administrator, lines: string[], now = new Date()): Promise<number> {
  const uploaded = await uploadImport(administrator, lines.join("\n"), now);
  if (!uploaded.ok) throw new Error(uploaded.failure.name);
  return uploaded.value.id;
}

async function uploadAndCheck(administrator: Administrator, lines: string[]): Promise<number> {
  const id = await upload(administrator, lines);
  await workOnImports();
  return id;
}

async function begin(administrator: Administrator, id: number): Promise<void> {
  expect(await beginImport(administrator, { id, reason })).toEqual({ ok: true, value: null });
}

const partsOf = async (runId: number) =>
  (await readPrimary.importPart.findMany({ where: { runId }, select: { kind: true } })).map(({ kind }) => kind).sort();

/** Makes a file of so many rows, each invited by the row after it. Each tenth row has no inviter. */
function chainOf(length: number) {
  const phones = Array.from({ length }, () => freshPhone());
  const rows = phones.map((phone, at) => `${phone},${at % 10 === 9 ? "" : (phones[at + 1] ?? "")}`);
  return { phones, lines: ["phone,inviter", ...rows] };
}

async function countsOf(phones: string[]) {
  const users = await readPrimary.user.findMany({ where: { phone: { in: phones } }, include: { activation: true } });
  const events = await readPrimary.auditEvent.findMany({
    where: { action: "account_imported", subjectId: { in: users.map(({ id }) => id) } },
  });
  return {
    users: users.length,
    events: events.length,
    invited: users.filter(({ activation }) => activation).length,
    counted: users.reduce((sum, { referralCount }) => sum + referralCount, 0),
  };
}

test("a file is checked without a change, then imported with a reason, and its results are listed by line", async () => {
  const { administrator } = await freshAdministrator();
  const [phone, inviter] = [freshPhone(), freshPhone()];
  const id = await upload(administrator, ["phone,inviter,note", `${phone},${inviter},`, "nothing,,", `${inviter},,`]);
  expect(await findImport(administrator, id)).toMatchObject({ state: "checking", rows: null, done: 0 });
  await withEachWriteRunAgain(() => workOnImports());
  const results = [
    { result: "new", count: 2 },
    { result: "phone_invalid", count: 1 },
  ];
  const checked = { id, state: "checked", rows: 3, done: 3, results, ignoredColumns: ["note"] };
  expect(await findImport(administrator, id)).toMatchObject(checked);
  const rows = [
    [2, "new"],
    [3, "phone_invalid"],
    [4, "new"],
  ];
  expect(await readResults(administrator, { id, kind: "rows", page: 0 })).toEqual(rows);
  expect(await readResults(administrator, { id, kind: "refused", page: 0 })).toEqual([rows[1]]);
  expect(await readResults(administrator, { id, kind: "rows", page: 1 })).toBeNull();
  expect(await readPrimary.user.findUnique({ where: { phone } })).toBeNull();

  await begin(administrator, id);
  expect(await findImport(administrator, id)).toMatchObject({ state: "importing", rows: 3, done: 0, results: [] });
  await withEachWriteRunAgain(() => workOnImports());
  expect(await findImport(administrator, id)).toMatchObject({ ...checked, state: "done" });
  expect(await readResults(administrator, { id, kind: "rows", page: 0 })).toEqual(rows);
  expect(await partsOf(id)).toEqual(["refused", "rows"]);
  expect(failureOf(await beginImport(administrator, { id, reason }))).toBe("import_unknown");

  const { id: invitee } = await readPrimary.user.findUniqueOrThrow({ where: { phone } });
  const ofAdministrator = { actorId: administrator.userId, actorKind: "administrator" };
  const events = await readPrimary.auditEvent.findMany({
    where: { ...ofAdministrator, subjectId: null },
    orderBy: { id: "asc" },
  });
  expect(events.map(({ action, details }) => [action, JSON.parse(details)])).toEqual([
    ["import_checked", { count: 3 }],
    ["accounts_imported", { count: 3, reason }],
  ]);
  const [imported] = await readPrimary.auditEvent.findMany({ where: { subjectId: invitee } });
  expect(imported).toMatchObject({ action: "account_imported", ...ofAdministrator });
});

test("a process that crashed between two batches is followed by another one: no row twice, in accounts and in figures", async () => {
  const { administrator } = await freshAdministrator();
  const { lines, phones } = chainOf(3 * IMPORT_ROWS_PER_BATCH);
  lines.splice(5, 0, "nothing,");
  const id = await upload(administrator, lines);
  // The check takes the run, notes its rows, and stores two batches.
  await expect(withCrashAfter(4, () => workOnImports())).rejects.toThrow(Crash);
  expect(await findImport(administrator, id)).toMatchObject({ state: "checking", rows: 301, done: 101 });
  await workOnImports();
  expect(await findImport(administrator, id)).toMatchObject({ state: "checking", done: 101 });
  const later = () => after(new Date(), IMPORT_LEASE_MS + 1);
  await workOnImports(later);
  const results = [
    { result: "new", count: 300 },
    { result: "phone_invalid", count: 1 },
  ];
  expect(await findImport(administrator, id)).toMatchObject({ state: "checked", done: 301, results });

  await begin(administrator, id);
  await expect(withCrashAfter(4, () => workOnImports())).rejects.toThrow(Crash);
  expect(await findImport(administrator, id)).toMatchObject({ state: "importing", done: 201 });
  expect(await countsOf(phones)).toMatchObject({ users: 200, events: 200 });
  await workOnImports(later);
  expect(await findImport(administrator, id)).toMatchObject({ state: "done", done: 301, results });
  expect(await countsOf(phones)).toEqual({ users: 300, events: 300, invited: 270, counted: 270 });
  const listed = await Promise.all([0, 1, 2].map((page) => readResults(administrator, { id, kind: "rows", page })));
  expect(listed.flatMap((page) => (page ?? []).map(([line]) => line))).toEqual(
    Array.from({ length: 301 }, (_, at) => at + 2),
  );
});

test("of two servers one works on an import, and one that has lost it writes no row", async () => {
  const { administrator } = await freshAdministrator();
  const { lines, phones } = chainOf(3 * IMPORT_ROWS_PER_BATCH);
  const id = await uploadAndCheck(administrator, lines);
  await begin(administrator, id);
  // The second server's clock is so late that it takes the run at once.
  const late = () => after(new Date(), IMPORT_LEASE_MS + 1);
  await Promise.all([workOnImports(), workOnImports(), workOnImports(late)]);
  await workOnImports(late);
  const results = [{ result: "new", count: 300 }];
  expect(await findImport(administrator, id)).toMatchObject({ state: "done", done: 300, results });
  expect(await countsOf(phones)).toEqual({ users: 300, events: 300, invited: 270, counted: 270 });
});

/** Expects that an import stops after its first batch when `end` has happened. */
async function expectToStop(end: (person: { userId: number; phone: Phone }) => Promise<unknown>): Promise<void> {
  const { administrator, userId, phone } = await freshAdministrator();
  const { lines, phones } = chainOf(3 * IMPORT_ROWS_PER_BATCH);
  const id = await uploadAndCheck(administrator, lines);
  await begin(administrator, id);
  await expect(withCrashAfter(2, () => workOnImports())).rejects.toThrow(Crash);
  await end({ userId, phone });
  await workOnImports(() => after(new Date(), IMPORT_LEASE_MS + 1));
  expect(await findImport(administrator, id)).toMatchObject({ state: "stopped", done: 100 });
  expect(await countsOf(phones)).toMatchObject({ users: 100 });
  expect(await partsOf(id)).toEqual([]);
}

test("an import stops, and its file is deleted, when its administrator is blocked", () =>
  expectToStop(({ userId }) =>
    write((tx) => tx.user.update({ where: { id: userId }, data: { blockedAt: new Date() } })),
  ));

test("an import stops, and its file is deleted, when its administrator is removed from the administrators", async () => {
  // The last one can't be removed.
  await freshAdministrator();
  await expectToStop(async ({ phone }) => expect(await removeAdministrator(phone)).toMatchObject({ ok: true }));
});

test("the stop button ends a check and an import between two batches, and deletes the file", async () => {
  const { administrator } = await freshAdministrator();
  // So many that the import doesn't end before the button is pressed.
  const { lines, phones } = chainOf(12 * IMPORT_ROWS_PER_BATCH);
  const first = await upload(administrator, lines);
  expect(await stopImport(administrator, first)).toBe(true);
  await workOnImports();
  expect(await findImport(administrator, first)).toMatchObject({ state: "stopped", done: 0 });

  const id = await uploadAndCheck(administrator, lines);
  await begin(administrator, id);
  const working = workOnImports();
  const doneOf = async () => (await findImport(administrator, id))?.done ?? 0;
  await expect.poll(doneOf, { intervals: [1] }).toBeGreaterThan(0);
  expect(await stopImport(administrator, id)).toBe(true);
  await working;
  const stopped = await findImport(administrator, id);
  expect(stopped?.state).toBe("stopped");
  expect(stopped?.done).toBeLessThan(phones.length);
  expect(await countsOf(phones)).toMatchObject({ users: stopped?.done });
  expect(await partsOf(id)).toEqual([]);
  expect(await stopImport(administrator, id)).toBe(false);
});

test("an administrator neither sees nor begins nor stops the import of another one", async () => {
  const [{ administrator: owner }, { administrator: other }] = [await freshAdministrator(), await freshAdministrator()];
  const id = await uploadAndCheck(owner, ["phone", freshPhone()]);
  expect(await findImport(other, id)).toBeNull();
  expect(await listImports(other)).toEqual([]);
  expect(await readResults(other, { id, kind: "rows", page: 0 })).toBeNull();
  expect(failureOf(await beginImport(other, { id, reason }))).toBe("import_unknown");
  expect(await stopImport(other, id)).toBe(false);
  expect(await listImports(owner)).toMatchObject([{ id, state: "checked" }]);
});

test("an upload needs a recent code, has a limited size, and is refused while an earlier one is at work", async () => {
  const now = new Date();
  const { administrator } = await freshAdministrator(now);
  const late = after(now, RECENT_LOGIN_MS + 1);
  expect(failureOf(await uploadImport(administrator, "phone\n", late))).toBe("login_too_old");
  const large = `phone\n${"x".repeat(IMPORT_FILE_BYTES_MAX)}`;
  expect(failureOf(await uploadImport(administrator, large))).toBe("file_too_large");
  expect(failureOf(await uploadImport(administrator, "\n\nname\n"))).toBe("header_unknown");
  const id = await upload(administrator, ["phone", freshPhone()]);
  expect(failureOf(await uploadImport(administrator, "phone\n"))).toBe("import_unfinished");
  await workOnImports();
  expect(failureOf(await beginImport(administrator, { id, reason }, late))).toBe("login_too_old");
  const next = await upload(administrator, ["phone", freshPhone()]);
  expect((await listImports(administrator)).map((run) => run.id)).toEqual([next]);
});

test("of two files that an administrator uploads at the same time, one is checked and the other is deleted", async () => {
  const { administrator, userId } = await freshAdministrator();
  const both = await Promise.all([0, 1].map(() => uploadImport(administrator, `phone\n${freshPhone()}`)));
  expect(both.map((uploaded) => (uploaded.ok ? "begun" : uploaded.failure.name)).sort()).toEqual([
    "begun",
    "import_unfinished",
  ]);
  expect(await readPrimary.importRun.findMany({ where: { startedBy: userId } })).toHaveLength(1);
});

test("an administrator uploads a limited number of files in an hour", async () => {
  const { administrator } = await freshAdministrator();
  for (let files = 0; files < IMPORT_FILES_PER_ADMINISTRATOR_PER_HOUR; files += 1)
    expect(await stopImport(administrator, await upload(administrator, ["phone", freshPhone()]))).toBe(true);
  expect(failureOf(await uploadImport(administrator, "phone\n"))).toBe("budget_spent");
});

test("a large file is stored in parts, and has the same lines whichever characters end them", async () => {
  const { administrator } = await freshAdministrator();
  const wide = "x".repeat(1000);
  for (const end of ["\n", "\r\n", "\r"]) {
    const phones = Array.from({ length: 300 }, () => freshPhone());
    const text = ["phone,note", "", ...phones.map((phone) => `${phone},${wide}\0`)].join(end);
    const uploaded = await uploadImport(administrator, text);
    if (!uploaded.ok) throw new Error(uploaded.failure.name);
    const { id } = uploaded.value;
    expect((await partsOf(id)).length).toBeGreaterThan(2);
    await workOnImports();
    expect(await findImport(administrator, id)).toMatchObject({ rows: 300, results: [{ result: "new", count: 300 }] });
    expect((await readResults(administrator, { id, kind: "rows", page: 0 }))?.[0]).toEqual([3, "new"]);
  }
});

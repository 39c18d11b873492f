import { expect, _baseTest as test } from "playwright/test";
import { IMPORT_FILE_BYTES_MAX, IMPORT_ROWS_PER_BATCH, RECENT_LOGIN_MS } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, failureOf, freshPhone } from "@/lib/testing/people";
import { Reason } from "./acts";
import { importUpload } from "./upload";

const reason = Reason.parse("they come from another system");

test("an upload is checked without a change, and imported with a reason that one event has", async () => {
  const { administrator } = await freshAdministrator();
  const [phone, inviter] = [freshPhone(), freshPhone()];
  const text = `phone,inviter\n${phone},${inviter}\nnothing,\n${inviter},\n`;
  const lines = [
    { result: "new", lines: [2, 4] },
    { result: "phone_invalid", lines: [3] },
  ];
  const checked = await importUpload(administrator, { text, reason: null });
  expect(checked).toEqual({ ok: true, value: { lines, ignoredColumns: [] } });
  expect(await readPrimary.user.findUnique({ where: { phone } })).toBeNull();

  expect(await importUpload(administrator, { text, reason })).toEqual(checked);
  const { id } = await readPrimary.user.findUniqueOrThrow({ where: { phone } });
  const ofAdministrator = { actorId: administrator.userId, actorKind: "administrator" };
  const where = { ...ofAdministrator, subjectId: null };
  const events = await readPrimary.auditEvent.findMany({ where, orderBy: { id: "asc" } });
  expect(events.map(({ action, details }) => [action, JSON.parse(details)])).toEqual([
    ["import_checked", { count: 2 }],
    ["accounts_imported", { count: 2, reason }],
  ]);
  const [imported] = await readPrimary.auditEvent.findMany({ where: { subjectId: id } });
  expect(imported).toMatchObject({ action: "account_imported", ...ofAdministrator });
  const again = await importUpload(administrator, { text, reason });
  expect(again).toMatchObject({ value: { lines: [{ result: "exists", lines: [2, 4] }, lines[1]] } });
});

test("an upload needs a recent code, and has a limited size", async () => {
  const now = new Date();
  const { administrator } = await freshAdministrator(now);
  const late = await importUpload(administrator, { text: "phone\n", reason }, after(now, RECENT_LOGIN_MS + 1));
  expect(failureOf(late)).toBe("login_too_old");
  const text = `phone\n${"x".repeat(IMPORT_FILE_BYTES_MAX)}`;
  expect(failureOf(await importUpload(administrator, { text, reason }))).toBe("file_too_large");
});

test("a file has the same lines whichever characters end them", async () => {
  const { administrator } = await freshAdministrator();
  const phones = [freshPhone(), freshPhone(), freshPhone()];
  for (const end of ["\n", "\r\n", "\r"]) {
    const text = ["phone", ...phones].join(end);
    const checked = await importUpload(administrator, { text, reason: null });
    expect(checked).toMatchObject({ value: { lines: [{ result: "new", lines: [2, 3, 4] }] } });
  }
});

test("an import ends when its administrator is blocked", async () => {
  const { administrator, userId } = await freshAdministrator();
  const phones = Array.from({ length: 3 * IMPORT_ROWS_PER_BATCH }, () => freshPhone());
  const importing = importUpload(administrator, { text: ["phone", ...phones].join("\n"), reason });
  const countImported = () => readPrimary.user.findMany({ where: { phone: { in: phones } }, select: { id: true } });
  await expect.poll(async () => (await countImported()).length, { intervals: [1] }).toBeGreaterThan(0);
  await write((tx) => tx.user.update({ where: { id: userId }, data: { blockedAt: new Date() } }));
  expect(failureOf(await importing)).toBe("login_too_old");
  expect((await countImported()).length).toBeLessThan(phones.length);
  expect(failureOf(await importUpload(administrator, { text: "phone\n", reason: null }))).toBe("login_too_old");
});

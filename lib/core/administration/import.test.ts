import { expect, _baseTest as test } from "playwright/test";
import { getProfile } from "@/lib/core/accounts/accounts";
import { NO_ACCOUNT_ID } from "@/lib/core/accounts/audit-log";
import { listEvents } from "@/lib/core/accounts/history";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import { signInByPhone } from "@/lib/core/accounts/sign-in";
import type { Phone } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import { drawInviteCode, type InviteCode } from "@/lib/core/invites/invite-code";
import { getPairwiseSubject } from "@/lib/core/oauth/subjects";
import { IMPORT_ROWS_PER_BATCH } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import { freshClient, freshSession, logInAt } from "@/lib/testing/oauth";
import { after, anybody, freshEmail, freshOwner, freshPhone, receiveCode, signUp } from "@/lib/testing/people";
import { withCrashAfter, withEachWriteRunAgain } from "@/lib/testing/transactions";
import { checkImport, type ImportOptions, runImport } from "./import";
import { type ImportPlan, readImport, splitLines } from "./import-file";
import { exportList } from "./list-export";

const OPERATOR = { actorKind: "command_line", actorId: NO_ACCOUNT_ID } as const;
const HEADER = "phone,email,invite_code,inviter,created";

async function planOf(lines: string[], now = new Date()): Promise<ImportPlan> {
  const read = await readImport(lines, now);
  if (!read.ok) throw new Error(read.failure.name);
  return read.value;
}

async function collect<Value>(values: AsyncIterable<Value>): Promise<Value[]> {
  const all: Value[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** Returns the result of each line, by its number. */
async function check(lines: string[]): Promise<Record<number, string>> {
  const outcomes = (await collect(checkImport(await planOf(lines)))).flat();
  return Object.fromEntries(outcomes.map(({ line, result }) => [line, result]));
}

async function run(lines: string[], options: ImportOptions = {}): Promise<Record<number, string>> {
  const plan = await planOf(lines, options.now);
  const outcomes = [plan.refused, ...(await collect(runImport(plan, OPERATOR, options)))].flat();
  return Object.fromEntries(outcomes.map(({ line, result }) => [line, result]));
}

const findByPhone = (phone: Phone) =>
  readPrimary.user.findUniqueOrThrow({ where: { phone }, include: { activation: true } });

test("an import keeps phones, mailboxes, codes, inviters and times, also if an invitee's row comes before its inviter's", async () => {
  const now = new Date();
  const [root, middle, leaf] = [freshPhone(), freshPhone(), freshPhone()];
  const [email, code] = [freshEmail(), drawInviteCode()];
  const mailOnly = { email: freshEmail(), claimed: freshPhone() };
  const lines = [
    "\uFEFFphone;claimed_phone;email;invite_code;inviter;created;activated;note",
    `'${leaf};;;;${middle};2024-05-01T10:00:00Z;2024-06-01T10:00:00+03:00;"a; b"`,
    `${middle};;;;${code};2024-04-01;;`,
    `;${mailOnly.claimed};${mailOnly.email};;'${root};;;`,
    `${root};;${email};${code.toLowerCase()};;2024-03-01T10:00:00.123Z;;`,
  ];
  const plan = await planOf(lines, now);
  expect(plan.ignoredColumns).toEqual(["note"]);
  const expected = { 2: "new", 3: "new", 4: "new", 5: "new" };
  expect(await check(lines)).toEqual(expected);
  expect(await readPrimary.user.findMany({ where: { phone: root } })).toHaveLength(0);
  expect(await withEachWriteRunAgain(() => run(lines, { now }))).toEqual(expected);

  const [one, two, three] = [await findByPhone(root), await findByPhone(middle), await findByPhone(leaf)];
  expect(one).toMatchObject({
    email,
    inviteCode: code,
    referralCount: 2,
    createdAt: new Date("2024-03-01T10:00:00.123Z"),
  });
  expect(one).toMatchObject({ phoneProvenAt: now, emailProvenAt: now, activation: null });
  expect(two).toMatchObject({ email: null, emailProvenAt: null, referralCount: 1 });
  expect(two.activation).toMatchObject({ inviterId: one.id, code, activatedAt: new Date("2024-04-01") });
  expect(three.activation).toMatchObject({ inviterId: two.id, code: two.inviteCode });
  expect(three.activation?.activatedAt).toEqual(new Date("2024-06-01T07:00:00Z"));
  const byMail = await readPrimary.user.findUniqueOrThrow({ where: { email: mailOnly.email } });
  expect(byMail).toMatchObject({ phone: null, phoneProvenAt: null, claimedPhone: mailOnly.claimed, createdAt: now });
  const { events } = await listEvents(one.id);
  expect(events.map(({ action }) => action)).toEqual(["account_imported"]);

  expect(await run(lines)).toEqual({ 2: "exists", 3: "exists", 4: "exists", 5: "exists" });
  expect(await findByPhone(root)).toEqual(one);
});

test("each row that makes no account is named with its line and its reason, and stops no other row", async () => {
  const known = await signUp();
  const withMail = { email: freshEmail() };
  await run([HEADER, `${freshPhone()},${withMail.email},,,`]);
  const [twice, email, code] = [freshPhone(), freshEmail(), drawInviteCode()];
  const [first, second, below, own] = [freshPhone(), freshPhone(), freshPhone(), freshPhone()];
  const refusedInviter = freshPhone();
  const future = after(new Date(), 3_600_000).toISOString();
  const rows: [string, string][] = [
    [`${freshPhone()},,,,`, "new"],
    [`${freshPhone()},"broken,,,`, "line_malformed"],
    [`${freshPhone()},,,`, "line_malformed"],
    [",,,,", "identity_missing"],
    ["+7945,,,,", "phone_invalid"],
    [`${freshPhone()},nothing,,,`, "email_invalid"],
    [`${freshPhone()},,ABC,,`, "invite_code_malformed"],
    [`${freshPhone()},,,some person,`, "inviter_malformed"],
    [`${freshPhone()},,,,yesterday`, "created_malformed"],
    [`${freshPhone()},,,,2024-05-01 10:00:00`, "created_malformed"],
    [`${freshPhone()},,,,${future}`, "created_in_future"],
    [`${twice},,,,`, "new"],
    [`${twice},,,,`, "phone_repeated"],
    [`${freshPhone()},${email},,,`, "new"],
    [`${freshPhone()},${email.toUpperCase()},,,`, "email_repeated"],
    [`${freshPhone()},,${code},,`, "new"],
    [`${freshPhone()},,${code},,`, "invite_code_repeated"],
    [`${freshPhone()},${withMail.email},,,`, "email_taken"],
    [`${refusedInviter},,${known.inviteCode},,`, "invite_code_taken"],
    [`${freshPhone()},,,${refusedInviter},`, "inviter_refused"],
    [`${freshPhone()},,,${known.inviteCode},`, "inviter_refused"],
    [`${freshPhone()},,,${known.phone},`, "new"],
    [`${freshPhone()},,,${freshPhone()},`, "inviter_unknown"],
    [`${freshPhone()},,,${drawInviteCode()},`, "inviter_unknown"],
    [`${first},,,${second},`, "invite_circular"],
    [`${second},,,${first},`, "invite_circular"],
    [`${below},,,${first},`, "inviter_refused"],
    [`${freshPhone()},,,${below},`, "inviter_refused"],
    [`${own},,,${own},`, "invite_own"],
    [`${known.phone},,,,`, "exists"],
    [`${freshPhone()},,,,`, "new"],
  ];
  const lines = [HEADER, ...rows.map(([line]) => line)];
  const expected = Object.fromEntries(rows.map(([, result], at) => [at + 2, result]));
  expect(await check(lines)).toEqual(expected);
  expect(await run(lines)).toEqual(expected);
  expect(await getProfile(known.userId)).toMatchObject({ referralCount: 1 });
});

test("a block is kept with its time, and the people whom a blocked account invited stay its invitees", async () => {
  const [blocked, invitee, later] = [freshPhone(), freshPhone(), freshPhone()];
  const code = drawInviteCode();
  const blockedAt = "2024-05-01T10:00:00.123Z";
  const lines = ["phone,invite_code,inviter_code,blocked", `${blocked},${code},,${blockedAt}`, `${invitee},,${code},`];
  expect(await run(lines)).toEqual({ 2: "new", 3: "new" });
  expect(await run(["phone,inviter", `${later},${code}`])).toEqual({ 2: "new" });
  const found = await findByPhone(blocked);
  expect(found).toMatchObject({ blockedAt: new Date(blockedAt), referralCount: 2 });
  expect((await findByPhone(invitee)).blockedAt).toBeNull();
  expect(await run(["phone,blocked", `${blocked},`, `${invitee},${blockedAt}`])).toEqual({ 2: "exists", 3: "exists" });
  expect(await findByPhone(blocked)).toEqual(found);
  expect((await findByPhone(invitee)).blockedAt).toBeNull();

  const future = after(new Date(), 3_600_000).toISOString();
  const wrong = [`${freshPhone()},,no`, `${freshPhone()},,${future}`, `${freshPhone()},${code},`];
  expect(await run(["phone,invite_code,blocked", ...wrong])).toEqual({
    2: "blocked_malformed",
    3: "blocked_in_future",
    4: "invite_code_taken",
  });
});

test("a file without a phone and a mailbox, or with a column twice, is no file of accounts", async () => {
  expect(await readImport([])).toEqual({ ok: false, failure: { name: "header_unknown" } });
  expect(await readImport(["name;created", "Anna;"])).toEqual({ ok: false, failure: { name: "header_unknown" } });
  const twice = await readImport(["phone,Phone,email"]);
  expect(twice).toEqual({ ok: false, failure: { name: "column_repeated", column: "phone" } });
});

test("the columns that are not read are named without control characters, and those without a name are not", async () => {
  expect((await planOf(["phone,\u001b[31mnote,,"])).ignoredColumns).toEqual(["[31mnote"]);
});

test("no new code is one that a later row keeps", async () => {
  const [kept, free] = [drawInviteCode(), drawInviteCode()];
  const codes = [kept, kept, free];
  const drawInvite = () => codes.shift() as InviteCode;
  const [one, other] = [freshPhone(), freshPhone()];
  expect(await run([HEADER, `${one},,,,`, `${other},,${kept},,`], { drawInvite })).toEqual({ 2: "new", 3: "new" });
  expect([(await findByPhone(one)).inviteCode, (await findByPhone(other)).inviteCode]).toEqual([free, kept]);
});

/** Makes a file of so many rows, each invited by the row after it. Each tenth row has no inviter. */
function chainOf(length: number): { lines: string[]; phones: Phone[] } {
  const phones = Array.from({ length }, () => freshPhone());
  return {
    phones,
    lines: [HEADER, ...phones.map((phone, at) => `${phone},,,${at % 10 === 9 ? "" : (phones[at + 1] ?? "")},`)],
  };
}

async function countsOf(phones: Phone[]) {
  const users = await readPrimary.user.findMany({ where: { phone: { in: phones } }, include: { activation: true } });
  const events = await readPrimary.auditEvent.findMany({
    where: { action: "account_imported", subjectId: { in: users.map(({ id }) => id) } },
  });
  const invited = users.filter(({ activation }) => activation).length;
  const counted = users.reduce((sum, { referralCount }) => sum + referralCount, 0);
  return { users: users.length, events: events.length, invited, counted };
}

test("an import that crashed is run again: no row twice, and each account has its activation", async () => {
  const { lines, phones } = chainOf(3 * IMPORT_ROWS_PER_BATCH);
  await expect(withCrashAfter(2, () => run(lines))).rejects.toThrow();
  expect(await countsOf(phones)).toMatchObject({ users: 200, events: 200 });
  const results = Object.values(await run(lines));
  expect(results.filter((result) => result === "exists")).toHaveLength(200);
  expect(results.filter((result) => result === "new")).toHaveLength(100);
  expect(await countsOf(phones)).toEqual({ users: 300, events: 300, invited: 270, counted: 270 });
});

test("two imports of one file at a time make each account once", async () => {
  const { lines, phones } = chainOf(2 * IMPORT_ROWS_PER_BATCH);
  const both = await Promise.all([run(lines), run(lines)]);
  const made = both.flatMap((results) => Object.values(results)).filter((result) => result === "new");
  expect(made).toHaveLength(200);
  expect(await countsOf(phones)).toEqual({ users: 200, events: 200, invited: 180, counted: 180 });
});

test("people who log in and activate codes while they are imported have one account, and counts stay right", async () => {
  const inviter = await signUp();
  const phones = Array.from({ length: 2 * IMPORT_ROWS_PER_BATCH }, () => freshPhone());
  const lines = [HEADER, ...phones.map((phone) => `${phone},,,${inviter.inviteCode},`)];
  const waiting = await Promise.all(
    phones.slice(95, 105).map(async (phone) => {
      const owner = freshOwner(phone);
      return { owner, code: await receiveCode(owner) };
    }),
  );
  const [results] = await Promise.all([
    run(lines),
    ...waiting.map(async ({ owner, code }) => {
      const login = await signInByPhone({ ...owner, code }, anybody());
      if (!login.ok) throw new Error(login.failure.name);
      await activateInvite({ userId: login.value.userId, code: inviter.inviteCode });
    }),
  ]);
  expect(new Set(Object.values(results)).size).toBeLessThanOrEqual(2);
  expect(await readPrimary.user.findMany({ where: { phone: { in: phones } } })).toHaveLength(200);
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 200 });
});

test("a blocked person's invite code is taken, and those whom they invited are imported with their inviter", async () => {
  const blocked = await signUp();
  await write((tx) => tx.user.update({ where: { id: blocked.userId }, data: { blockedAt: new Date() } }));
  const [taking, byCode, byPhone] = [freshPhone(), freshPhone(), freshPhone()];
  const lines = [
    HEADER,
    `${taking},,${blocked.inviteCode},,`,
    `${byCode},,,${blocked.inviteCode},`,
    `${byPhone},,,${blocked.phone},`,
  ];
  // The row that takes the code is the inviter that the file knows by it.
  expect(await check(lines)).toEqual({ 2: "invite_code_taken", 3: "inviter_refused", 4: "new" });
  expect(await run(lines)).toEqual({ 2: "invite_code_taken", 3: "inviter_refused", 4: "new" });
  expect(await run([HEADER, `${byCode},,,${blocked.inviteCode},`])).toEqual({ 2: "new" });
  expect((await findByPhone(byCode)).activation).toMatchObject({ inviterId: blocked.userId });
});

test("a time that no database has, or that comes before all accounts, is malformed and stops no other row", async () => {
  const times = ["0000-01-01", "0001-01-01T00:00:00+14:00", "1969-12-31", "+020000-01-01T00:00:00Z", "2024-02-30"];
  const lines = [HEADER, ...times.map((time) => `${freshPhone()},,,,${time}`), `${freshPhone()},,,,1970-01-02`];
  const expected = { 2: "created_malformed", 3: "created_malformed", 4: "created_malformed", 5: "created_malformed" };
  expect(await run(lines)).toEqual({ ...expected, 6: "created_malformed", 7: "new" });
});

test("a line that has an end of line inside is malformed, and no row of it is lost unnoticed", async () => {
  const lines = [HEADER, `${freshPhone()},,,,\r${freshPhone()},,,,`, `${freshPhone()},,,,`];
  expect(await check(lines)).toEqual({ 2: "line_malformed", 3: "new" });
});

test("a file in another encoding, of many columns or without meaning is refused without an error", async () => {
  const wide = Array.from({ length: 100_000 }, (_, at) => `column ${at}`).join();
  expect(await check([`phone,${wide}`, `${freshPhone()}${",".repeat(100_000)}`])).toEqual({ 2: "new" });
  const utf16 = Buffer.from(`${HEADER}\n${freshPhone()},,,,`, "utf16le").toString("utf8");
  expect(await readImport(utf16.split("\n"))).toMatchObject({ ok: false, failure: { name: "header_unknown" } });
  const cell = `${freshPhone()},`;
  const rows = [`\0${cell},,,`, `${cell}\0a@mail.example,,,`, `${cell},AB\0C12,,`, `${cell},,\0,`, `${cell},,,\0`];
  const odd = [
    `${"9".repeat(100_000)},,,,`,
    `${cell}${"a".repeat(100_000)}@mail.example,,,`,
    `${'"'.repeat(99_999)},,,,`,
  ];
  expect(Object.values(await check([HEADER, ...rows, ...odd]))).toEqual([
    "phone_invalid",
    "email_invalid",
    "invite_code_malformed",
    "inviter_malformed",
    "created_malformed",
    "phone_invalid",
    "email_invalid",
    "line_malformed",
  ]);
});

test("an application knows a person by the same identifier after an export and an import", async () => {
  const { session, userId } = await freshSession();
  const { client } = await freshClient();
  await logInAt(client, session);
  const identifier = await getPairwiseSubject({ userId, clientId: client.id });
  const { administrator } = await freshAdministrator();
  const exported = await exportList(administrator, "people", {});
  if (!exported.ok) throw new Error(exported.failure.name);
  const lines = splitLines((await collect(exported.value)).join(""));
  const { phone } = await readPrimary.user.findUniqueOrThrow({ where: { id: userId } });
  const file = [lines[0] ?? "", lines.find((line) => line.includes(`'${phone}`)) ?? ""];

  await removeAccount({ userId, actorId: userId, now: new Date() });
  expect(await run(file)).toEqual({ 2: "new" });
  const { id } = await findByPhone(phone as Phone);
  expect(id).not.toBe(userId);
  expect(await getPairwiseSubject({ userId: id, clientId: client.id })).toBe(identifier);

  // Another account can't take the subject over.
  const stolen = file.map((line) => line.replaceAll(phone ?? "", freshPhone()).replace(/"[0-9A-Z]{6}"/, '""'));
  expect(await check(stolen)).toEqual({ 2: "subject_taken" });
  expect(await run(stolen)).toEqual({ 2: "subject_taken" });
  const [subject, other] = ["x".repeat(43), "y".repeat(42)];
  const rows = [
    "phone,subject",
    `${freshPhone()},${subject}`,
    `${freshPhone()},${subject}`,
    `${freshPhone()},${other}`,
  ];
  expect(await check(rows)).toEqual({ 2: "new", 3: "subject_repeated", 4: "subject_malformed" });
});

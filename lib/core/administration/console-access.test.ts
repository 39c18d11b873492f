import { expect, test } from "playwright/test";
import { getCodeStatuses } from "@/lib/core/challenges/code-pairs";
import { Holder, type OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { CONSOLE_SENDS_PER_HOUR, CONSOLE_TTL_MS, SENDS_PER_PHONE_PER_DAY } from "@/lib/core/policy";
import { write } from "@/lib/db/database";
import { freshAdministrator } from "@/lib/testing/administrators";
import {
  after,
  anybody,
  failureOf,
  freshEmail,
  openSession,
  receiveCodeOf,
  signUp,
  wrongCode,
} from "@/lib/testing/people";
import { addAdministrator, removeAdministrator } from "./administrators";
import { consoleCodes, getConsoleAccess, openConsole, requestConsoleCodes } from "./console-access";

/** Requests the codes that open the console for this session, and returns them by name. */
async function receiveConsoleCodes(session: Parameters<typeof consoleCodes>[0], now: Date) {
  const codes: Record<string, OneTimeCode> = {};
  for (const [name, key] of Object.entries(await consoleCodes(session))) codes[name] = await receiveCodeOf(key, now);
  return codes;
}

test("the console opens with a code of eight digits and stays open for its time", async () => {
  const { session } = await freshAdministrator();
  const now = new Date();
  expect(await getConsoleAccess(session, now)).toMatchObject({ administrator: null });
  const codes = await receiveConsoleCodes(session, now);
  expect(codes.phone).toMatch(/^\d{8}$/);
  expect(failureOf(await openConsole(session, codes, anybody(), now))).toBe("none");
  const open = await getConsoleAccess(session, now);
  expect(open?.administrator?.userId).toBe(session.userId);
  expect((await getConsoleAccess(session, after(now, CONSOLE_TTL_MS)))?.administrator).toBeNull();
  expect(failureOf(await openConsole(session, codes, anybody(), now))).toBe("code_refused");
});

test("an administrator with a mailbox needs a code from each, and one wrong code opens nothing", async () => {
  const { session, userId } = await freshAdministrator();
  const now = new Date();
  const email = freshEmail();
  await write(
    async (tx) => void (await tx.user.update({ where: { id: userId }, data: { email, emailProvenAt: now } })),
  );
  const codes = await receiveConsoleCodes(session, now);
  expect(Object.keys(codes)).toEqual(["phone", "email"]);
  const mistyped = { ...codes, email: wrongCode(codes.email as OneTimeCode) };
  expect(failureOf(await openConsole(session, mistyped, anybody(), now))).toBe("code_refused");
  expect((await getConsoleAccess(session, now))?.administrator).toBeNull();
  expect(failureOf(await openConsole(session, codes, anybody(), now))).toBe("none");
});

test("the console is open in the session that typed the codes, and in no other of the same account", async () => {
  const { session, userId, phone } = await freshAdministrator();
  const now = new Date();
  expect(failureOf(await openConsole(session, await receiveConsoleCodes(session, now), anybody(), now))).toBe("none");
  const other = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  expect((await getConsoleAccess(other, now))?.administrator).toBeNull();
});

test("there is no console for a stranger, for a session that a mailbox opened, or after the administrator was removed", async () => {
  const { session, userId, phone } = await freshAdministrator();
  const now = new Date();
  expect(failureOf(await openConsole(session, await receiveConsoleCodes(session, now), anybody(), now))).toBe("none");
  const stranger = await signUp();
  const strange = await openSession({ userId: stranger.userId, proven: phoneRecipient(stranger.phone) }, anybody());
  expect(await getConsoleAccess(strange, now)).toBeNull();
  expect(failureOf(await openConsole(strange, {}, anybody(), now))).toBe("not_administrator");
  const email = freshEmail();
  await write(
    async (tx) => void (await tx.user.update({ where: { id: userId }, data: { email, emailProvenAt: now } })),
  );
  expect(
    await getConsoleAccess(await openSession({ userId, proven: emailRecipient(email) }, anybody()), now),
  ).toBeNull();
  expect((await getConsoleAccess(session, now))?.administrator).not.toBeNull();
  await removeAdministrator(phone);
  expect(await getConsoleAccess(session, now)).toBeNull();
  await addAdministrator(phone);
  expect(await getConsoleAccess(session, now)).toMatchObject({ administrator: null });
});

test("strangers who use up the codes to log in as an administrator don't keep the console shut", async () => {
  const { session, userId, phone } = await freshAdministrator();
  const now = new Date();
  const email = freshEmail();
  await write(
    async (tx) => void (await tx.user.update({ where: { id: userId }, data: { email, emailProvenAt: now } })),
  );
  for (const recipient of [phoneRecipient(phone), emailRecipient(email)]) {
    const login = { recipient, purpose: "login" } as const;
    const isSent = () =>
      receiveCodeOf({ ...login, holder: Holder.parse(crypto.randomUUID()) }, now, anybody()).then(Boolean, () => false);
    for (let sent = 0; sent <= SENDS_PER_PHONE_PER_DAY && (await isSent()); sent += 1);
    expect(await isSent()).toBe(false);
  }
  const { resendInMs } = await getCodeStatuses(await consoleCodes(session), anybody(), now);
  expect(resendInMs).toBe(0);
  expect(failureOf(await openConsole(session, await receiveConsoleCodes(session, now), anybody(), now))).toBe("none");
});

test("where no further code may be sent now, the console says how long to wait before the first one", async () => {
  const { session, userId, phone } = await freshAdministrator();
  const [now, requester] = [new Date(), anybody()];
  for (let sent = 0; sent < CONSOLE_SENDS_PER_HOUR; sent += 1) {
    const other = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
    expect(failureOf(await requestConsoleCodes(other, requester, { now }))).toBe("none");
  }
  const other = await openSession({ userId, proven: phoneRecipient(phone) }, anybody());
  expect(failureOf(await requestConsoleCodes(other, requester, { now }))).toBe("budget_spent");
  const { statuses, resendInMs } = await getCodeStatuses(await consoleCodes(session), requester, now);
  expect(statuses.phone).toBeNull();
  expect(resendInMs).toBeGreaterThan(0);
});

test("a session that ended while its codes were typed does not open the console", async () => {
  const { session } = await freshAdministrator();
  const now = new Date();
  const codes = await receiveConsoleCodes(session, now);
  await write(async (tx) => void (await tx.session.delete({ where: { id: session.id } })));
  expect(failureOf(await openConsole(session, codes, anybody(), now))).toBe("session_over");
});

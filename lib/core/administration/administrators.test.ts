import { expect, test } from "playwright/test";
import { listEvents } from "@/lib/core/accounts/history";
import type { Phone } from "@/lib/core/identity/phone";
import { read, write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { freshAdministrator } from "@/lib/testing/administrators";
import { failureOf, freshPhone, signUp } from "@/lib/testing/people";
import { asAdministrator, changeAccount, deleteAccount } from "./accounts";
import { COMMAND_LINE } from "./actor";
import { addAdministrator, isAdministratorPhone, listAdministrators, removeAdministrator } from "./administrators";
import { blockAccount, unblockAccount } from "./block";
import { drawFixedCode, makeTestNumber } from "./test-numbers";

test("an administrator who was added at the machine is one from the next request on, and none after the removal", async () => {
  const { phone, session } = await freshAdministrator();
  expect(failureOf(await addAdministrator(phone))).toBe("administrator_known");
  expect((await listAdministrators()).find((one) => one.phone === phone)?.addedAt).not.toBeNull();
  expect(failureOf(await removeAdministrator(phone))).toBe("none");
  expect(failureOf(await asAdministrator(session))).toBe("not_administrator");
  expect(failureOf(await removeAdministrator(phone))).toBe("administrator_unknown");
});

test("the history of an account says that the command line made it an administrator's", async () => {
  const { userId, phone } = await freshAdministrator();
  await removeAdministrator(phone);
  const { events } = await listEvents(userId);
  const actions = events.map(({ action }) => action);
  expect(actions).toContain("administrator_added");
  expect(actions).toContain("administrator_removed");
  const rows = await read.auditEvent.findMany({ where: { subjectId: userId, actorKind: "command_line" } });
  expect(rows.map(({ actorId }) => actorId)).toEqual([0, 0]);
});

test("a phone that leaves its account, by a deletion or a change, is no administrator's for its next owner", async () => {
  const [deleted, moved] = [await freshAdministrator(), await freshAdministrator()];
  expect(failureOf(await deleteAccount(moved.administrator, { userId: deleted.userId }))).toBe("none");
  expect(await isAdministratorPhone(deleted.phone)).toBe(false);
  const other = await freshAdministrator();
  expect(failureOf(await changeAccount(other.administrator, moved.userId, { phone: freshPhone() }))).toBe("none");
  expect(await isAdministratorPhone(moved.phone)).toBe(false);
  expect(await isAdministratorPhone(other.phone)).toBe(true);
});

test("an administrator of ADMIN_PHONES is removed by the setting alone", async () => {
  const [configured] = env.ADMIN_PHONES;
  expect(failureOf(await removeAdministrator(configured as Phone))).toBe("administrator_configured");
  expect(failureOf(await addAdministrator(configured as Phone))).toBe("administrator_known");
});

test("a phone without an account can be made an administrator's in advance", async () => {
  const phone = freshPhone();
  expect(failureOf(await addAdministrator(phone))).toBe("none");
  await write(async (tx) => void (await tx.administrator.delete({ where: { phone } })));
});

test("neither a blocked administrator nor a test number counts as one who remains", async () => {
  const last = await freshAdministrator();
  await write(async (tx) => {
    await tx.administrator.deleteMany({ where: { phone: { not: last.phone } } });
  });
  const reason = "of a test";
  for (const phone of env.ADMIN_PHONES as Phone[]) {
    const { userId } = await signUp({ phone });
    expect(failureOf(await blockAccount(last.administrator, { userId, reason }))).toBe("none");
  }
  const other = await freshAdministrator();
  expect(failureOf(await blockAccount(last.administrator, { userId: other.userId, reason }))).toBe("none");
  expect(failureOf(await removeAdministrator(last.phone))).toBe("administrator_last");
  expect(await isAdministratorPhone(last.phone)).toBe(true);
  expect(failureOf(await unblockAccount(last.administrator, { userId: other.userId, reason }))).toBe("none");
  expect(failureOf(await removeAdministrator(last.phone))).toBe("none");

  const phone = freshPhone();
  const until = new Date(Date.now() + 60_000);
  await makeTestNumber(COMMAND_LINE, { phone, code: drawFixedCode(), until, note: null });
  // As if ADMIN_PHONES named it.
  await write((tx) => tx.administrator.create({ data: { phone, addedAt: new Date() } }));
  expect(failureOf(await removeAdministrator(other.phone))).toBe("administrator_last");
});

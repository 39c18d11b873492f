import { expect, test } from "playwright/test";
import { listEvents } from "@/lib/core/accounts/history";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { REASON_LENGTH_MAX, RECENT_LOGIN_MS } from "@/lib/core/policy";
import { checkSession } from "@/lib/core/sessions/sessions";
import { freshAdministrator } from "@/lib/testing/administrators";
import { after, anybody, failureOf, openSession, signUp } from "@/lib/testing/people";
import { Reason } from "./acts";
import { endSessions, listSessionsOf } from "./end-sessions";

const reason = "asked by the person";

test("an administrator ends one session of a person, then all, each with one event that has the reason", async () => {
  const { administrator } = await freshAdministrator();
  const { userId, phone } = await signUp();
  const login = { userId, proven: phoneRecipient(phone) };
  const [first, second] = [await openSession(login, anybody()), await openSession(login, anybody())];
  expect((await listSessionsOf(userId)).map(({ id }) => id).sort()).toEqual([first.id, second.id].sort());

  expect(failureOf(await endSessions(administrator, { userId, reason, sessionId: first.id }))).toBe("none");
  expect(await checkSession(first.id)).toBeNull();
  expect(await checkSession(second.id)).not.toBeNull();
  expect(failureOf(await endSessions(administrator, { userId, reason, sessionId: null }))).toBe("none");
  expect(await checkSession(second.id)).toBeNull();
  const { events } = await listEvents(userId);
  const ended = events.filter(({ action }) => action === "sessions_ended");
  expect(ended.map(({ isByAdministrator, details }) => ({ isByAdministrator, details }))).toEqual([
    { isByAdministrator: true, details: { count: 1, reason } },
    { isByAdministrator: true, details: { count: 1, reason } },
  ]);
});

test("a session of another account is not ended by naming it", async () => {
  const { administrator } = await freshAdministrator();
  const [person, other] = [await signUp(), await signUp()];
  const session = await openSession({ userId: other.userId, proven: phoneRecipient(other.phone) }, anybody());
  await endSessions(administrator, { userId: person.userId, reason, sessionId: session.id });
  expect(await checkSession(session.id)).not.toBeNull();
});

test("an act needs a recent code, an account that exists, and another account than the administrator's own", async () => {
  const { administrator, userId: own } = await freshAdministrator();
  const { userId } = await signUp();
  const act = (id: number, now: Date) => endSessions(administrator, { userId: id, reason, sessionId: null }, now);
  const late = after(administrator.verifiedAt, RECENT_LOGIN_MS);
  expect(failureOf(await act(userId, late))).toBe("login_too_old");
  expect(failureOf(await act(own, new Date()))).toBe("account_own");
  expect(failureOf(await act(2 ** 31 - 1, new Date()))).toBe("account_unknown");
  expect((await listEvents(userId)).events.map(({ action }) => action)).not.toContain("sessions_ended");
});

test("a reason is a text of at most its length, without spaces around it", () => {
  expect(Reason.parse("  he asked \n")).toBe("he asked");
  expect(Reason.safeParse(" \n").error?.issues[0]?.message).toBe("reason_missing");
  expect(Reason.safeParse("a".repeat(REASON_LENGTH_MAX + 1)).error?.issues[0]?.message).toBe("reason_too_long");
});

import { expect, _baseTest as test } from "playwright/test";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { changeAccount, deleteAccount } from "@/lib/core/administration/accounts";
import { moveInvitation, undoInvitation } from "@/lib/core/administration/activations";
import { blockAccount, unblockAccount } from "@/lib/core/administration/block";
import { endSessions } from "@/lib/core/administration/end-sessions";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { activateInvite } from "@/lib/core/invites/activation";
import { confirmSignIn, endOtherSession, endOtherSessions } from "@/lib/core/sessions/session-list";
import { endSession, type Session } from "@/lib/core/sessions/sessions";
import { freshAdministrator } from "@/lib/testing/administrators";
import { mirrorAccounts, readAccountsAsMirrored, readEventsAfter } from "@/lib/testing/mirror";
import { anybody, freshPhone, openSession, signUp } from "@/lib/testing/people";

const DEEDS = 400;
const IN_PARALLEL = 12;

test("a system that follows the events alone knows what became of each account, however the deeds ran in parallel", async () => {
  test.slow();
  const { administrator } = await freshAdministrator();
  const { next } = await readEventsAfter(null);
  const people = await Promise.all(Array.from({ length: 12 }, () => signUp()));
  const ids = people.map(({ userId }) => userId);
  const sessions: Session[] = [];
  const draw = (below: number) => Math.floor(Math.random() * below);
  const anyOf = <Item>(items: readonly Item[]): Item => items[draw(items.length)] as Item;
  const isGone = (error: unknown) => (error as Error).constructor.name === "AccountGone";
  const answer = async (deed: (own: Session, other: string) => Promise<unknown>) => {
    const own = sessions.findLast(({ isNew }) => !isNew && draw(3) === 0);
    const other = own && sessions.findLast(({ userId, isNew }) => userId === own.userId && isNew);
    if (own && other) await deed(own, other.id);
  };
  const deeds: (() => Promise<unknown>)[] = [
    async () => {
      const { userId, phone } = anyOf(people);
      // A session that counts as the one that made the account is trusted, and can confirm others.
      const created = draw(2) === 0;
      sessions.push(await openSession({ userId, proven: phoneRecipient(phone), created }, anybody()));
    },
    () => activateInvite({ userId: anyOf(people).userId, code: anyOf(people).inviteCode }),
    async () => sessions.length > 0 && endSession(anyOf(sessions).id),
    async () => sessions.length > 0 && endOtherSessions(anyOf(sessions)),
    () => answer(confirmSignIn),
    () => answer(confirmSignIn),
    () => answer(endOtherSession),
    () => endSessions(administrator, { userId: anyOf(people).userId, reason: "a test", sessionId: null }),
    () => blockAccount(administrator, { userId: anyOf(people).userId, reason: "a test" }),
    () => unblockAccount(administrator, { userId: anyOf(people).userId, reason: "a test" }),
    () => undoInvitation(administrator, { userId: anyOf(people).userId, reason: "a test" }),
    () =>
      moveInvitation(administrator, { userId: anyOf(people).userId, reason: "a test", code: anyOf(people).inviteCode }),
    async () => {
      const [person, phone] = [anyOf(people), freshPhone()];
      if ((await changeAccount(administrator, person.userId, { phone })).ok) person.phone = phone;
    },
    async () => draw(8) === 0 && deleteAccount(administrator, { userId: anyOf(people).userId }),
    async () => draw(8) === 0 && sessions.length > 0 && deleteOwnAccount(anyOf(sessions)),
  ];
  const opening = deeds[0] as (typeof deeds)[number];
  let left = DEEDS;
  const perform = (deed: () => Promise<unknown>) =>
    deed().catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  const work = async () => {
    while (left > 0) {
      left -= 1;
      await perform(draw(3) === 0 ? opening : anyOf(deeds));
    }
  };
  const deletion = () => deleteAccount(administrator, { userId: anyOf(people).userId });
  await Promise.all([...Array.from({ length: IN_PARALLEL }, work), deletion()]);
  // Of the last sessions some are confirmed, so that not all end in the same way.
  const confirm = async ({ userId, phone }: (typeof people)[number]) => {
    const login = { userId, proven: phoneRecipient(phone) };
    const own = await openSession({ ...login, created: true }, anybody());
    await confirmSignIn(own, (await openSession(login, anybody())).id);
    await openSession(login, anybody());
  };
  await Promise.all(people.map((person) => perform(() => confirm(person))));

  const stored = await readAccountsAsMirrored({ id: { in: ids } });
  const follow = async () => {
    const { events } = await readEventsAfter(next);
    return mirrorAccounts(events.filter(({ accountId }) => accountId !== null && ids.includes(accountId)));
  };
  expect(stored.size).toBeLessThan(people.length);
  await expect.poll(follow).toEqual(stored);
});

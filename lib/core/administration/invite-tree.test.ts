import { expect, test } from "playwright/test";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import { maskPhone } from "@/lib/core/identity/masking";
import { activateInvite } from "@/lib/core/invites/activation";
import { write } from "@/lib/db/database";
import { env } from "@/lib/env";
import { freshAdministrator, readEvents } from "@/lib/testing/administrators";
import { signUp } from "@/lib/testing/people";
import { blockAccount } from "./block";
import { INVITEES_OF_INVITEE_SHOWN, INVITEES_SHOWN, INVITERS_SHOWN, idsIn, readInviteTree } from "./invite-tree";
import { readPerson } from "./people";

type Person = Awaited<ReturnType<typeof signUp>>;

/** Signs up people of whom each was invited by the one before. */
async function signUpChain(length: number, first?: Person): Promise<Person[]> {
  const chain = first ? [first] : [await signUp()];
  while (chain.length < length) chain.push(await signUp({ invited: chain.at(-1)?.inviteCode ?? null }));
  return chain;
}

test("a person's inviters are named up to the root, masked, the nearest first", async () => {
  const { administrator } = await freshAdministrator();
  const [root, middle, person] = (await signUpChain(3)) as [Person, Person, Person];
  await blockAccount(administrator, { userId: root.userId, reason: "of a test" });
  const { inviters, hasMoreInviters } = await readInviteTree(administrator, person.userId);
  expect(inviters).toEqual([
    { id: middle.userId, masked: maskPhone(middle.phone), isBlocked: false },
    { id: root.userId, masked: maskPhone(root.phone), isBlocked: true },
  ]);
  expect(hasMoreInviters).toBe(false);
  expect(await readInviteTree(administrator, root.userId)).toMatchObject({ inviters: [], hasMoreInviters: false });
});

test("a long chain of inviters ends at a bound and says that it goes on", async () => {
  const { administrator } = await freshAdministrator();
  const chain = await signUpChain(INVITERS_SHOWN + 2);
  const treeOf = (person?: Person) => readInviteTree(administrator, person?.userId ?? 0);
  expect(await treeOf(chain.at(-1))).toMatchObject({ hasMoreInviters: true });
  const { inviters, hasMoreInviters } = await treeOf(chain.at(-2));
  expect([inviters.length, hasMoreInviters]).toEqual([INVITERS_SHOWN, false]);
});

test("a deleted inviter ends the chain", async () => {
  const { administrator } = await freshAdministrator();
  const [root, middle, person] = (await signUpChain(3)) as [Person, Person, Person];
  await removeAccount({ userId: root.userId, actorId: root.userId, now: new Date() });
  const { inviters } = await readInviteTree(administrator, person.userId);
  expect(inviters.map((one) => one?.id ?? null)).toEqual([middle.userId, null]);
});

test("a person's newest invitees are named two levels down, and all of them are counted", async () => {
  const { administrator } = await freshAdministrator();
  const person = await signUp();
  const invitees: Person[] = [];
  while (invitees.length < INVITEES_SHOWN + 1) invitees.push(await signUp({ invited: person.inviteCode }));
  const [oldest, newest] = [invitees.at(0), invitees.at(-1)] as [Person, Person];
  for (let at = 0; at <= INVITEES_OF_INVITEE_SHOWN; at += 1) await signUp({ invited: newest.inviteCode });
  await signUp({ invited: oldest.inviteCode });
  const tree = await readInviteTree(administrator, person.userId);
  expect(tree.invitees.map(({ id }) => id)).toEqual(
    invitees
      .slice(1)
      .reverse()
      .map(({ userId }) => userId),
  );
  const [first] = tree.invitees;
  expect([first?.referralCount, first?.invitees.length]).toEqual([
    INVITEES_OF_INVITEE_SHOWN + 1,
    INVITEES_OF_INVITEE_SHOWN,
  ]);
  expect(tree.secondLevel).toEqual({ count: INVITEES_OF_INVITEE_SHOWN + 2, isCounted: true });
});

test("activations of this month are counted from its first day in TIME_ZONE", async () => {
  expect(env.TIME_ZONE).toBe("Europe/Moscow");
  const { administrator } = await freshAdministrator();
  const [person, one, other] = [await signUp(), await signUp(), await signUp()];
  for (const { userId } of [one, other]) await activateInvite({ userId, code: person.inviteCode });
  const activate = (userId: number, at: string) =>
    write((tx) => tx.activation.update({ where: { inviteeId: userId }, data: { activatedAt: new Date(at) } }));
  await activate(one.userId, "2026-10-31T20:59:59.999Z");
  await activate(other.userId, "2026-10-31T21:00:00Z");
  const { referralsThisMonth } = await readInviteTree(administrator, person.userId, new Date("2026-11-29T12:00:00Z"));
  expect(referralsThisMonth).toBe(1);
});

test("a look at a person records whose masked phones were shown beside it", async () => {
  const { administrator } = await freshAdministrator();
  const [inviter, person, invitee] = (await signUpChain(3)) as [Person, Person, Person];
  const tree = await readInviteTree(administrator, person.userId);
  await readPerson(administrator, person.userId, { besides: idsIn(tree) });
  expect((await readEvents(person.userId))[0]).toMatchObject({
    action: "account_read",
    details: { ids: [inviter.userId, invitee.userId] },
  });
});

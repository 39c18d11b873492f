import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { AccountGone, getProfile } from "@/lib/core/accounts/accounts";
import { maskPhone } from "@/lib/core/identity/masking";
import { ACTIVATIONS_PER_USER_PER_HOUR, GROWTH_POINTS_MAX } from "@/lib/core/policy";
import { read, write } from "@/lib/db/database";
import { anybody, failureOf, signUp } from "@/lib/testing/people";
import { activateInvite } from "./activation";
import { drawInviteCode, type InviteCode } from "./invite-code";
import { getInvite, previewInvite } from "./look-up";
import { listReferrals, listReferralTimes, ReferralCursor } from "./referrals";

test("both accounts see an activation, and the inviter's number is masked", async () => {
  const [inviter, invitee] = [await signUp(), await signUp()];
  const now = new Date();
  expect(await activateInvite({ userId: invitee.userId, code: inviter.inviteCode }, now)).toEqual({
    ok: true,
    value: { code: inviter.inviteCode, inviter: maskPhone(inviter.phone) },
  });
  expect(await getProfile(invitee.userId)).toMatchObject({
    activated: { code: inviter.inviteCode, inviter: maskPhone(inviter.phone), activatedAt: now },
  });
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 1 });
  expect(await listReferrals(inviter.userId)).toEqual({
    referrals: [{ userId: invitee.userId, phone: invitee.phone, masked: maskPhone(invitee.phone), activatedAt: now }],
    next: null,
  });
});

test("refusals come in the order of the rules: already activated, unknown, own, circle", async () => {
  const [first, second, third] = [await signUp(), await signUp(), await signUp()];
  const act = async (person: { userId: number }, code: InviteCode) => {
    const previewed = failureOf(await previewInvite({ userId: person.userId, code }, anybody()));
    const answered = failureOf(await activateInvite({ userId: person.userId, code }));
    expect(previewed).toBe(answered);
    return answered;
  };
  expect(await act(first, drawInviteCode())).toBe("invite_unknown");
  expect(await act(first, first.inviteCode)).toBe("invite_own");
  expect(await act(second, first.inviteCode)).toBe("none");
  expect(await act(third, second.inviteCode)).toBe("none");
  expect(await act(first, second.inviteCode)).toBe("invite_circular");
  expect(await act(first, third.inviteCode)).toBe("invite_circular");
  for (const code of [drawInviteCode(), second.inviteCode, first.inviteCode, third.inviteCode]) {
    expect(await act(second, code)).toBe("invite_already_activated");
  }
});

test("of 20 parallel activations by one account one succeeds, and one inviter counts it", async () => {
  const invitee = await signUp();
  const inviters = await Promise.all(Array.from({ length: 20 }, () => signUp()));
  const results = await Promise.all(
    inviters.map(({ inviteCode }) => activateInvite({ userId: invitee.userId, code: inviteCode })),
  );
  expect(results.filter((result) => result.ok)).toHaveLength(1);
  const failures = results.map(failureOf);
  const [compared, tooMany] = [ACTIVATIONS_PER_USER_PER_HOUR, 20 - ACTIVATIONS_PER_USER_PER_HOUR];
  expect(failures.filter((name) => name === "invite_already_activated")).toHaveLength(compared - 1);
  expect(failures.filter((name) => name === "budget_spent")).toHaveLength(tooMany);
  const profiles = await Promise.all(inviters.map(({ userId }) => getProfile(userId)));
  expect(profiles.reduce((sum, profile) => sum + (profile?.referralCount ?? 0), 0)).toBe(1);
});

test("of twenty accounts that activate one code in parallel, all are counted", async () => {
  const inviter = await signUp();
  const invitees = await Promise.all(Array.from({ length: 20 }, () => signUp()));
  await Promise.all(invitees.map(({ userId }) => activateInvite({ userId, code: inviter.inviteCode })));
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 20 });
});

test("two accounts that activate each other's code in parallel don't make a circle", async () => {
  const [one, other] = [await signUp(), await signUp()];
  const results = await Promise.all([
    activateInvite({ userId: one.userId, code: other.inviteCode }),
    activateInvite({ userId: other.userId, code: one.inviteCode }),
  ]);
  expect(results.map(failureOf).sort()).toEqual(["invite_circular", "none"]);
});

test("the database itself refuses a second activation", async () => {
  const [inviter, invitee] = [await signUp(), await signUp()];
  const activation = {
    inviteeId: invitee.userId,
    inviterId: inviter.userId,
    code: inviter.inviteCode,
    activatedAt: new Date(),
  };
  await write((tx) => tx.activation.create({ data: activation }));
  await expect(write((tx) => tx.activation.create({ data: activation }))).rejects.toMatchObject({ code: "P2002" });
});

test("no sequence of activations makes a circle, and the counters equal the number of referrals", async () => {
  test.slow();
  const TOWN = 6;
  const attempt = fc.tuple(fc.nat(TOWN - 1), fc.nat(TOWN - 1));
  await fc.assert(
    fc.asyncProperty(fc.array(attempt, { maxLength: 14 }), async (attempts) => {
      const town = await Promise.all(Array.from({ length: TOWN }, () => signUp()));
      const inviterOf = new Map<number, number>();
      for (const [inviteeAt, inviterAt] of attempts) {
        const [invitee, inviter] = [town[inviteeAt], town[inviterAt]];
        if (!invitee || !inviter) throw new Error("an account is missing");
        const climb = [inviter.userId];
        for (let above = inviterOf.get(inviter.userId); above; above = inviterOf.get(above)) climb.push(above);
        const expected = inviterOf.has(invitee.userId)
          ? "invite_already_activated"
          : invitee === inviter
            ? "invite_own"
            : climb.includes(invitee.userId)
              ? "invite_circular"
              : "none";
        const result = await activateInvite({ userId: invitee.userId, code: inviter.inviteCode });
        expect(failureOf(result)).toBe(expected);
        if (result.ok) inviterOf.set(invitee.userId, inviter.userId);
      }
      for (const { userId } of town) {
        const brought = [...inviterOf.values()].filter((inviterId) => inviterId === userId).length;
        expect(await getProfile(userId)).toMatchObject({ referralCount: brought });
      }
    }),
    { numRuns: 15 },
  );
});

test("a circle of any length is refused", async () => {
  const chain = [await signUp()];
  for (let length = 1; length < 40; length += 1)
    chain.push(await signUp({ invited: chain.at(-1)?.inviteCode ?? null }));
  const [first, last] = [chain[0], chain.at(-1)];
  if (!first || !last) throw new Error("an account is missing");
  expect(failureOf(await activateInvite({ userId: first.userId, code: last.inviteCode }))).toBe("invite_circular");
});

test("pages of referrals list each referral once, the newest first, even if new ones come between two pages", async () => {
  const inviter = await signUp();
  const start = Date.now();
  const arrive = (minute: number) => signUp({ invited: inviter.inviteCode, now: new Date(start + minute * 60_000) });
  // Two of them have the same time, at the border of two pages.
  const phones = [];
  for (const minute of [0, 1, 2, 2, 3, 4, 5]) phones.push((await arrive(minute)).phone);
  const seen: (string | null)[] = [];
  let after: ReferralCursor | null = null;
  do {
    const page: Awaited<ReturnType<typeof listReferrals>> = await listReferrals(inviter.userId, { after, limit: 4 });
    seen.push(...page.referrals.map(({ phone }) => phone));
    after = page.next;
    await arrive(10);
  } while (after);
  expect(seen).toEqual(phones.toReversed());
});

test("the chart of growth has the newest referrals, the oldest of them first, and a limited number of them", async () => {
  const inviter = await signUp();
  const start = Date.now();
  const data = Array.from({ length: GROWTH_POINTS_MAX + 5 }, (_, at) => ({
    phone: `growth-${inviter.userId}-${at}`,
    inviteCode: `growth-${inviter.userId}-${at}`,
    createdAt: new Date(start),
  }));
  await write(async (tx) => {
    for (const [at, invitee] of data.entries()) {
      const { id } = await tx.user.create({ data: invitee });
      await tx.activation.create({
        data: { inviteeId: id, inviterId: inviter.userId, code: inviter.inviteCode, activatedAt: new Date(start + at) },
      });
    }
  });
  const times = await listReferralTimes(inviter.userId);
  expect(times.map((time) => time.getTime() - start)).toEqual(
    Array.from({ length: GROWTH_POINTS_MAX }, (_, at) => at + 5),
  );
});

test("the code of a deleted inviter is unknown, and still shown by the accounts that activated it", async () => {
  const inviter = await signUp();
  const invitee = await signUp({ invited: inviter.inviteCode });
  await write((tx) => tx.user.delete({ where: { id: inviter.userId } }));
  expect(await getInvite(inviter.inviteCode, anybody())).toEqual({ ok: false, failure: { name: "invite_unknown" } });
  expect(await getProfile(invitee.userId)).toMatchObject({ activated: { code: inviter.inviteCode, inviter: null } });
  expect(await read.activation.findUnique({ where: { inviteeId: invitee.userId } })).toMatchObject({ inviterId: null });
});

test("an account that was deleted in the meantime can't activate a code", async () => {
  const inviter = await signUp();
  const { userId } = await signUp();
  await write((tx) => tx.user.delete({ where: { id: userId } }));
  await expect(activateInvite({ userId, code: inviter.inviteCode })).rejects.toThrow(AccountGone);
  expect(await getProfile(inviter.userId)).toMatchObject({ referralCount: 0 });
});

test("a forged cursor is malformed, or begins somewhere", async () => {
  const { userId } = await signUp();
  for (const forged of ["999999999999999-1", "253402300800000-1", "1-2147483648"]) {
    expect(ReferralCursor.safeDecode(forged).success, forged).toBe(false);
  }
  for (const text of ["0-0", "253402300799999-2147483647"]) {
    const after = ReferralCursor.decode(text);
    expect(await listReferrals(userId, { after }), text).toMatchObject({ referrals: [] });
  }
});

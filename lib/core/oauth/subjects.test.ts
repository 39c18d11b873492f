import { expect, _baseTest as test } from "playwright/test";
import { deleteOwnAccount } from "@/lib/core/accounts/delete-account";
import { readPrimary, write } from "@/lib/db/database";
import { freshClient, freshSession } from "@/lib/testing/oauth";
import { signUp } from "@/lib/testing/people";
import { getPairwiseSubject } from "./subjects";

test("an application knows an account by one identifier, and two applications by different ones", async () => {
  const [one, other] = [(await freshClient()).client.id, (await freshClient()).client.id];
  const { userId } = await signUp();
  const asked = await Promise.all(Array.from({ length: 8 }, () => getPairwiseSubject({ userId, clientId: one })));
  expect(new Set(asked).size).toBe(1);
  expect(asked[0]).toMatch(/^[\w-]{43}$/);
  const stranger = await signUp();
  const identifiers = [
    asked[0],
    await getPairwiseSubject({ userId, clientId: other }),
    await getPairwiseSubject({ userId: stranger.userId, clientId: one }),
  ];
  expect(new Set(identifiers).size).toBe(3);
});

test("the identifiers depend on the stored subject alone, so that they move with it", async () => {
  const clientId = (await freshClient()).client.id;
  const { userId } = await signUp();
  const identifier = await getPairwiseSubject({ userId, clientId });
  const { subject } = await readPrimary.user.findUniqueOrThrow({ where: { id: userId } });
  const moved = await signUp();
  await write(async (tx) => {
    await tx.user.update({ where: { id: userId }, data: { subject: null } });
    await tx.user.update({ where: { id: moved.userId }, data: { subject } });
  });
  expect(await getPairwiseSubject({ userId: moved.userId, clientId })).toBe(identifier);
  expect(await getPairwiseSubject({ userId, clientId })).not.toBe(identifier);
});

test("a deleted account has no identifier", async () => {
  const clientId = (await freshClient()).client.id;
  const { userId, session } = await freshSession();
  await deleteOwnAccount(session);
  expect(await getPairwiseSubject({ userId, clientId })).toBeNull();
});

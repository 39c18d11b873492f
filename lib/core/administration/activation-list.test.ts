import { expect, _baseTest as test } from "playwright/test";
import type { Result } from "@/lib/core/result";
import { readPrimary, write } from "@/lib/db/database";
import { failureOf, signUp } from "@/lib/testing/people";
import { findActivations } from "./activation-list";
import { moveInvitation, undoInvitation } from "./activations";
import type { ApiKeyActor } from "./actor";
import type { ListCursor } from "./list";
import { findManagedAccount } from "./managed-accounts";

const reason = "for a test";

async function freshKey(): Promise<ApiKeyActor> {
  const data = { name: "a test", keyHash: crypto.randomUUID(), hint: "sk_", scopes: "", madeAt: new Date() };
  const { id: keyId } = await write((tx) => tx.apiKey.create({ data }));
  return { kind: "api_key", keyId };
}

test("pages of activations list each one once, also many of one time, between two moments and of one inviter", async () => {
  const [inviter, another] = [await signUp(), await signUp()];
  const start = Date.now() + 1_000_000_000;
  const at = (minute: number) => new Date(start + minute * 60_000);
  const invitees: number[] = [];
  // Most have one time, as after an import.
  for (const minute of [0, 1, 1, 1, 1, 2]) {
    invitees.push((await signUp({ invited: inviter.inviteCode, now: at(minute) })).userId);
    await signUp({ invited: another.inviteCode, now: at(minute) });
  }
  const read = async (filter: Parameters<typeof findActivations>[0]) => {
    const seen: Awaited<ReturnType<typeof findActivations>>["rows"] = [];
    let cursor: ListCursor | null = null;
    do {
      const page: Awaited<ReturnType<typeof findActivations>> = await findActivations(filter, cursor, 2);
      seen.push(...page.rows);
      cursor = page.next;
    } while (cursor);
    return seen;
  };
  const idsOf = (rows: { id: number }[]) => rows.map(({ id }) => id);
  const own = await read({ inviter: inviter.userId });
  expect(idsOf(own)).toEqual(invitees.toReversed());
  expect(own[0]).toEqual({
    ...{ id: invitees.at(-1), at: at(2), inviterId: inviter.userId, code: inviter.inviteCode, isTest: false },
  });
  const range = { from: at(1), to: at(2) };
  expect(idsOf(await read({ inviter: inviter.userId, ...range }))).toEqual(invitees.slice(1, 5).toReversed());
  const all = await read(range);
  expect([all.length, new Set(idsOf(all)).size]).toEqual([8, 8]);
  expect(all.every((row) => row.at.getTime() === at(1).getTime())).toBe(true);
});

test("of two backends that move the activation which both have read, the second is told that it changed", async () => {
  const [actor, inviter, one, other] = [await freshKey(), await signUp(), await signUp(), await signUp()];
  const { userId } = await signUp({ invited: inviter.inviteCode });
  const find = () => readPrimary.activation.findUniqueOrThrow({ where: { inviteeId: userId } });
  const read = async () => (await findManagedAccount(userId))?.version ?? "";
  const versions = [await read()];
  const moved: Result<null, { name: string }>[] = await Promise.all(
    [one, other].map(({ inviteCode: code }) => moveInvitation(actor, { userId, reason, code, versions })),
  );
  expect(moved.map(failureOf).sort()).toEqual(["none", "version_changed"]);
  const after = await find();
  expect([one.userId, other.userId]).toContain(after.inviterId);
  expect(failureOf(await undoInvitation(actor, { userId, reason, versions }))).toBe("version_changed");
  expect(await find()).toEqual(after);
  const now = [await read()];
  expect(failureOf(await undoInvitation(actor, { userId, reason, versions: now }))).toBe("none");
});

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { AccountGone } from "@/lib/core/accounts/accounts";
import { removeAccount } from "@/lib/core/accounts/remove-account";
import { readPrimary } from "@/lib/db/database";
import { failureOf, signUp } from "@/lib/testing/people";
import { activateInvite } from "./activation";
import type { InviteCode } from "./invite-code";

/** Activates, in parallel, each code that it gets as a line of input, as another server of the same database would. */
const NEIGHBOUR = `
  import { createInterface } from "node:readline";
  import { activateInvite } from "@/lib/core/invites/activation";
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const { at, asked } = JSON.parse(line);
    activateInvite(asked).then(
      (activated) => console.log(JSON.stringify({ at, outcome: activated.ok ? "none" : activated.failure.name })),
      (error) => console.log(JSON.stringify({ at, outcome: error.name })),
    );
  }`;

type Asked = { userId: number; code: InviteCode };

/** Starts another process with the same database, and returns a function that has it activate a code. */
async function startOtherProcess() {
  const child: ChildProcess = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "--eval", NEIGHBOUR], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error("the other process has no standard streams");
  const waiting = new Map<number, (outcome: string) => void>();
  const lines = createInterface({ input: stdout });
  await once(lines, "line");
  lines.on("line", (line) => {
    const { at, outcome } = JSON.parse(line);
    waiting.get(at)?.(outcome);
  });
  let asks = 0;
  const activate = (asked: Asked) =>
    new Promise<string>((resolve) => {
      asks += 1;
      waiting.set(asks, resolve);
      stdin.write(`${JSON.stringify({ at: asks, asked })}\n`);
    });
  const stop = async () => {
    stdin.end();
    await once(child, "exit");
  };
  return { activate, stop };
}

async function activateHere(asked: Asked): Promise<string> {
  try {
    return failureOf(await activateInvite(asked));
  } catch (error) {
    if (error instanceof AccountGone) return error.name;
    throw error;
  }
}

const Ring = fc.integer({ min: 2, max: 6 }).chain((size) =>
  fc.record({
    size: fc.constant(size),
    /** Which of them ask the other process. */
    elsewhere: fc.array(fc.boolean(), { minLength: size, maxLength: size }),
    /** How many accounts have activated the next one's code before, so that some have referrals. */
    before: fc.integer({ min: 0, max: size - 2 }),
    /** Which account is deleted at the same time. */
    leaving: fc.option(fc.integer({ min: 0, max: size - 1 })),
  }),
);

test("parallel activations in two processes never make a circle, and every referral is counted", async () => {
  test.slow();
  const neighbour = await startOtherProcess();
  try {
    await fc.assert(
      fc.asyncProperty(Ring, async ({ size, elsewhere, before, leaving }) => {
        const people: Awaited<ReturnType<typeof signUp>>[] = [];
        while (people.length < size) people.push(await signUp());
        const asks = people.map(({ userId }, at) => ({
          userId,
          code: people[(at + 1) % size]?.inviteCode as InviteCode,
        }));
        for (const asked of asks.slice(0, before)) expect(await activateHere(asked)).toBe("none");
        const removed = leaving === null ? undefined : people[leaving];
        const [outcomes] = await Promise.all([
          Promise.all(
            asks.slice(before).map((asked, at) => (elsewhere[at] ? neighbour.activate : activateHere)(asked)),
          ),
          removed && removeAccount({ userId: removed.userId, actorId: removed.userId, now: new Date() }),
        ]);
        const expected = ["none", "invite_circular", "invite_unknown", "AccountGone"];
        expect(outcomes.filter((outcome) => !expected.includes(outcome))).toEqual([]);
        if (!removed) expect(outcomes.filter((outcome) => outcome === "invite_circular")).toHaveLength(1);
        const ids = people.map(({ userId }) => userId);
        const links = await readPrimary.activation.findMany({ where: { inviteeId: { in: ids } } });
        expect(links.length).toBeLessThan(size);
        const counts = await readPrimary.user.findMany({
          where: { id: { in: ids } },
          select: { id: true, referralCount: true },
        });
        for (const { id, referralCount } of counts) {
          expect(referralCount).toBe(links.filter(({ inviterId }) => inviterId === id).length);
        }
      }),
      { numRuns: 25 },
    );
  } finally {
    await neighbour.stop();
  }
});

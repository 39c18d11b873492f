import type { Requester } from "@/lib/core/identity/requester";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Writer, write } from "@/lib/db/database";
import { type CodeStatus, getCodeStatus } from "./code-status";
import type { ChallengeKey, TypedCode } from "./one-time-code";
import { type RequestCodeFailure, requestCode, type SendingOptions } from "./request-code";
import { consumeChallenge, refundAttempt, type VerifiedCode, type VerifyCodeFailure, verifyCode } from "./verify-code";

/** Two codes that are asked for, and typed, together, by their names in the form. */
type Pair<Name extends string, Value> = Record<Name, Value>;

/**
 * Sends the codes, each when the one before was accepted. One whose time has not come is left out while the last one is good.
 */
export async function requestCodes(
  owners: readonly ChallengeKey[],
  requester: Requester,
  options: SendingOptions,
): Promise<Result<null, RequestCodeFailure>> {
  for (const owner of owners) {
    const sent = await requestCode(owner, requester, options);
    if (sent.ok) continue;
    const isGood = (await getCodeStatus(owner, requester, options.now))?.state === "live";
    if (!isGood || sent.failure.name === "code_not_sent") return sent;
  }
  return succeed(null);
}

/**
 * How things stand with the codes, null is one that was not sent; and how many milliseconds until new ones may be asked for:
 * until all that are dead can be replaced, for a good one is left out; or where all are good, the first of them.
 */
export async function getCodes<Name extends string>(
  owners: Pair<Name, ChallengeKey>,
  requester: Requester,
  now: Date,
): Promise<{ statuses: Pair<Name, CodeStatus | null>; resendInMs: number }> {
  const entries = await Promise.all(
    namesOf(owners).map(async (name) => [name, await getCodeStatus(owners[name], requester, now)] as const),
  );
  const all = entries.map(([, status]) => status);
  const dead = all.filter((status) => status?.state !== "live");
  const resendInMs =
    dead.length > 0
      ? Math.max(...dead.map((status) => status?.resendInMs ?? 0))
      : Math.min(...all.map((status) => status?.resendInMs ?? 0));
  return { statuses: Object.fromEntries(entries) as Pair<Name, CodeStatus | null>, resendInMs };
}

/**
 * Checks the codes that were typed, as `verifyCode` does. Fails with `code_refused`, which says of each whether it is right
 * (null) or why not; the right ones are no tries then.
 */
export async function verifyCodes<Name extends string>(
  owners: Pair<Name, ChallengeKey>,
  typed: Pair<Name, TypedCode>,
  requester: Requester,
  now: Date,
): Promise<Result<Pair<Name, VerifiedCode>, { name: "code_refused"; refused: Pair<Name, VerifyCodeFailure | null> }>> {
  const checked: [Name, Awaited<ReturnType<typeof verifyCode>>][] = [];
  for (const name of namesOf(owners)) checked.push([name, await verifyCode(owners[name], typed[name], requester, now)]);
  const rights = checked.flatMap(([name, one]) => (one.ok ? [[name, one.value] as const] : []));
  if (rights.length === checked.length) return succeed(Object.fromEntries(rights) as Pair<Name, VerifiedCode>);
  await write(async (tx) => {
    for (const [, right] of rights) await refundAttempt(tx, right);
  });
  const refused = checked.map(([name, one]) => [name, one.ok ? null : one.failure]);
  return fail({ name: "code_refused", refused: Object.fromEntries(refused) as Pair<Name, VerifyCodeFailure | null> });
}

/** Uses the right codes up, and says whether all were still there to be used. */
export async function consumeCodes(tx: Writer, rights: Pair<string, VerifiedCode>, now: Date): Promise<boolean> {
  let isUsed = true;
  for (const right of Object.values(rights)) {
    await refundAttempt(tx, right);
    isUsed = isUsed && (await consumeChallenge(tx, right, now));
  }
  return isUsed;
}

const namesOf = <Name extends string>(pair: Pair<Name, unknown>) => Object.keys(pair) as Name[];

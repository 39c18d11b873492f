import type { Requester } from "@/lib/core/identity/requester";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Writer, write } from "@/lib/db/database";
import { type CodeStatus, getCodeStatus, getFirstWaitMs } from "./code-status";
import type { ChallengeKey, TypedCode } from "./one-time-code";
import { type RequestCodeFailure, requestCode, type SendingOptions } from "./request-code";
import { consumeChallenge, refundAttempt, type VerifiedCode, type VerifyCodeFailure, verifyCode } from "./verify-code";

// The two codes that one form asks for have names, such as `old` and `new`, which are the keys of each record below.

/**
 * Sends the codes one after the other. Skips a code that is refused, by its resend wait or a limit, if the last code of its
 * challenge is live. Stops at the first other failure of `requestCode` and returns it.
 */
export async function requestCodes(
  keys: readonly ChallengeKey[],
  requester: Requester,
  options: SendingOptions,
): Promise<Result<null, RequestCodeFailure>> {
  for (const key of keys) {
    const sent = await requestCode(key, requester, options);
    if (sent.ok) continue;
    const isGood = (await getCodeStatus(key, requester, options.now))?.state === "live";
    if (!isGood || sent.failure.name === "code_not_sent") return sent;
  }
  return succeed(null);
}

/**
 * Returns the status of each code (null if never sent), and in how many milliseconds new codes can be requested. The wait ends
 * when all codes that are not live can be replaced. If all codes are live, it ends when the first one can be replaced.
 */
export async function getCodeStatuses<Name extends string>(
  keys: Record<Name, ChallengeKey>,
  requester: Requester,
  now = new Date(),
): Promise<{ statuses: Record<Name, CodeStatus | null>; resendInMs: number }> {
  const entries = await Promise.all(
    namesOf(keys).map(async (name) => [name, await getCodeStatus(keys[name], requester, now)] as const),
  );
  const waits = await Promise.all(
    entries.map(([name, status]) => status?.resendInMs ?? getFirstWaitMs(keys[name], requester, now)),
  );
  const deadWaits = waits.filter((_, at) => entries[at]?.[1]?.state !== "live");
  const resendInMs = deadWaits.length > 0 ? Math.max(...deadWaits) : Math.min(...waits);
  return { statuses: Object.fromEntries(entries) as Record<Name, CodeStatus | null>, resendInMs };
}

/**
 * Verifies both codes as `verifyCode` does. If a code is not right, refunds the attempts of right codes and fails with
 * `code_refused`. `refused` has, for each code, its failure, or null if the code was right.
 */
export async function verifyCodes<Name extends string>(
  keys: Record<Name, ChallengeKey>,
  typed: Record<Name, TypedCode>,
  requester: Requester,
  now: Date,
): Promise<
  Result<Record<Name, VerifiedCode>, { name: "code_refused"; refused: Record<Name, VerifyCodeFailure | null> }>
> {
  const checked: [Name, Awaited<ReturnType<typeof verifyCode>>][] = [];
  for (const name of namesOf(keys)) checked.push([name, await verifyCode(keys[name], typed[name], requester, now)]);
  const verified = checked.flatMap(([name, one]) => (one.ok ? [[name, one.value] as const] : []));
  if (verified.length === checked.length) return succeed(Object.fromEntries(verified) as Record<Name, VerifiedCode>);
  await write(async (tx) => {
    for (const [, code] of verified) await refundAttempt(tx, code);
  });
  const refused = checked.map(([name, one]) => [name, one.ok ? null : one.failure]);
  return fail({ name: "code_refused", refused: Object.fromEntries(refused) as Record<Name, VerifyCodeFailure | null> });
}

/** Marks both codes as used and refunds their attempts. Returns whether both could still be used. */
export async function consumeCodes(tx: Writer, verified: Record<string, VerifiedCode>, now: Date): Promise<boolean> {
  let isUsed = true;
  for (const code of Object.values(verified)) {
    await refundAttempt(tx, code);
    isUsed = isUsed && (await consumeChallenge(tx, code, now));
  }
  return isUsed;
}

const namesOf = <Name extends string>(pair: Record<Name, unknown>) => Object.keys(pair) as Name[];

import { lockAccount } from "@/lib/core/accounts/accounts";
import { resetSendLimits } from "@/lib/core/challenges/send-limits";
import type { Email } from "@/lib/core/identity/email";
import type { Phone } from "@/lib/core/identity/phone";
import { emailRecipient, phoneRecipient } from "@/lib/core/identity/recipient";
import { RESEND_AFTER_MS } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { write } from "@/lib/db/database";
import type { Administrator } from "./accounts";
import { type Act, type ActFailure, findActFailure, recordAct } from "./acts";

/**
 * Lets a person request a code now: ends the wait after their last codes, and starts the limits of codes to their phone and
 * mailbox again, also those of the networks and browsers that the account or its last codes came from. Limits of wrong codes
 * stay, because they protect the account. Fails with an `ActFailure`.
 */
export async function liftLimits(
  administrator: Administrator,
  act: Act,
  now = new Date(),
): Promise<Result<null, ActFailure>> {
  const failure = findActFailure(administrator, act.userId, now);
  if (failure) return fail(failure);
  const { userId } = act;
  const latestSentAt = new Date(now.getTime() - (RESEND_AFTER_MS[0] ?? 0));
  return write(async (tx): Promise<Result<null, ActFailure>> => {
    const user = await tx.user.findUnique({ where: { id: userId }, select: { phone: true, email: true } });
    const recipients = [
      user?.phone ? phoneRecipient(user.phone as Phone) : [],
      user?.email ? emailRecipient(user.email as Email) : [],
    ].flat();
    const toThem = { recipient: { in: recipients.map(({ address }) => address) } };
    // The schedule goes on after its first code, so that the next code is offered to another sender if the last was not delivered.
    await tx.challenge.updateMany({ where: { ...toThem, sends: { gt: 1 } }, data: { sends: 1 } });
    await tx.challenge.updateMany({
      where: { ...toThem, sentAt: { gt: latestSentAt } },
      data: { sentAt: latestSentAt },
    });
    const requesters = [
      ...(await tx.session.findMany({ where: { userId }, select: { network: true, browserId: true } })),
      ...(await tx.challenge.findMany({ where: toThem, select: { network: true } })),
    ];
    const trusted = await tx.trustedBrowser.findMany({ where: { userId }, select: { browserId: true } });
    const known = (names: (string | null | undefined)[]) => [...new Set(names.filter((name) => name != null))].sort();
    const networks = known(requesters.map(({ network }) => network));
    const browserIds = known([...requesters, ...trusted].map((one) => ("browserId" in one ? one.browserId : null)));
    for (const recipient of recipients) resetSendLimits(tx, recipient, { networks, browserIds });
    if (!(await lockAccount(tx, userId))) return fail({ name: "account_unknown" });
    recordAct(tx, administrator, act, { action: "limits_lifted", now });
    return succeed(null);
  });
}

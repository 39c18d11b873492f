import type { Reader, Writer } from "@/lib/db/database";
import { KNOWN_BROWSER_TTL_MS } from "./policy";
import { sweep } from "./sweeping";

/** A browser, by the random name in its sealed cookie, and an account; null is a browser that has no name. */
interface Trust {
  userId: number;
  browserId: string | null;
}

/** Has the account take the browser for its own for `KNOWN_BROWSER_TTL_MS`. One without a name can't be told again. */
export async function trustBrowser(tx: Writer, { userId, browserId }: Trust, now: Date): Promise<void> {
  if (browserId === null) return;
  await tx.trustedBrowser.upsert({
    where: { userId_browserId: { userId, browserId } },
    create: { userId, browserId, at: now },
    update: { at: now },
  });
}

/** Whether the account takes any browser for its own, logged in or not. */
export async function hasTrustedBrowser(db: Reader, userId: number, now: Date): Promise<boolean> {
  const where = { userId, at: { gt: new Date(now.getTime() - KNOWN_BROWSER_TTL_MS) } };
  return (await db.trustedBrowser.findFirst({ where, select: { browserId: true } })) !== null;
}

/** Whether the account takes the browser for its own; if so, it does for as long again. */
export async function renewTrust(tx: Writer, { userId, browserId }: Trust, now: Date): Promise<boolean> {
  if (browserId === null) return false;
  const where = { userId, browserId, at: { gt: trustEndedAt(now) } };
  const { count } = await tx.trustedBrowser.updateMany({ where, data: { at: now } });
  return count > 0;
}

/** Forgets the browsers that have not logged in for too long. */
export function sweepTrustedBrowsers(now: Date): Promise<void> {
  return sweep("trusted browsers", (tx) => tx.trustedBrowser.deleteMany({ where: { at: { lte: trustEndedAt(now) } } }));
}

/** When a browser logged in last that is not trusted any more, since it has not come again. */
function trustEndedAt(now: Date): Date {
  return new Date(now.getTime() - KNOWN_BROWSER_TTL_MS);
}

import { KNOWN_BROWSER_TTL_MS } from "@/lib/core/policy";
import { type Queries, statement, type Transaction } from "@/lib/db/database";

/** An account, and the random name in the sealed cookie of a browser; null for a browser without a name. */
type AccountBrowser = { userId: number; browserId: string | null };

const TRUST_BROWSER = statement({
  params: { userId: "integer", browserId: "text", now: "time" },
  sql: `
    INSERT INTO "TrustedBrowser" ("userId", "browserId", "at") VALUES (:userId, :browserId, :now)
    ON CONFLICT ("userId", "browserId") DO UPDATE SET "at" = excluded."at"`,
});

/**
 * Stores that the account trusts the browser for `KNOWN_BROWSER_TTL_MS` from now on. Does nothing for a browser without a name,
 * because the account can't recognise it again.
 */
export function trustDevice(tx: Transaction, { userId, browserId }: AccountBrowser, now: Date): void {
  if (browserId !== null) tx.queue(TRUST_BROWSER, { userId, browserId, now });
}

const FIND_TRUSTED_BROWSER = statement({
  params: { userId: "integer", trustedSince: "time" },
  row: { browserId: "text" },
  sql: `SELECT "browserId" FROM "TrustedBrowser" WHERE "userId" = :userId AND "at" > :trustedSince LIMIT 1`,
});

/** Returns whether the account trusts any browser, logged in or not. */
export async function hasTrustedBrowser(db: Queries, userId: number, now: Date): Promise<boolean> {
  return (await db.get(FIND_TRUSTED_BROWSER, { userId, trustedSince: trustedSince(now) })) !== undefined;
}

const RENEW_TRUST = statement({
  params: { userId: "integer", browserId: "text", now: "time", trustedSince: "time" },
  sql: `
    UPDATE "TrustedBrowser" SET "at" = :now
    WHERE "userId" = :userId AND "browserId" = :browserId AND "at" > :trustedSince`,
});

/** Returns whether the account trusts the browser and, if so, extends the trust by `KNOWN_BROWSER_TTL_MS`. */
export async function renewTrust(tx: Transaction, { userId, browserId }: AccountBrowser, now: Date): Promise<boolean> {
  if (browserId === null) return false;
  return (await tx.run(RENEW_TRUST, { userId, browserId, now, trustedSince: trustedSince(now) })) > 0;
}

function trustedSince(now: Date): Date {
  return new Date(now.getTime() - KNOWN_BROWSER_TTL_MS);
}

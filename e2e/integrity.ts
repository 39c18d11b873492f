import { expect } from "playwright/test";
import { type Query, withDatabase } from "./databases";

/** States that must never exist: a sentence and a query for each. */
const NEVER = {
  "a counter that is not the number of rows it counts": `
    SELECT "id", "referralCount" FROM "User" u
    WHERE "referralCount" <> (SELECT count(*) FROM "Activation" a WHERE a."inviterId" = u."id")`,
  "an activation of another code than its inviter's": `
    SELECT a."inviteeId", a."code", u."inviteCode" FROM "Activation" a JOIN "User" u ON u."id" = a."inviterId"
    WHERE a."code" <> u."inviteCode"`,
  "an activation by nobody": `
    SELECT "inviteeId" FROM "Activation" WHERE "inviteeId" NOT IN (SELECT "id" FROM "User")`,
  "a session of nobody": `
    SELECT "id" FROM "Session" WHERE "userId" NOT IN (SELECT "id" FROM "User")`,
} as const;

/** Expects a database without forbidden states, after any requests and interruptions. */
export async function expectWhole(databaseUrl: string): Promise<void> {
  await withDatabase(databaseUrl, async (query) => {
    for (const [sentence, sql] of Object.entries(NEVER)) expect(await query(sql), sentence).toEqual([]);
    expect(await findCircle(query), "a circle of invitations").toBeNull();
    if (databaseUrl.startsWith("file:")) {
      expect(await query("PRAGMA integrity_check")).toEqual([{ integrity_check: "ok" }]);
      expect(await query("PRAGMA foreign_key_check")).toEqual([]);
    }
  });
}

/** Returns the accounts of a circle of activations, or null. */
async function findCircle(query: Query): Promise<number[] | null> {
  const rows = await query<{ inviteeId: number; inviterId: number }>(
    `SELECT "inviteeId", "inviterId" FROM "Activation" WHERE "inviterId" IS NOT NULL`,
  );
  const inviters = new Map(rows.map(({ inviteeId, inviterId }) => [inviteeId, inviterId]));
  const harmless = new Set<number>();
  for (const start of inviters.keys()) {
    const way: number[] = [];
    for (let at: number | undefined = start; at !== undefined && !harmless.has(at); at = inviters.get(at)) {
      if (way.includes(at)) return way.slice(way.indexOf(at));
      way.push(at);
    }
    for (const passed of way) harmless.add(passed);
  }
  return null;
}

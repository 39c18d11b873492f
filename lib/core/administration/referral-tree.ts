import { type Masked, maskIdentity } from "@/lib/core/identity/masking";
import { listReferrals, type ReferralCursor } from "@/lib/core/invites/referrals";
import type { SignalState } from "@/lib/core/invites/signals";
import { readPrimary } from "@/lib/db/database";
import type { Administrator } from "./actor";
import { ROWS_PER_PAGE } from "./list";
import { recordListing } from "./people";
import { findSignalMarks } from "./signal-list";

/** How many accounts of a tree can be expanded at a time. */
export const EXPANDED_MAX = 10;
/** How many invitees an expanded account shows. */
const INVITEES_OF_EXPANDED_MAX = 20;

/** An account of a tree. `referralCount` is the number of all invitees. */
export interface TreePerson {
  id: number;
  masked: Masked;
  referralCount: number;
  mark: SignalState | null;
}

/**
 * An account with the invitees that the tree shows; `invitees` is null if the account is not expanded. `hasMore` says that it has
 * further ones.
 */
export interface TreeNode extends TreePerson {
  activatedAt: Date;
  invitees: TreeNode[] | null;
  hasMore: boolean;
}

/** An account and a page of its invitees, the newest first. */
export interface Tree {
  person: TreePerson;
  invitees: TreeNode[];
  next: ReferralCursor | null;
}

/**
 * Returns the tree below an account: a page of its invitees, and for each account of `expanded` its own invitees. Returns null if
 * there is no such account. Accounts of test numbers are left out. Records that the accounts were listed.
 */
export async function readTree(
  administrator: Administrator,
  userId: number,
  { after = null, expanded = [] }: { after?: ReferralCursor | null; expanded?: readonly number[] } = {},
  now = new Date(),
): Promise<Tree | null> {
  const { referrals, next } = await listReferrals(userId, { after, limit: ROWS_PER_PAGE });
  const below = await Promise.all(
    expanded
      .slice(0, EXPANDED_MAX)
      .map(async (id) => [id, await listReferrals(id, { limit: INVITEES_OF_EXPANDED_MAX })] as const),
  );
  const shown = [...referrals, ...below.flatMap(([, page]) => page.referrals)].map((referral) => referral.userId);
  const people = await findPeople(userId, shown);
  const person = people.get(userId);
  if (!person) return null;
  await recordListing(administrator, [...people.keys()], now);
  const pageOf = new Map(below);
  const nodesOf = (page: typeof referrals, above: readonly number[]): TreeNode[] =>
    page.flatMap(({ userId: id, activatedAt }) => {
      const found = people.get(id);
      // Expands no account below itself, not even if the rows of activations had a circle.
      const opened = above.includes(id) ? undefined : pageOf.get(id);
      const invitees = opened ? nodesOf(opened.referrals, [...above, id]) : null;
      return found ? [{ ...found, activatedAt, invitees, hasMore: opened !== undefined && opened.next !== null }] : [];
    });
  return { person, invitees: nodesOf(referrals, [userId]), next };
}

/** Returns these accounts by their ids, without those of test numbers below the root. */
async function findPeople(rootId: number, ids: readonly number[]): Promise<Map<number, TreePerson>> {
  const unique = [...new Set([rootId, ...ids])];
  const [rows, marks] = await Promise.all([
    readPrimary.user.findMany({
      where: { id: { in: unique }, OR: [{ isTest: false }, { id: rootId }] },
      select: { id: true, phone: true, claimedPhone: true, email: true, referralCount: true },
    }),
    findSignalMarks(unique),
  ]);
  return new Map(
    rows.map(({ id, phone, claimedPhone, email, referralCount }) => {
      const masked = maskIdentity({ phone: phone ?? claimedPhone, email });
      return [id, { id, masked, referralCount, mark: marks.get(id) ?? null }];
    }),
  );
}

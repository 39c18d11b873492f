import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import type { InviteTree } from "@/lib/core/administration/invite-tree";
import { PersonLink } from "../../person-link";

/**
 * The inviters of a person, the nearest first, up to the root. If there are more than are shown, the list ends with a link to the
 * page of the last one.
 */
export async function InviterChain({ inviters, hasMoreInviters }: Pick<InviteTree, "inviters" | "hasMoreInviters">) {
  const t = await getTranslations("admin.person");
  const last = inviters.at(-1);
  return (
    <ol className="flex flex-wrap items-center gap-x-2">
      {inviters.map((inviter) => (
        <li className="flex items-center gap-x-2" key={inviter?.id ?? "deleted"}>
          {inviter ? <PersonLink {...inviter} /> : t("deletedInviter")}
          <span aria-hidden="true">→</span>
        </li>
      ))}
      <li>
        {hasMoreInviters && last ? (
          <Link className="link" href={`/admin/people/${last.id}` as Route} prefetch={false}>
            {t("furtherUp")}
          </Link>
        ) : (
          t("root")
        )}
      </li>
    </ol>
  );
}

/** The newest people whom a person invited, with the newest of those whom they invited, and links to the lists of all. */
export async function InviteesCard({
  userId,
  referralCount,
  tree: { invitees, secondLevel },
}: {
  userId: number;
  referralCount: number;
  tree: InviteTree;
}) {
  const t = await getTranslations("admin.person");
  return (
    <section aria-labelledby="invitees" className="rounded-card border border-line bg-card p-5">
      <h2 className="text-large" id="invitees">
        {t("invitees")}
      </h2>
      <p className="mt-2 text-small text-soft">
        {t("levels", { first: referralCount, second: secondLevel.count, isCounted: String(secondLevel.isCounted) })}
      </p>
      <ul className="mt-2">
        {invitees.map(({ referralCount: count, invitees: below, ...invitee }) => (
          <li className="border-line border-b py-1 last:border-b-0" key={invitee.id}>
            <PersonLink {...invitee} />
            {below.length > 0 && (
              <ul className="ml-2 flex flex-wrap gap-x-5 border-line border-l pl-4">
                {below.map((one) => (
                  <li key={one.id}>
                    <PersonLink {...one} />
                  </li>
                ))}
                {count > below.length && (
                  <li>
                    <ListLink count={count} inviterId={invitee.id} />
                  </li>
                )}
              </ul>
            )}
          </li>
        ))}
      </ul>
      <p className="flex flex-wrap gap-x-6">
        {referralCount > invitees.length && <ListLink count={referralCount} inviterId={userId} />}
        <Link className="link text-small" href={`/admin/referrals/${userId}`} prefetch={false}>
          {t("tree")}
        </Link>
      </p>
    </section>
  );
}

/** A link to the list of all people whom one account invited. */
async function ListLink({ inviterId, count }: { inviterId: number; count: number }) {
  const t = await getTranslations("admin.person");
  return (
    <Link className="link text-small" href={`/admin/people?inviter=${inviterId}` as Route} prefetch={false}>
      {t("allInvitees", { count })}
    </Link>
  );
}

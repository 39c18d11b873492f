import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { Moment } from "@/components/moment";
import { EXPANDED_MAX, readTree, type TreeNode } from "@/lib/core/administration/referral-tree";
import { AccountId } from "@/lib/core/administration/search";
import { ReferralCursor } from "@/lib/core/invites/referrals";
import { describeConsolePage, renderConsolePage } from "../../console-page";
import { PersonLink } from "../../person-link";

type PageOptions = PageProps<"/admin/referrals/[id]">;

export async function generateMetadata() {
  const t = await getTranslations("admin.tree");
  return describeConsolePage(t("title"));
}

/** The address of the tree below an account, with these accounts expanded. */
function pathOf({ id, after, expanded }: { id: number; after: ReferralCursor | null; expanded: readonly number[] }) {
  const query = new URLSearchParams({
    ...(after && { after: ReferralCursor.encode(after) }),
    ...(expanded.length > 0 && { open: expanded.join(".") }),
  });
  return query.size === 0 ? (`/admin/referrals/${id}` as const) : (`/admin/referrals/${id}?${query}` as const);
}

/** Whom an account invited. A link expands an invitee, whose own invitees then stand below it. */
export default async function TreePage({ params, searchParams }: PageOptions) {
  const [{ id: typedId }, query] = await Promise.all([params, searchParams]);
  const id = AccountId.safeParse(typedId).data ?? 0;
  const after = ReferralCursor.safeDecode(String(query.after ?? "")).data ?? null;
  const ids = String(query.open ?? "").split(".");
  const expanded = ids.flatMap((one) => AccountId.safeParse(one).data ?? []).slice(0, EXPANDED_MAX);
  const path = pathOf({ id, after, expanded });
  return renderConsolePage({ section: "referrals", path }, async ({ administrator }) => {
    const [t, list, tree] = await Promise.all([
      getTranslations("admin.tree"),
      getTranslations("admin.list"),
      readTree(administrator, id, { after, expanded }),
    ]);
    if (!tree) return null;
    const { person, invitees, next } = tree;
    const toggled = (node: number) => {
      const others = expanded.filter((one) => one !== node);
      const all = others.length < expanded.length ? others : [...expanded, node].slice(-EXPANDED_MAX);
      return `${pathOf({ id, after, expanded: all })}#of-${node}` as Route;
    };
    return (
      <>
        <h1>{t("title")}</h1>
        <p className="mt-3 flex flex-wrap items-center gap-x-2 font-semibold">
          <PersonLink id={person.id} mark={person.mark} masked={person.masked} />
        </p>
        <p className="mt-1 mb-5 text-soft">{t("lead", { count: person.referralCount })}</p>
        <Level nodes={invitees} toggled={toggled} />
        <div className="mt-4 flex flex-wrap gap-x-6">
          {next && (
            <Link className="link" href={pathOf({ id, after: next, expanded: [] }) as Route} prefetch={false}>
              {list("older")}
            </Link>
          )}
          {after && (
            <Link className="link" href={`/admin/referrals/${id}`} prefetch={false}>
              {list("newest")}
            </Link>
          )}
          <Link className="link" href="/admin/referrals">
            {t("back")}
          </Link>
        </div>
      </>
    );
  });
}

async function Level({ nodes, toggled }: { nodes: readonly TreeNode[]; toggled: (id: number) => Route }) {
  const t = await getTranslations("admin.tree");
  return (
    <ul>
      {nodes.map(({ invitees, hasMore, activatedAt, ...person }) => (
        <li className="py-1" id={`of-${person.id}`} key={person.id}>
          <span className="flex flex-wrap items-center gap-x-3">
            <PersonLink id={person.id} mark={person.mark} masked={person.masked} />
            <span className="text-small text-soft">
              <Moment at={activatedAt} isExact />
            </span>
            {person.referralCount > 0 && (
              <Link className="link text-small" href={toggled(person.id)} prefetch={false}>
                {invitees ? t("collapse") : t("expand", { count: person.referralCount })}
              </Link>
            )}
          </span>
          {invitees && (
            <div className="ml-1 border-line border-l pl-4 sm:ml-3">
              <Level nodes={invitees} toggled={toggled} />
              {hasMore && (
                <Link className="link text-small" href={`/admin/referrals/${person.id}`} prefetch={false}>
                  {t("own", { count: person.referralCount })}
                </Link>
              )}
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}

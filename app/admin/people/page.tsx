import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { MaskedIdentity } from "@/components/masked-identity";
import { listPeople } from "@/lib/core/administration/people";
import { AccountId } from "@/lib/core/administration/search";
import { maskIdentity } from "@/lib/core/identity/masking";
import { describeConsolePage, renderConsolePage } from "../console-page";
import { DoneNotice } from "./[id]/acts-card";

export async function generateMetadata() {
  const t = await getTranslations("admin.people");
  return describeConsolePage(t("title"));
}

/** The accounts that a search found. Their ids are in the address, and never what was typed. */
export default async function PeoplePage({ searchParams }: PageProps<"/admin/people">) {
  const { found, done } = await searchParams;
  return renderConsolePage({ section: "people", path: "/admin/people" }, async ({ administrator }) => {
    const [t, people] = await Promise.all([
      getTranslations("admin.people"),
      listPeople(administrator, found === undefined ? [] : readIds(String(found))),
    ]);
    return (
      <>
        <DoneNotice done={done} />
        <h1>{t("title")}</h1>
        <p aria-live="polite" className="mt-3 mb-6 text-soft">
          {found === undefined ? t("lead") : t("found", { count: people.length })}
        </p>
        {people.length > 0 && (
          <ul className="border-line border-t">
            {people.map(({ id, phone, claimedPhone, email, inviteCode }) => (
              <li className="flex flex-wrap justify-between gap-x-6 border-line border-b py-3" key={id}>
                <Link className="link" href={`/admin/people/${id}`}>
                  <MaskedIdentity masked={maskIdentity({ phone: phone ?? claimedPhone, email })} />
                </Link>
                <span className="text-soft tabular-nums">
                  {inviteCode} · {t("id", { id })}
                </span>
              </li>
            ))}
          </ul>
        )}
      </>
    );
  });
}

const readIds = (text: string) => text.split(".").flatMap((id) => AccountId.safeParse(id).data ?? []);

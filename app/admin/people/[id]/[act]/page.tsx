import type { Route } from "next";
import { getTranslations } from "next-intl/server";
import { ActPage } from "@/app/admin/act-page";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import { LimitNote } from "@/app/admin/limit-note";
import { SignalReasons } from "@/app/admin/signal-words";
import { MaskedIdentity } from "@/components/masked-identity";
import { shownPhone } from "@/lib/core/accounts/accounts";
import { readPerson } from "@/lib/core/administration/people";
import { AccountId } from "@/lib/core/administration/search";
import { listSignalsOf, versionOf } from "@/lib/core/administration/signal-list";
import { maskIdentity } from "@/lib/core/identity/masking";
import { ActName, fieldsOf, TAKING_ACTS } from "../acts";
import { performOnPerson } from "./actions";

type PageOptions = PageProps<"/admin/people/[id]/[act]">;

async function readPage({ params }: Pick<PageOptions, "params">) {
  const { id, act } = await params;
  const [userId, name] = [AccountId.safeParse(id).data, ActName.safeParse(act).data];
  return userId === undefined || name === undefined ? null : { userId, name };
}

export async function generateMetadata(options: PageOptions) {
  const [t, page] = await Promise.all([getTranslations("admin"), readPage(options)]);
  return describeConsolePage(page ? t(`acts.${page.name}.title`) : t("title"));
}

/** The page of one act on a person: what will happen, and the form that does it. */
export default async function PersonActPage(options: PageOptions) {
  const page = await readPage(options);
  const path = page ? (`/admin/people/${page.userId}/${page.name}` as const) : "/admin/people";
  return renderConsolePage({ section: "people", path }, async (open) => {
    const found = page && (await readPerson(open.administrator, page.userId));
    if (!page || !found) return null;
    if (!found.ok) {
      const { failure } = found;
      return failure.name === "budget_spent" ? <LimitNote of="looks" retryAfterMs={failure.retryAfterMs} /> : null;
    }
    const { userId, name } = page;
    const [t, act, signals] = await Promise.all([
      getTranslations(`admin.acts.${name}`),
      getTranslations("admin.act"),
      name === "review-signals" ? listSignalsOf(userId) : [],
    ]);
    return (
      <ActPage
        action={performOnPerson}
        back={{ href: `/admin/people/${userId}` as Route, label: act("back") }}
        fields={await fieldsOf(name, userId)}
        hidden={{ id: String(userId), act: name, version: versionOf(signals) }}
        open={open}
        path={path}
        submit={t("submit")}
        takesAway={TAKING_ACTS.includes(name)}
        title={t("title")}
      >
        <p className="text-ink">
          <MaskedIdentity masked={maskIdentity({ phone: shownPhone(found.value), email: found.value.email })} />
        </p>
        {signals.length > 0 && <SignalReasons signals={signals} />}
        <p>{t("lead")}</p>
      </ActPage>
    );
  });
}

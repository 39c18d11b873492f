import { getTranslations } from "next-intl/server";
import { ScopeList } from "@/app/oauth/scope-list";
import { Moment } from "@/components/moment";
import { type Consent, listConsents } from "@/lib/core/oauth/consents";
import type { Session } from "@/lib/core/sessions/sessions";
import { withdrawAccess } from "./actions";

/** Lists the applications that the account allows to learn something, and buttons to withdraw that; nothing if there are none. */
export async function Applications({ session: { userId } }: { session: Session }) {
  const [t, consents] = await Promise.all([getTranslations("consents"), listConsents(userId)]);
  if (consents.length === 0) return null;
  return (
    <section aria-labelledby="applications" className="min-w-0">
      <h2 id="applications">{t("title")}</h2>
      <p className="mt-2 text-small text-soft">{t("lead")}</p>
      <ul className="mt-4 border-t border-line">
        {consents.map((consent) => (
          <ApplicationRow consent={consent} key={consent.clientId} />
        ))}
      </ul>
    </section>
  );
}

async function ApplicationRow({ consent: { clientId, name, scopes, givenAt, loggedInAt } }: { consent: Consent }) {
  const t = await getTranslations("consents");
  const moment = (at: Date) => () => <Moment at={at} isExact />;
  return (
    <li className="flex items-start justify-between gap-x-4 border-b border-line py-4">
      <div className="min-w-0">
        <p className="break-words font-semibold">{name}</p>
        <div className="mt-1 text-small">
          <p>{t("learns")}</p>
          <ScopeList scopes={scopes} />
        </div>
        <p className="mt-1 text-small text-soft">{t.rich("givenAt", { time: moment(givenAt) })}</p>
        {loggedInAt && <p className="text-small text-soft">{t.rich("loggedInAt", { time: moment(loggedInAt) })}</p>}
      </div>
      <form action={withdrawAccess} className="-mt-2 shrink-0">
        <input name="client" type="hidden" value={clientId} />
        <button aria-label={t("withdrawNamed", { application: name })} className="link text-small" type="submit">
          {t("withdraw")}
        </button>
      </form>
    </li>
  );
}

import type { Metadata } from "next";
import Link from "next/link";
import { getFormatter, getTranslations } from "next-intl/server";
import { Moment } from "@/components/moment";
import { requireSession } from "@/lib/auth/required-session";
import { type AccountEvent, EventCursor, listEvents } from "@/lib/core/accounts/history";
import { readScopes } from "@/lib/core/oauth/scopes";
import { AUDIT_EVENTS_KEPT_MS } from "@/lib/core/policy";
import { deviceName } from "@/lib/core/sessions/user-agent";
import { DelayedChanges } from "../delayed-changes";

const DAY_MS = 24 * 60 * 60 * 1000;

export async function generateMetadata(): Promise<Metadata> {
  const t = await getTranslations("history");
  return { title: t("title"), robots: { index: false } };
}

/** Shows the audit events of the account, the latest first, in pages. */
export default async function HistoryPage({ searchParams }: PageProps<"/account/history">) {
  const session = await requireSession("/account/history");
  const before = EventCursor.safeParse((await searchParams).before).data ?? null;
  const [t, { events, next }, describeEvent] = await Promise.all([
    getTranslations("history"),
    listEvents(session.userId, { before }),
    eventDescriber(),
  ]);
  return (
    <div className="mx-auto max-w-[640px]">
      <DelayedChanges />
      <Link className="link text-small" href="/account">
        {t("back")}
      </Link>
      <h1 className="mt-2">{t("title")}</h1>
      <p className="mt-3 mb-6 text-soft">{t("lead", { days: Math.ceil(AUDIT_EVENTS_KEPT_MS / DAY_MS) })}</p>
      {events.length === 0 && <p className="text-soft">{t("empty")}</p>}
      {events.length > 0 && (
        <ul className="border-t border-line">
          {events.map((event, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes while the page is shown.
            <li className="flex flex-wrap justify-between gap-x-4 border-b border-line py-3.5" key={at}>
              <span className="min-w-0 break-words">{describeEvent(event)}</span>
              <span className="text-soft">
                <Moment at={event.at} isExact />
              </span>
            </li>
          ))}
        </ul>
      )}
      <div className="mt-4 flex flex-wrap gap-x-6 text-small">
        {next !== null && (
          <Link className="link" href={{ pathname: "/account/history", query: { before: next } }}>
            {t("older")}
          </Link>
        )}
        {before !== null && (
          <Link className="link" href="/account/history">
            {t("newest")}
          </Link>
        )}
      </div>
    </div>
  );
}

/** Returns a function that describes an audit event in a sentence in the page's language. */
async function eventDescriber(): Promise<(event: AccountEvent) => string> {
  const [t, words, scopeWords, format] = await Promise.all([
    getTranslations("history"),
    getTranslations("device"),
    getTranslations("consents.scope"),
    getFormatter(),
  ]);
  return ({ action, isByAdministrator, details }) => {
    const device = details.device ? deviceName(details.device, words) : words("unknown");
    const was = details.isAdded ? "added" : "changed";
    switch (action) {
      case "account_created":
        return t("account_created", { by: isByAdministrator ? "administrator" : "owner" });
      case "account_changed": {
        const [first, second] = details.fields ?? [];
        return t("account_changed", { what: second ? "both" : (first ?? "nothing") });
      }
      case "test_number_used":
        return t("test_number_used", { device });
      case "signed_in":
        return t("signed_in", { isNew: details.isNew ? "yes" : "no", device });
      case "session_ended":
        return t(details.isTokenReused ? "token_reused" : "session_ended", { device });
      case "device_confirmed":
        return t("device_confirmed", { device });
      case "sessions_ended":
        return t("sessions_ended", { by: isByAdministrator ? "administrator" : "owner", count: details.count ?? 0 });
      case "phone_changed":
      case "email_changed":
        return t(action, { was });
      case "device_rejected":
        return t("device_rejected", { device });
      case "change_requested":
        return t("change_requested", { what: details.what ?? "other", device });
      case "change_cancelled":
      case "change_dropped":
        return t(action, { what: details.what ?? "other" });
      case "consent_given": {
        const scopes = readScopes((details.scopes ?? []).join(" ")).map((scope) => scopeWords(scope));
        return t("consent_given", { application: details.clientName ?? "", scopes: format.list(scopes) });
      }
      case "consent_withdrawn":
        return t("consent_withdrawn", { application: details.clientName ?? "" });
      case "application_token_reused":
        return t("application_token_reused", { application: details.clientName ?? "" });
      case "account_imported":
      case "account_read":
      case "invite_activated":
      case "invite_moved":
      case "invite_reversed":
      case "limits_lifted":
      case "account_blocked":
      case "account_unblocked":
      case "data_exported":
      case "console_opened":
      case "identity_shown":
      case "administrator_added":
      case "administrator_removed":
      case "sender_tried":
        return t(action);
      default:
        return t("other");
    }
  };
}

import type { Route } from "next";
import Link from "next/link";
import { getFormatter, getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { formatCursor, type TimelineCursor, type TimelineEntry } from "@/lib/core/administration/timeline";
import { TEST_NUMBER_SENDER } from "@/lib/core/challenges/fixed-code";
import { deviceName } from "@/lib/core/sessions/user-agent";

const BAD_STATES = ["undelivered", "failed", "refused"];
const GOOD_ACTIONS = ["signed_in", "invite_activated", "account_created"];

/** What happened, the newest first. `path` is the page's own address, for the link to earlier entries. */
export async function TimelineList({
  entries,
  next,
  isFirst,
  path,
}: {
  entries: TimelineEntry[];
  next: TimelineCursor | null;
  isFirst: boolean;
  path: string;
}) {
  const t = await getTranslations("admin.timeline");
  const describe = await entryDescriber();
  return (
    <section aria-labelledby="timeline" className="rounded-card border border-line bg-card p-5">
      <h2 className="text-large" id="timeline">
        {t("title")}
      </h2>
      {entries.length === 0 && <p className="mt-3 text-soft">{t("empty")}</p>}
      <ol className="mt-3">
        {entries.map((entry, at) => {
          const { mark, title, details } = describe(entry);
          return (
            <li
              className="grid grid-cols-[minmax(0,1fr)] gap-x-4 border-line border-b py-3 last:border-b-0 sm:grid-cols-[9rem_minmax(0,1fr)]"
              // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes while the page is shown.
              key={at}
            >
              <span className="text-small text-soft tabular-nums">
                <ConsoleMoment at={entry.at} />
              </span>
              <div className="min-w-0 break-words">
                <p>
                  <span
                    aria-hidden="true"
                    className={`mr-2 inline-block size-2 rounded-full align-middle ${mark === "bad" ? "bg-red" : mark === "good" ? "bg-green" : "bg-edge"}`}
                  />
                  {title}
                </p>
                {details.map((detail) => (
                  <p className="text-small text-soft" key={detail}>
                    {detail}
                  </p>
                ))}
              </div>
            </li>
          );
        })}
      </ol>
      <p className="mt-3 flex flex-wrap gap-x-6 text-small empty:hidden">
        {next && (
          <Link className="link" href={`${path}?from=${formatCursor(next)}` as Route} prefetch={false}>
            {t("earlier")}
          </Link>
        )}
        {!isFirst && (
          <Link className="link" href={path as Route} prefetch={false}>
            {t("newest")}
          </Link>
        )}
      </p>
    </section>
  );
}

interface Described {
  mark: "good" | "bad" | "neutral";
  title: ReactNode;
  details: string[];
}

/** Returns a function that describes an entry in the page's language. */
async function entryDescriber(): Promise<(entry: TimelineEntry) => Described> {
  const [t, device, format] = await Promise.all([
    getTranslations("admin.timeline"),
    getTranslations("device"),
    getFormatter(),
  ]);
  const join = (parts: (string | null)[]) => parts.filter((part) => part !== null).join(" · ");
  return (entry) => {
    if (entry.kind === "wrong_code") {
      const { digits, network } = entry;
      return { mark: "bad", title: t("wrongCode", { digits, network }), details: [] };
    }
    if (entry.kind === "event") {
      const { action, actorKind, details, count } = entry;
      const isKnown = t.has(`events.${action}` as never);
      const name = details.device ? deviceName(details.device, device) : null;
      return {
        mark: GOOD_ACTIONS.includes(action) ? "good" : "neutral",
        title: join([
          isKnown ? t(`events.${action as "signed_in"}`, { count, sessions: details.count ?? 0 }) : action,
          name,
          details.isNew ? t("isNew") : null,
        ]),
        details: actorKind === "person" ? [] : [t(`actors.${actorKind}`)],
      };
    }
    const { refusal, senders, network, requestId, purpose, digits } = entry;
    const asked = join([
      purpose && t.has(`purposes.${purpose}` as never) ? t(`purposes.${purpose as "login"}`) : null,
      digits === null ? null : t("digits", { digits }),
      entry.device && deviceName(entry.device, device),
      network && t("network", { network }),
      requestId && t("request", { id: requestId }),
    ]);
    if (refusal !== null) {
      const isKnown = t.has(`refusals.${refusal}` as never);
      const reason = isKnown ? t(`refusals.${refusal as "resend_too_early"}`) : refusal;
      return { mark: "bad", title: <strong>{t("refused", { reason })}</strong>, details: [asked] };
    }
    if (senders[0]?.sender === TEST_NUMBER_SENDER) return { mark: "neutral", title: t("fixedCode"), details: [asked] };
    const lines = senders.map(({ sender, state, reason, cost, currency, providerId, reportedAfterMs }) =>
      join([
        sender,
        t.has(`states.${state}` as never) ? t(`states.${state as "accepted"}`) : state,
        reason,
        reportedAfterMs === null ? null : t("after", { seconds: Math.round(reportedAfterMs / 1000) }),
        cost === null ? null : currency ? format.number(cost, { style: "currency", currency }) : format.number(cost),
        providerId && t("message", { id: providerId }),
      ]),
    );
    const state = senders.at(-1)?.state ?? "";
    const isBad = BAD_STATES.includes(state);
    const title = t(isBad ? "notDelivered" : state === "delivered" ? "delivered" : "sent");
    return {
      mark: isBad ? "bad" : state === "delivered" ? "good" : "neutral",
      title: isBad ? <strong>{title}</strong> : title,
      details: [...lines, asked],
    };
  };
}

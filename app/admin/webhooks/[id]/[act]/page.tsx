import type { Route } from "next";
import { getFormatter, getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { ActPage } from "@/app/admin/act-page";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import {
  countWebhookDeliveries,
  findWebhookDelivery,
  type WebhookDelivery,
} from "@/lib/core/events/webhook-deliveries";
import { findWebhookEndpoint, type WebhookEndpoint } from "@/lib/core/events/webhook-endpoints";
import { EVENTS_KEPT_MS, WEBHOOK_DELIVERIES_COUNTED_MAX, WEBHOOK_SECRET_OVERLAP_MS } from "@/lib/core/policy";
import { env } from "@/lib/env";
import { actOnEndpoint } from "../../actions";
import { type DeliveryFilter, deliveriesOf, endpointAddress, readDeliveryFilter } from "../../delivery-filter";
import { ActName, DeliveryId, TAKING_ACTS } from "../../endpoint-acts";
import { EndpointId, endpointFields } from "../../endpoint-form";

type PageOptions = PageProps<"/admin/webhooks/[id]/[act]">;

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

async function readPage({ params }: Pick<PageOptions, "params">) {
  const given = await params;
  const [id, act] = [EndpointId.safeParse(given.id).data, ActName.safeParse(given.act).data];
  return id === undefined || act === undefined ? null : { id, act };
}

export async function generateMetadata(options: PageOptions) {
  const [t, page] = await Promise.all([getTranslations("admin.webhooks"), readPage(options)]);
  return describeConsolePage(page ? t(`${page.act}.title`) : t("title"));
}

/** The page of one act on an endpoint: what will happen, and the form that does it. */
export default async function EndpointActPage(options: PageOptions) {
  const [page, query] = await Promise.all([readPage(options), options.searchParams]);
  const { filter } = readDeliveryFilter(query);
  const delivery = DeliveryId.safeParse(query.delivery).data;
  const chosen = delivery === undefined ? filter : { delivery };
  const path = page ? endpointAddress(page.id, page.act === "replay" ? chosen : {}, `/${page.act}`) : "/admin/webhooks";
  return renderConsolePage({ section: "webhooks", path }, async (open) => {
    const endpoint = page && (await findWebhookEndpoint(page.id));
    if (!page || !endpoint) return null;
    const { id, act } = page;
    const t = await getTranslations("admin.webhooks");
    const replay = act === "replay" ? await describeReplay(endpoint, filter, delivery) : null;
    if (act === "replay" && !replay) return null;
    const days = EVENTS_KEPT_MS / DAY_MS;
    const hours = WEBHOOK_SECRET_OVERLAP_MS / HOUR_MS;
    return (
      <ActPage
        action={actOnEndpoint}
        back={{ href: endpointAddress(id) as Route, label: t("backToOne") }}
        fields={act === "change" ? await endpointFields(endpoint) : []}
        hidden={{ id, act, version: String(endpoint.version), ...replay?.hidden }}
        open={open}
        path={path}
        submit={replay?.submit ?? t(`${act as Exclude<ActName, "replay">}.submit`)}
        takesAway={TAKING_ACTS.includes(act)}
        title={t(`${act}.title`)}
      >
        <p className="break-all text-ink">{endpoint.url}</p>
        {replay?.content}
        <p>{t(`${act}.lead`, { days, hours })}</p>
      </ActPage>
    );
  });
}

/** Returns what a replay sends again, in words, and the fields that name it; null if it names a delivery that there is not. */
async function describeReplay(
  endpoint: WebhookEndpoint,
  filter: DeliveryFilter,
  deliveryId: string | undefined,
): Promise<{ content: ReactNode; submit: string; hidden: Record<string, string> } | null> {
  const [t, format] = await Promise.all([getTranslations("admin.webhooks"), getFormatter()]);
  const paused = endpoint.state !== "active" && <p>{t("replay.isPaused")}</p>;
  if (deliveryId !== undefined) {
    const delivery: WebhookDelivery | null = await findWebhookDelivery(endpoint.id, deliveryId);
    if (!delivery) return null;
    const content = (
      <>
        <p className="text-ink">{t("replay.one", { type: delivery.type })}</p>
        {paused}
      </>
    );
    return { content, submit: t("replay.submit", { count: 1 }), hidden: { delivery: deliveryId } };
  }
  const max = WEBHOOK_DELIVERIES_COUNTED_MAX;
  const { count, isMore } = await countWebhookDeliveries({ endpointId: endpoint.id, ...deliveriesOf(filter) });
  const { from, until } = deliveriesOf(filter);
  const timeOf = (at: Date) => format.dateTime(at, { timeZone: env.TIME_ZONE, dateStyle: "long", timeStyle: "short" });
  const parts = [
    filter.from && from && `${t("deliveries.from")} ${timeOf(from)}`,
    until && `${t("deliveries.until")} ${timeOf(until)}`,
    filter.state && t(`deliveries.filterStates.${filter.state}`),
    filter.type,
  ].filter(Boolean);
  const content = (
    <>
      <p className="text-ink">{isMore ? t("replay.countMore", { count }) : t("replay.count", { count })}</p>
      {parts.length > 0 && (
        <p>
          {t("replay.filter")}: {parts.join(" · ")}
        </p>
      )}
      {paused}
    </>
  );
  const submit = isMore ? t("replay.submitMore", { count: Math.min(count, max) }) : t("replay.submit", { count });
  const hidden = Object.fromEntries(Object.entries(filter).filter((entry): entry is [string, string] => !!entry[1]));
  return { content, submit, hidden };
}

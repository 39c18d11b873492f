import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import { type Column, ConsoleTable } from "@/app/admin/console-table";
import { FactList } from "@/app/admin/fact-list";
import { findWebhookDelivery, listWebhookAttempts, type WebhookAttempt } from "@/lib/core/events/webhook-deliveries";
import { findWebhookEndpoint } from "@/lib/core/events/webhook-endpoints";
import { endpointAddress } from "../../../delivery-filter";
import { DeliveryId } from "../../../endpoint-acts";
import { EndpointId } from "../../../endpoint-form";
import { DeliveryState } from "../../../endpoint-words";

export async function generateMetadata() {
  const t = await getTranslations("admin.webhooks.delivery");
  return describeConsolePage(t("title"));
}

/** One delivery of an event to an endpoint, with all attempts. */
export default async function WebhookDeliveryPage({ params }: PageProps<"/admin/webhooks/[id]/deliveries/[delivery]">) {
  const given = await params;
  const [id, deliveryId] = [EndpointId.safeParse(given.id).data, DeliveryId.safeParse(given.delivery).data];
  const path = id && deliveryId ? endpointAddress(id, {}, `/deliveries/${deliveryId}`) : "/admin/webhooks";
  return renderConsolePage({ section: "webhooks", path }, async () => {
    if (!id || !deliveryId) return null;
    const [endpoint, delivery] = await Promise.all([findWebhookEndpoint(id), findWebhookDelivery(id, deliveryId)]);
    if (!endpoint || !delivery) return null;
    const [t, words, attempts] = await Promise.all([
      getTranslations("admin.webhooks"),
      getTranslations("admin.webhooks.typeWords"),
      listWebhookAttempts(deliveryId, { seesPhones: true }),
    ]);
    const { accountId, eventId, nextAt, isUnderWay } = delivery;
    const facts = [
      { label: t("url"), value: <span className="break-all">{endpoint.url}</span> },
      { label: t("deliveries.at"), value: <ConsoleMoment at={delivery.at} /> },
      { label: t("deliveries.type"), value: words(delivery.type) },
      {
        label: t("deliveries.account"),
        value: accountId && (
          <Link className="link" href={`/admin/people/${accountId}`} prefetch={false}>
            {accountId}
          </Link>
        ),
      },
      { label: t("delivery.event"), value: eventId && <code>{eventId}</code> },
      { label: t("delivery.id"), value: <code className="break-all">{delivery.id}</code> },
      { label: t("deliveries.state"), value: <DeliveryState delivery={delivery} /> },
      {
        label: t("deliveries.next"),
        value: isUnderWay ? t("deliveries.underWay") : nextAt && <ConsoleMoment at={nextAt} />,
      },
    ];
    return (
      <>
        <p className="mb-2">
          <Link className="link" href={endpointAddress(id)}>
            {t("backToOne")}
          </Link>
        </p>
        <h1 className="break-words">
          {t("delivery.title")} <code>{delivery.type}</code>
        </h1>
        <div className="mt-5">
          <FactList facts={facts} />
        </div>
        <p className="mt-5 flex">
          <Link
            className="button-quiet w-auto px-4"
            href={endpointAddress(id, { delivery: deliveryId }, "/replay") as Route}
            prefetch={false}
          >
            {t("replay.link")}
          </Link>
        </p>
        <section aria-labelledby="attempts" className="mt-8">
          <h2 className="mb-4" id="attempts">
            {t("delivery.attempts")}
          </h2>
          {attempts.length === 0 ? (
            <p className="text-soft">{t("delivery.noAttempts")}</p>
          ) : (
            <ConsoleTable
              columns={await columns()}
              label={t("delivery.attempts")}
              rows={attempts.map((attempt) => ({ ...attempt, id: attempt.number }))}
            />
          )}
        </section>
      </>
    );
  });
}

async function columns(): Promise<Column<WebhookAttempt & { id: number }>[]> {
  const [t, faults] = await Promise.all([
    getTranslations("admin.webhooks.delivery"),
    getTranslations("admin.webhooks.faults"),
  ]);
  return [
    { name: "number", label: t("number"), cellOf: ({ number }) => number },
    { name: "at", label: t("at"), cellOf: ({ at }) => <ConsoleMoment at={at} /> },
    { name: "status", label: t("status"), cellOf: ({ status }) => status ?? t("noStatus") },
    {
      name: "duration",
      label: t("duration"),
      isNumber: true,
      cellOf: ({ durationMs }) => t("durationMs", { ms: durationMs }),
    },
    {
      name: "fault",
      label: t("fault"),
      cellOf: ({ fault }) =>
        fault === null ? t("accepted") : <span className="font-semibold text-red">{faults(fault)}</span>,
    },
    {
      name: "answer",
      label: t("answer"),
      // The text of a stranger's server: React writes it as text, and no address in it becomes a link.
      cellOf: ({ answer }) => answer && <code className="whitespace-pre-wrap break-all">{answer}</code>,
    },
  ];
}

import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { countDayOfEndpoint, type DayOfEndpoint } from "@/lib/core/events/webhook-deliveries";
import { listWebhookEndpoints, type WebhookEndpoint } from "@/lib/core/events/webhook-endpoints";
import { WEBHOOK_DELIVERIES_COUNTED_MAX } from "@/lib/core/policy";
import { describeConsolePage, renderConsolePage } from "../console-page";
import type { Column } from "../console-table";
import { linkReference, ShortList } from "../short-list";
import { endpointAddress } from "./delivery-filter";
import { describeCount, EndpointState } from "./endpoint-words";

export async function generateMetadata() {
  const t = await getTranslations("admin.webhooks");
  return describeConsolePage(t("title"));
}

/** The endpoints of webhooks, the oldest first, with what they accepted in the last day. */
export default function WebhooksPage({ searchParams }: PageProps<"/admin/webhooks">) {
  return renderConsolePage({ section: "webhooks", path: "/admin/webhooks" }, async () => {
    const [t, endpoints, { done }] = await Promise.all([
      getTranslations("admin.webhooks"),
      listWebhookEndpoints(),
      searchParams,
    ]);
    const rows = await Promise.all(
      endpoints.map(async (endpoint) => ({ ...endpoint, ...(await countDayOfEndpoint(endpoint.id)) })),
    );
    return (
      <ShortList
        columns={await columns()}
        done={done === "deleted" && { name: done, words: t("done.deleted") }}
        formHref="/admin/webhooks/new"
        lead={t.rich("lead", { reference: linkReference })}
        rows={rows}
        t={t}
      />
    );
  });
}

async function columns(): Promise<Column<WebhookEndpoint & DayOfEndpoint>[]> {
  const [t, countOf] = await Promise.all([
    getTranslations("admin.webhooks"),
    describeCount(WEBHOOK_DELIVERIES_COUNTED_MAX),
  ]);
  return [
    {
      name: "url",
      label: t("url"),
      cellOf: ({ id, url }) => (
        <Link className="link break-all" href={endpointAddress(id)} prefetch={false}>
          {url}
        </Link>
      ),
    },
    { name: "description", label: t("description"), cellOf: ({ description }) => description },
    { name: "state", label: t("state"), cellOf: (endpoint) => <EndpointState endpoint={endpoint} /> },
    {
      name: "delivered",
      label: t("delivered"),
      isNumber: true,
      cellOf: ({ delivered }) => countOf(delivered),
    },
    {
      name: "refused",
      label: t("refused"),
      isNumber: true,
      cellOf: ({ refused }) => (refused > 0 ? <span className="font-semibold text-red">{countOf(refused)}</span> : 0),
    },
  ];
}

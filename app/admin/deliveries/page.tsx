import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ConsoleMoment } from "@/app/admin/console-moment";
import {
  DELIVERY_SENDERS,
  DELIVERY_STATES,
  type ListedDelivery,
  walkDeliveries,
} from "@/lib/core/administration/delivery-list";
import { TEST_NUMBER_SENDER } from "@/lib/core/challenges/fixed-code";
import { describeConsolePage } from "../console-page";
import type { Column } from "../console-table";
import type { FilterField } from "../filter-form";
import { renderList } from "../list-page";

export async function generateMetadata() {
  const t = await getTranslations("admin.deliveries");
  return describeConsolePage(t("title"));
}

/** The list of the messages that senders were asked to send, and of the codes that were refused before. */
export default function DeliveriesPage({ searchParams }: PageProps<"/admin/deliveries">) {
  const read = (_: unknown, ...page: Parameters<typeof walkDeliveries>) => walkDeliveries(...page);
  return renderList("deliveries", searchParams, { read, describe });
}

async function describe(): Promise<{ title: string; fields: FilterField[]; columns: Column<ListedDelivery>[] }> {
  const t = await getTranslations("admin.deliveries");
  const stateName = (state: string) => t(`states.${state as (typeof DELIVERY_STATES)[number]}`);
  const senderName = (sender: string) => (sender === TEST_NUMBER_SENDER ? t("testNumber") : sender);
  return {
    title: t("title"),
    fields: [
      { name: "from", label: t("from"), type: "datetime-local" },
      { name: "to", label: t("to"), type: "datetime-local" },
      {
        name: "sender",
        label: t("sender"),
        options: DELIVERY_SENDERS.map((value) => ({ value, label: senderName(value) })),
      },
      {
        name: "state",
        label: t("state"),
        options: DELIVERY_STATES.map((value) => ({ value, label: stateName(value) })),
      },
      { name: "reason", label: t("reasonStart"), hint: t("reasonHint") },
    ],
    columns: [
      { name: "at", label: t("at"), cellOf: ({ at }) => <ConsoleMoment at={at} /> },
      {
        name: "recipient",
        label: t("recipient"),
        // The page of a recipient with an account leads to the account.
        cellOf: ({ recipient, lastDigits, country }) => (
          <Link className="link" href={`/admin/recipients/${recipient}`} prefetch={false}>
            {lastDigits ? `··${lastDigits} ${country ?? ""}` : t("mailbox")}
          </Link>
        ),
      },
      {
        name: "state",
        label: t("state"),
        cellOf: ({ state }) => (
          <span className={["delivered", "accepted"].includes(state) ? "" : "font-semibold text-red"}>
            {stateName(state)}
          </span>
        ),
      },
      { name: "sender", label: t("sender"), cellOf: ({ sender }) => sender && senderName(sender) },
      { name: "reason", label: t("reason"), cellOf: ({ reason }) => reason },
      {
        name: "cost",
        label: t("cost"),
        isNumber: true,
        cellOf: ({ cost, currency }) => (cost === null ? null : `${cost} ${currency ?? ""}`),
      },
    ],
  };
}

import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import type { WebhookDelivery } from "@/lib/core/events/webhook-deliveries";
import type { WebhookEndpoint } from "@/lib/core/events/webhook-endpoints";
import { ConsoleMoment } from "../console-moment";

/** The state of an endpoint in words. What needs a person's eyes is red. */
export async function EndpointState({ endpoint }: { endpoint: WebhookEndpoint }) {
  const t = await getTranslations("admin.webhooks");
  const { state, reason, failingSince } = endpoint;
  if (state === "active" && failingSince) {
    return (
      <span className="font-semibold text-red">
        {t.rich("failingSince", { at: () => <ConsoleMoment at={failingSince} /> })}
      </span>
    );
  }
  if (state === "disabled") return <span className="font-semibold text-red">{t(`states.${reason ?? "failing"}`)}</span>;
  return t(`states.${state}`);
}

/** Returns a function that words a number that was counted up to `max` only. */
export async function describeCount(max: number): Promise<(count: number) => ReactNode> {
  const t = await getTranslations("admin.webhooks");
  return (count) => (count > max ? t("atLeast", { count: max }) : count);
}

/** The state of a delivery in words, red if the receiver has not accepted an attempt. */
export async function DeliveryState({ delivery: { state, attempts } }: { delivery: WebhookDelivery }) {
  const t = await getTranslations("admin.webhooks.deliveries.states");
  const isRetrying = state === "pending" && attempts > 0;
  return (
    <span className={state === "failed" || isRetrying ? "font-semibold text-red" : ""}>
      {t(isRetrying ? "retrying" : state)}
    </span>
  );
}

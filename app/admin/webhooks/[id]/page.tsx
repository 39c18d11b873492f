import type { Route } from "next";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { ActLinks } from "@/app/admin/act-links";
import { Card } from "@/app/admin/card";
import { ConsoleMoment } from "@/app/admin/console-moment";
import { describeConsolePage, renderConsolePage } from "@/app/admin/console-page";
import { type Column, ConsoleTable } from "@/app/admin/console-table";
import { DoneNotice } from "@/app/admin/done-notice";
import { FactList } from "@/app/admin/fact-list";
import { type FilterField, FilterForm } from "@/app/admin/filter-form";
import { Problem } from "@/components/problem";
import { SubmitButton } from "@/components/submit-button";
import {
  countDayOfEndpoint,
  listWebhookDeliveries,
  WEBHOOK_STATES,
  type WebhookDelivery,
  WebhookDeliveryCursor,
} from "@/lib/core/events/webhook-deliveries";
import { findWebhookEndpoint, type WebhookEndpoint } from "@/lib/core/events/webhook-endpoints";
import { WEBHOOK_DELIVERIES_COUNTED_MAX } from "@/lib/core/policy";
import { applyDeliveryFilter, sendTest } from "../actions";
import { DELIVERY_TYPES, deliveriesOf, endpointAddress, readDeliveryFilter } from "../delivery-filter";
import { actsOn, TAKING_ACTS } from "../endpoint-acts";
import { EndpointId } from "../endpoint-form";
import { DeliveryState, describeCount, EndpointState } from "../endpoint-words";

const DONE = ["changed", "paused", "resumed", "tested"] as const;

export async function generateMetadata() {
  const t = await getTranslations("admin.webhooks");
  return describeConsolePage(t("title"));
}

/** One endpoint of webhooks: its state, its settings, the acts on it, and its deliveries. */
export default async function WebhookPage({ params, searchParams }: PageProps<"/admin/webhooks/[id]">) {
  const [{ id: given }, query] = await Promise.all([params, searchParams]);
  const id = EndpointId.safeParse(given).data;
  const { filter } = readDeliveryFilter(query);
  const cursor = WebhookDeliveryCursor.safeDecode(String(query.before ?? "")).data ?? null;
  const before = cursor ? WebhookDeliveryCursor.encode(cursor) : undefined;
  const path = id ? endpointAddress(id, { ...filter, before }) : "/admin/webhooks";
  return renderConsolePage({ section: "webhooks", path }, async () => {
    const endpoint = id && (await findWebhookEndpoint(id));
    if (!endpoint) return null;
    const [t, list, code, { deliveries, next }] = await Promise.all([
      getTranslations("admin.webhooks"),
      getTranslations("admin.list"),
      getTranslations("code"),
      listWebhookDeliveries({ endpointId: endpoint.id, cursor, ...deliveriesOf(filter) }),
    ]);
    const done = DONE.find((one) => one === query.done);
    const isFiltered = Object.values(filter).some((value) => value !== undefined);
    const malformed = String(query.malformed ?? "").split(".");
    const fields = await filterFields();
    return (
      <>
        {(done || query.done === "replayed") && (
          <DoneNotice done={JSON.stringify(query)}>
            {done ? t(`done.${done}`) : t("done.replayed", { count: Number(query.count) || 0 })}
          </DoneNotice>
        )}
        {query.problem === "endpoint_inactive" && <Problem id="problem">{t("problems.endpoint_inactive")}</Problem>}
        <p className="mb-2">
          <Link className="link" href="/admin/webhooks">
            {t("back")}
          </Link>
        </p>
        <h1 className="break-all">{endpoint.url}</h1>
        <Answer endpoint={endpoint} />
        <div className="mt-6 grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_320px]">
          <Facts endpoint={endpoint} />
          <Card id="acts" title={t("acts")}>
            <form action={sendTest}>
              <input name="id" type="hidden" value={endpoint.id} />
              <SubmitButton offline={code("offline")} pending={t("test")} quiet>
                {t("test")}
              </SubmitButton>
            </form>
            <ActLinks
              acts={actsOn(endpoint).map((name) => ({
                name,
                href: endpointAddress(endpoint.id, {}, `/${name}`),
                label: t(`${name}.link`),
                takesAway: TAKING_ACTS.includes(name),
              }))}
              className="mt-2"
            />
          </Card>
        </div>
        <section aria-labelledby="deliveries" className="mt-8">
          <h2 className="mb-4" id="deliveries">
            {t("deliveries.title")}
          </h2>
          <FilterForm
            action={applyDeliveryFilter}
            fields={fields}
            filter={filter}
            hidden={{ id: endpoint.id }}
            home={endpointAddress(endpoint.id)}
            malformed={fields.map(({ name }) => name).filter((name) => malformed.includes(name))}
          />
          {deliveries.length === 0 ? (
            <p aria-live="polite">{list("nothing")}</p>
          ) : (
            <ConsoleTable columns={await columns(endpoint.id)} label={t("deliveries.title")} rows={deliveries} />
          )}
          <div className="mt-4 flex flex-wrap gap-x-6">
            {next && (
              <Link
                className="link"
                href={endpointAddress(endpoint.id, { ...filter, before: WebhookDeliveryCursor.encode(next) })}
                prefetch={false}
              >
                {list("older")}
              </Link>
            )}
            {cursor && (
              <Link className="link" href={endpointAddress(endpoint.id, filter)} prefetch={false}>
                {list("newest")}
              </Link>
            )}
            {deliveries.length > 0 && (
              <Link
                className="link md:ml-auto"
                href={endpointAddress(endpoint.id, filter, "/replay") as Route}
                prefetch={false}
              >
                {t(isFiltered ? "deliveries.replayFiltered" : "deliveries.replayAll")}
              </Link>
            )}
          </div>
        </section>
      </>
    );
  });
}

/** The answer to whether the endpoint gets what it should. */
async function Answer({ endpoint }: { endpoint: WebhookEndpoint }) {
  const [t, { delivered, refused }, countOf] = await Promise.all([
    getTranslations("admin.webhooks"),
    countDayOfEndpoint(endpoint.id),
    describeCount(WEBHOOK_DELIVERIES_COUNTED_MAX),
  ]);
  const { missedAt } = endpoint;
  return (
    <div className="mt-3 space-y-1" data-answer>
      <p>
        <EndpointState endpoint={endpoint} />.{" "}
        {t("day", { delivered: String(countOf(delivered)), refused: String(countOf(refused)) })}
      </p>
      {missedAt && (
        <p className="font-semibold text-red">{t.rich("missed", { at: () => <ConsoleMoment at={missedAt} /> })}</p>
      )}
    </div>
  );
}

async function Facts({ endpoint }: { endpoint: WebhookEndpoint }) {
  const t = await getTranslations("admin.webhooks");
  const { description, types, hasPhones, publicKey, previousUntil, madeAt } = endpoint;
  const facts = [
    { label: t("description"), value: description || null },
    {
      label: t("types"),
      value: types
        ? types.map((type) => (
            <code className="block" key={type}>
              {type}
            </code>
          ))
        : t("all"),
    },
    { label: t("phones"), value: t(hasPhones ? "phonesYes" : "phonesNo") },
    { label: t("publicKey"), value: <code className="select-all break-all">{publicKey}</code> },
    { label: t("made"), value: <ConsoleMoment at={madeAt} /> },
  ];
  return (
    <Card id="facts" title={t("facts")}>
      <FactList facts={facts} />
      {previousUntil && (
        <p className="mt-2 text-small">{t.rich("previousUntil", { at: () => <ConsoleMoment at={previousUntil} /> })}</p>
      )}
    </Card>
  );
}

async function filterFields(): Promise<FilterField[]> {
  const t = await getTranslations("admin.webhooks.deliveries");
  return [
    { name: "from", label: t("from"), type: "datetime-local" },
    { name: "to", label: t("until"), type: "datetime-local" },
    {
      name: "state",
      label: t("state"),
      options: WEBHOOK_STATES.map((value) => ({ value, label: t(`filterStates.${value}`) })),
    },
    { name: "type", label: t("type"), options: DELIVERY_TYPES.map((value) => ({ value, label: value })) },
  ];
}

async function columns(endpointId: string): Promise<Column<WebhookDelivery>[]> {
  const t = await getTranslations("admin.webhooks.deliveries");
  return [
    { name: "at", label: t("at"), cellOf: ({ at }) => <ConsoleMoment at={at} /> },
    { name: "type", label: t("type"), cellOf: ({ type }) => <code>{type}</code> },
    {
      name: "account",
      label: t("account"),
      cellOf: ({ accountId }) =>
        accountId === null ? null : (
          <Link className="link" href={`/admin/people/${accountId}`} prefetch={false}>
            {accountId}
          </Link>
        ),
    },
    { name: "state", label: t("state"), cellOf: (delivery) => <DeliveryState delivery={delivery} /> },
    { name: "attempts", label: t("attempts"), isNumber: true, cellOf: ({ attempts }) => attempts },
    {
      name: "next",
      label: t("next"),
      cellOf: ({ nextAt, isUnderWay }) => (isUnderWay ? t("underWay") : nextAt && <ConsoleMoment at={nextAt} />),
    },
    {
      name: "open",
      label: "",
      cellOf: ({ id, type }) => (
        <Link
          aria-label={`${t("open")}: ${type}`}
          className="link inline-flex min-h-11 items-center"
          href={endpointAddress(endpointId, {}, `/deliveries/${id}`)}
          prefetch={false}
        >
          {t("open")}
        </Link>
      ),
    },
  ];
}

import { parseArgs } from "node:util";
import { z } from "zod";
import { migrate } from "./internal/database";
import { readOrRefuse } from "./internal/parsed-options";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const USAGE = `Usage:
npm run webhook -- add --url https://backend.example/hooks --types account.created,account.deleted [--description "the shop"] [--phones]
npm run webhook -- list
npm run webhook -- pause|resume|rotate|test|remove --id we_…
npm run webhook -- deliveries --id we_… [--state pending|delivered|failed] [--type account.created] [--from 2026-11-29 --until 2026-11-30T12:00Z]
npm run webhook -- replay --id we_… --delivery msg_…
npm run webhook -- replay --id we_… [--state failed] [--type account.created] [--from 2026-11-29 --until 2026-11-30T12:00Z]
--types all stands for all types. --phones adds the account's phone and mailbox to each webhook.`;

const env = await readSettings();
await migrate(env.DATABASE_URL);
const endpoints = await import("../lib/core/events/webhook-endpoints");
const deliveries = await import("../lib/core/events/webhook-deliveries");
const { COMMAND_LINE } = await import("../lib/core/administration/actor");
const { EVENT_TYPES } = await import("../lib/core/events/event-types");
const { WEBHOOK_DESCRIPTION_LENGTH_MAX, WEBHOOK_URL_LENGTH_MAX } = await import("../lib/core/policy");

const URL_PROBLEMS: Record<string, string> = {
  malformed: "--url must be a full https URL.",
  too_long: `The URL can have ${WEBHOOK_URL_LENGTH_MAX} characters at most.`,
  not_https:
    "The URL must begin with https://. http:// is allowed only to this machine, while HOST and APP_URL are loopback addresses.",
  credentials: "The URL must have no user name or password; receivers verify the signature instead.",
  port: "The port must be 443, or one from 1024 on that browsers allow.",
  address: "Webhooks go only to public addresses and to those of WEBHOOK_PRIVATE_RANGES.",
};
const PROBLEMS: Record<string, string> = {
  endpoints_full: "There are as many endpoints as there can be: remove one first.",
  endpoint_unknown: "There is no endpoint with this id.",
  delivery_unknown: "The endpoint has no delivery with this id.",
  endpoint_inactive: "The endpoint is paused or disabled: resume it first.",
  event_type_unknown: `--types are types of events, separated by commas, or all. The types are ${EVENT_TYPES.join(", ")}.`,
  description_too_long: `The description can have ${WEBHOOK_DESCRIPTION_LENGTH_MAX} characters at most.`,
};

const { command, values } = readArguments();
const commands: Record<string, () => Promise<unknown>> = {
  add: async () => {
    const { url = "", types = "", description = "", phones = false } = values;
    if (url === "" || types === "") throw new Refusal(USAGE);
    const choice = {
      url,
      types: types === "all" ? null : readOrRefuse(endpoints.WebhookTypes.safeParse(types.split(",")), PROBLEMS),
      description: readOrRefuse(endpoints.WebhookDescription.safeParse(description), PROBLEMS),
      hasPhones: phones,
    };
    const made = okOrRefuse(await endpoints.makeWebhookEndpoint(COMMAND_LINE, choice));
    console.log(`${url} gets events from now on. The secret is not shown again.`);
    return made;
  },
  list: async () => {
    const all = await endpoints.listWebhookEndpoints();
    for (const { id, url, state, reason } of all) console.log([id, url, state, reason ?? ""].join(" ").trim());
    return all;
  },
  pause: () => change(true),
  resume: () => change(false),
  rotate: async () => {
    const shown = okOrRefuse(await endpoints.rotateWebhookSecret(COMMAND_LINE, readId()));
    console.log("The previous secret signs for another day. The new one is not shown again.");
    return { id: readId(), ...shown };
  },
  test: async () => {
    const sent = okOrRefuse(await endpoints.sendTestEvent(COMMAND_LINE, readId()));
    console.log("A running server sends the test event now.");
    return { id: readId(), ...sent };
  },
  deliveries: async () => {
    const { deliveries: found } = await deliveries.listWebhookDeliveries({ endpointId: readId(), ...readFilter() });
    return found;
  },
  replay: async () => {
    const filter = readFilter();
    if (values.delivery === undefined && Object.values(filter).every((value) => value === undefined))
      throw new Refusal(`Say which deliveries are sent again.\n${USAGE}`);
    const what = values.delivery === undefined ? filter : { deliveryId: values.delivery };
    return { id: readId(), ...okOrRefuse(await deliveries.replayDeliveries(COMMAND_LINE, readId(), what)) };
  },
  remove: async () => {
    okOrRefuse(await endpoints.deleteWebhookEndpoint(COMMAND_LINE, readId()));
    return { id: readId(), removed: true };
  },
};
const run = commands[command ?? ""];
if (!run) throw new Refusal(USAGE);
console.log(JSON.stringify(await run()));

async function change(isPaused: boolean) {
  return okOrRefuse(await endpoints.changeWebhookEndpoint(COMMAND_LINE, readId(), { isPaused }));
}

function readArguments() {
  try {
    const text = { type: "string" } as const;
    const { positionals, values } = parseArgs({
      args: process.argv.slice(3),
      options: {
        ...{ url: text, types: text, description: text, id: text, phones: { type: "boolean" } as const },
        ...{ delivery: text, state: text, type: text, from: text, until: text },
      },
      allowPositionals: true,
    });
    return { command: positionals.length === 1 ? positionals[0] : undefined, values };
  } catch {
    throw new Refusal(USAGE);
  }
}

function readFilter(): import("../lib/core/events/webhook-deliveries").WebhookFilter {
  const { state, type, from, until } = values;
  const readTime = (text: string | undefined) => {
    if (text === undefined) return undefined;
    const [day = "", time] = text.split(/T(.*)/s);
    const isTime = time === undefined || /^\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})$/.test(time);
    // `Date` reads 30 February as 2 March.
    if (!isTime || !z.iso.date().safeParse(day).success || Number.isNaN(Date.parse(text))) throw new Refusal(USAGE);
    return new Date(text);
  };
  const known = deliveries.WEBHOOK_STATES.find((one) => one === state);
  const knownType = EVENT_TYPES.find((one) => one === type);
  if (state !== known || type !== knownType) throw new Refusal(USAGE);
  return { state: known, type: knownType, from: readTime(from), until: readTime(until) };
}

function readId(): string {
  if (values.id === undefined) throw new Refusal(USAGE);
  return values.id;
}

function okOrRefuse<Value>(
  result: { ok: true; value: Value } | { ok: false; failure: { name: string; problem?: string } },
): Value {
  if (result.ok) return result.value;
  const { name, problem } = result.failure;
  throw new Refusal((problem && URL_PROBLEMS[problem]) ?? PROBLEMS[name] ?? name);
}

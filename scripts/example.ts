import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { databaseFile } from "./internal/data-folder.mjs";
import { installDependencies } from "./internal/dependencies.mjs";
import { cleanEnvironment } from "./internal/environment";
import { refuseBusyPort } from "./internal/port.mjs";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const FOLDER = "examples/book-club";

const port = Number(process.env.EXAMPLE_PORT || 4000);
if (!Number.isInteger(port) || port < 1024 || port > 65_535)
  throw new Refusal("The setting EXAMPLE_PORT must be a whole number from 1024 to 65535.");
await refuseBusyPort({ host: "127.0.0.1", port }, `EXAMPLE_PORT=${port < 65_535 ? port + 1 : 4000} npm run example`);

const env = await readSettings();
const { IS_LOOPBACK_ONLY } = await import("../lib/env");
if (!IS_LOOPBACK_ONLY)
  throw new Refusal(
    "The example runs beside a Sarafan that only this machine reaches, because Sarafan calls it at http://127.0.0.1: leave out HOST and APP_URL.",
  );
const issuer = new URL(env.APP_URL).origin;
await refuseWithoutSarafan();
await installDependencies({ folder: FOLDER });

const { COMMAND_LINE } = await import("../lib/core/administration/actor");
const { changeClient, makeClient } = await import("../lib/core/administration/clients");
const { changeWebhookEndpoint, makeWebhookEndpoint } = await import("../lib/core/events/webhook-endpoints");
const { authenticateClient, ClientSettings } = await import("../lib/core/oauth/clients");

const origin = `http://127.0.0.1:${port}`;
const credentials = await register();
console.log(`The example is the application ${credentials.clientId}; its credentials are in ${credentialsFile()}.`);
const club = spawn(process.execPath, ["server.mjs"], {
  cwd: FOLDER,
  env: cleanEnvironment({
    ...{ ISSUER: issuer, PORT: String(port) },
    ...{ CLIENT_ID: credentials.clientId, CLIENT_SECRET: credentials.clientSecret },
    WEBHOOK_SECRET: credentials.webhookSecret,
  }),
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => club.kill(signal));
const [code] = (await once(club, "close")) as [number | null];
// Otherwise Sarafan would go on trying, and tell the administrators after days. The next run gets what was missed.
okOrRefuse(await changeWebhookEndpoint(COMMAND_LINE, credentials.webhookId, { isPaused: true }));
process.exit(code ?? 0);

async function refuseWithoutSarafan() {
  const isThere = await fetch(`${issuer}/.well-known/openid-configuration`).then(
    ({ ok }) => ok,
    () => false,
  );
  if (!isThere) throw new Refusal(`Sarafan does not answer at ${issuer}: run npm start in another terminal first.`);
}

interface Credentials {
  clientId: string;
  clientSecret: string;
  webhookId: string;
  webhookSecret: string;
}

/** Registers the example as an application with a webhook endpoint, unless an earlier run did, and returns its credentials. */
async function register(): Promise<Credentials> {
  const known = readCredentials();
  const isClientKnown =
    known && (await authenticateClient({ id: known.clientId, secret: known.clientSecret })).ok ? known : null;
  const settings = ClientSettings.parse({
    name: "Book club",
    redirectUris: [`${origin}/callback`],
    postLogoutUris: [`${origin}/`],
    backChannelLogoutUri: `${origin}/backchannel-logout`,
    scopes: ["openid", "phone", "referral", "offline_access"],
  });
  const client = isClientKnown ?? (await addClient(settings));
  if (isClientKnown) okOrRefuse(await changeClient(COMMAND_LINE, { id: client.clientId, settings }));
  const url = `${origin}/webhooks`;
  const resumed = known && (await changeWebhookEndpoint(COMMAND_LINE, known.webhookId, { url, isPaused: false })).ok;
  const webhook = resumed ? known : await addWebhook(url);
  const credentials = {
    ...{ clientId: client.clientId, clientSecret: client.clientSecret },
    ...{ webhookId: webhook.webhookId, webhookSecret: webhook.webhookSecret },
  };
  mkdirSync(path.dirname(credentialsFile()), { recursive: true, mode: 0o700 });
  writeFileSync(credentialsFile(), JSON.stringify(credentials, null, 2), { mode: 0o600 });
  return credentials;
}

async function addClient(settings: import("../lib/core/oauth/clients").ClientSettings) {
  const { id, secret } = okOrRefuse(await makeClient(COMMAND_LINE, { settings }));
  return { clientId: id, clientSecret: secret ?? "" };
}

async function addWebhook(url: string) {
  const choice = { url, types: ["invite.activated" as const], description: "Book club", hasPhones: false };
  const { id, secret } = okOrRefuse(await makeWebhookEndpoint(COMMAND_LINE, choice));
  return { webhookId: id, webhookSecret: secret };
}

/** The file with the credentials: in the folder of the database, or in `data` if the database is no file. */
function credentialsFile(): string {
  const database = databaseFile(env.DATABASE_URL);
  return path.join(database ? path.dirname(database) : "data", "example.json");
}

function readCredentials(): Credentials | null {
  return existsSync(credentialsFile()) ? JSON.parse(readFileSync(credentialsFile(), "utf8")) : null;
}

function okOrRefuse<Value>(result: { ok: true; value: Value } | { ok: false; failure: { name: string } }): Value {
  if (result.ok) return result.value;
  throw new Refusal(`The example could not be registered: ${result.failure.name}.`);
}

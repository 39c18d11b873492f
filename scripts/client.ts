import { parseArgs } from "node:util";
import { migrate } from "./internal/database";
import { readOrRefuse } from "./internal/parsed-options";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const USAGE = `Usage:
npm run client -- add --name "the shop" --redirect-uri https://shop.example/callback [options]
npm run client -- list
npm run client -- show <client_id>
npm run client -- change <client_id> [options]
npm run client -- disable|enable|renew-secret|remove <client_id>
Options, of which those with a URI may be given several times:
  --name "the shop"         what people see when they log in
  --redirect-uri URI        where people come back after they have logged in
  --post-logout-uri URI     where people come back after they have logged out
  --back-channel-uri URI    where this server says that a session has ended
  --scopes openid,phone     what it may ask for: openid, phone, email, referral, offline_access
  --public                  it can't keep a secret: a page without a server, or an application on a device; only with add
  --first-party             it is your own: people are not asked for consent (--no-first-party: they are)
  --algorithm RS256         signs its tokens: RS256, ES256 or EdDSA
  --client-id ID            the id that it had at another server; only with add
With change, a URI option replaces all URIs of its kind, and an empty one ("") removes them.`;

const env = await readSettings();
await migrate(env.DATABASE_URL);
const { COMMAND_LINE } = await import("../lib/core/administration/actor");
const deeds = await import("../lib/core/administration/clients");
const clients = await import("../lib/core/oauth/clients");
const { ISSUER } = await import("../lib/core/oauth/authorization-request");
const { CLIENT_NAME_LENGTH_MAX, CLIENTS_MAX, REDIRECT_URI_LENGTH_MAX, REDIRECT_URIS_MAX } = await import(
  "../lib/core/policy"
);

const PROBLEMS: Record<string, string> = {
  name_missing: "--name says what people see when they log in.",
  name_too_long: `The name can have ${CLIENT_NAME_LENGTH_MAX} characters at most.`,
  name_invalid: "The name has no line breaks and no control characters.",
  back_channel_uri_refused: "--back-channel-uri is an https address on a public network, or in WEBHOOK_PRIVATE_RANGES.",
  redirect_uri_missing: "--redirect-uri says where people come back after they have logged in.",
  redirect_uris_too_many: `There can be ${REDIRECT_URIS_MAX} URIs of a kind at most.`,
  redirect_uri_invalid: `A URI begins with https://, or on a person's own device with http://127.0.0.1 or a private scheme such as com.example.app:/; it is spelled as browsers spell it, without a fragment, and has ${REDIRECT_URI_LENGTH_MAX} characters at most.`,
  scope_unknown: "--scopes has openid, and any of phone, email, referral and offline_access, separated by commas.",
  scope_openid_missing: "--scopes has openid, because people log in by OpenID Connect.",
  algorithm_unknown: "--algorithm is RS256, ES256 or EdDSA.",
  private_scheme_of_confidential_client: "Only an application with --public may have a private scheme.",
  client_id_malformed: "A client_id has 24 digits of 0 to 9 and a to f.",
  client_known: "There is an application with this client_id already.",
  clients_full: `There are ${CLIENTS_MAX} applications, which is the most: remove one first.`,
  client_unknown: "There is no application with this client_id: see npm run client -- list.",
  client_public: "A public application has no secret.",
};

const { command, id, values } = readArguments();
const commands: Record<string, () => Promise<unknown>> = {
  add: async () => {
    const settings = readOrRefuse(
      clients.ClientSettings.safeParse({ name: "", redirectUris: [], ...given() }),
      PROBLEMS,
    );
    const clientId = values["client-id"];
    const wanted = clientId === undefined ? {} : { id: readOrRefuse(clients.ClientId.safeParse(clientId), PROBLEMS) };
    const { id, secret } = okOrRefuse(await deeds.makeClient(COMMAND_LINE, { ...wanted, settings }));
    console.log(`People can log in to “${settings.name}” from now on. Its library asks for the issuer: ${ISSUER}`);
    if (secret) console.log("This is the only time that the secret is shown.");
    return { client_id: id, ...(secret && { client_secret: secret }) };
  },
  list: async () => {
    const all = await clients.listClients();
    for (const { id, name, isPublic, disabledAt } of all)
      console.log([id, isPublic ? "public" : "confidential", disabledAt ? "disabled" : "enabled", name].join(" "));
    return all.map(describe);
  },
  show: async () => describe(await readClient()),
  change: async () => {
    if (values.public !== undefined || values["client-id"] !== undefined)
      throw new Refusal("An application stays public or confidential, and keeps its id: add another one.");
    const { id, createdAt: _, disabledAt: __, ...before } = await readClient();
    const settings = readOrRefuse(clients.ClientSettings.safeParse({ ...before, ...given() }), PROBLEMS);
    return describe(okOrRefuse(await deeds.changeClient(COMMAND_LINE, { id, settings })));
  },
  disable: () => setDisabled(true),
  enable: () => setDisabled(false),
  "renew-secret": async () => {
    const { id } = await readClient();
    const { secret } = okOrRefuse(await deeds.renewClientSecret(COMMAND_LINE, { id }));
    console.log("The old secret is refused from now on. This is the only time that the new one is shown.");
    return { client_id: id, client_secret: secret };
  },
  remove: async () => {
    const { id, name } = await readClient();
    okOrRefuse(await deeds.removeClient(COMMAND_LINE, { id }));
    console.log(`“${name}” is removed, with its tokens and what people allowed it.`);
    return { client_id: id, removed: true };
  },
};
const run = commands[command ?? ""];
const needsId = !["add", "list"].includes(command ?? "");
if (!run || needsId !== (id !== undefined)) throw new Refusal(USAGE);
console.log(JSON.stringify(await run()));

async function setDisabled(isDisabled: boolean) {
  const { id } = await readClient();
  const client = okOrRefuse(await deeds.setClientDisabled(COMMAND_LINE, { id, isDisabled }));
  console.log(isDisabled ? "Its people can't log in, and its tokens are refused." : "Its people can log in again.");
  return describe(client);
}

/** Returns the settings that the options name. */
function given() {
  const { scopes, algorithm, name } = values;
  const uris = (texts: string[] | undefined) => texts?.filter((text) => text !== "");
  const backChannel = uris(values["back-channel-uri"]);
  if (backChannel && backChannel.length > 1) throw new Refusal("There can be one --back-channel-uri.");
  const all = {
    name,
    isPublic: values.public,
    redirectUris: uris(values["redirect-uri"]),
    postLogoutUris: uris(values["post-logout-uri"]),
    backChannelLogoutUri: backChannel && (backChannel[0] ?? null),
    scopes: scopes?.split(","),
    isFirstParty: values["first-party"],
    signingAlgorithm: algorithm,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

async function readClient() {
  const client = await clients.findClient(id ?? "");
  if (!client) throw new Refusal(PROBLEMS.client_unknown ?? "");
  return client;
}

/** Returns an application by the names of the options. */
function describe(client: import("../lib/core/oauth/clients").OAuthClient) {
  return {
    client_id: client.id,
    name: client.name,
    redirect_uris: client.redirectUris,
    post_logout_uris: client.postLogoutUris,
    back_channel_uri: client.backChannelLogoutUri,
    scopes: client.scopes,
    public: client.isPublic,
    first_party: client.isFirstParty,
    algorithm: client.signingAlgorithm,
    made_at: client.createdAt,
    disabled_at: client.disabledAt,
  };
}

function readArguments() {
  try {
    const text = { type: "string" } as const;
    const flag = { type: "boolean" } as const;
    const texts = { type: "string", multiple: true } as const;
    const { positionals, values } = parseArgs({
      args: process.argv.slice(3),
      options: {
        ...{ name: text, scopes: text, algorithm: text, "client-id": text, public: flag, "first-party": flag },
        ...{ "redirect-uri": texts, "post-logout-uri": texts, "back-channel-uri": texts },
      },
      allowPositionals: true,
      allowNegative: true,
    });
    const [command, id, ...more] = positionals;
    if (more.length > 0) throw new Refusal(USAGE);
    return { command, id, values };
  } catch {
    throw new Refusal(USAGE);
  }
}

function okOrRefuse<Value>(result: { ok: true; value: Value } | { ok: false; failure: { name: string } }): Value {
  if (result.ok) return result.value;
  throw new Refusal(PROBLEMS[result.failure.name] ?? result.failure.name);
}

import { z } from "zod";
import {
  changeClient,
  makeClient,
  removeClient,
  renewClientSecret,
  setClientDisabled,
} from "@/lib/core/administration/clients";
import {
  BackChannelLogoutUri,
  ClientId,
  ClientName,
  ClientScopes,
  ClientSettings,
  findClient,
  listClients,
  type OAuthClient,
  RedirectUris,
  versionOfClient,
} from "@/lib/core/oauth/clients";
import { SigningAlgorithm } from "@/lib/core/oauth/signing-keys";
import { CLIENTS_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { address, reply } from "./engine";
import type { KeyCall } from "./keys";
import { etagOf, manageApi, problem, Time, VERSION_CHANGED, versionsOf } from "./manage";

const CLIENTS = "/api/manage/v1/clients";

const EXAMPLE = "0123456789abcdef01234567";
const URI = z.string().meta({ examples: ["https://shop.example/callback"] });

const Client = z.object({
  clientId: z.string().meta({ examples: [EXAMPLE] }),
  name: z.string().meta({ examples: ["Shop"] }),
  isPublic: z.boolean().meta({ description: "Whether it has no secret." }),
  redirectUris: z.array(URI),
  postLogoutUris: z.array(URI),
  backChannelLogoutUri: URI.nullable(),
  scopes: z.array(z.string()),
  isFirstParty: z.boolean().meta({ description: "Whether people are not asked for consent." }),
  signingAlgorithm: z.string(),
  madeAt: Time,
  disabledAt: Time.nullable().meta({ description: "When it was disabled; null while people can log in to it." }),
});

function clientOf({ id, createdAt, disabledAt, ...client }: OAuthClient): z.input<typeof Client> {
  return {
    ...client,
    clientId: id,
    madeAt: createdAt.toISOString(),
    disabledAt: disabledAt?.toISOString() ?? null,
  };
}

const replyWith = (client: OAuthClient) => reply(clientOf(client), { ETag: etagOf(versionOfClient(client)) });

const name = ClientName.meta({ description: "What people see when they log in.", examples: ["Shop"] });
const redirectUris = RedirectUris.min(1, "redirect_uri_missing").meta({
  description: "Where people come back with a code; compared exactly. One at least.",
  examples: [["https://shop.example/callback"]],
});
/** The settings that have a default, or stay as they are. */
const SETTINGS = {
  postLogoutUris: RedirectUris.optional().meta({
    description: "Where people come back after they have logged out.",
    examples: [["https://shop.example/"]],
  }),
  backChannelLogoutUri: BackChannelLogoutUri.nullish().meta({
    description: "Where this server says that a session has ended; null for nowhere.",
    examples: ["https://shop.example/logout"],
  }),
  scopes: ClientScopes.optional().meta({
    description: "What it may ask for. For `phone` and `email`, a key needs `phones:read`.",
    examples: [["openid", "phone"]],
  }),
  isFirstParty: z.boolean().optional().meta({ description: "Whether people are not asked for consent." }),
  signingAlgorithm: z
    .enum(SigningAlgorithm.options, "algorithm_unknown")
    .optional()
    .meta({ description: "The algorithm that signs its tokens." }),
};
const clientSecret = z.string().nullable().meta({
  description: "`sarafan_cs_…`, shown this once; null for a public application.",
});

const CLIENT_UNKNOWN = problem(404, "client_unknown", "There is no such application.");
const PHONES_SCOPE_MISSING = problem(
  403,
  "phones_scope_missing",
  "The application may learn phones or mailboxes. To make, change or enable it, or to renew its secret, a key needs the scope phones:read.",
);
const SETTINGS_PROBLEMS = {
  phones_scope_missing: PHONES_SCOPE_MISSING,
  private_scheme_of_confidential_client: problem(
    400,
    "private_scheme_of_confidential_client",
    "Only a public application may have a redirect URI with a private scheme.",
  ),
};

type PrivateScheme = { name: "private_scheme_of_confidential_client" };

/** Parses settings whose fields are valid one by one. */
function readSettings(fields: object): Result<ClientSettings, PrivateScheme> {
  const parsed = ClientSettings.safeParse(fields);
  return parsed.success ? succeed(parsed.data) : fail({ name: "private_scheme_of_confidential_client" });
}

const given = (fields: object) => Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

export const clients = address(manageApi, CLIENTS, (endpoint) => ({
  GET: endpoint({
    summary: "All applications that people log in to, the oldest first",
    who: "key",
    scope: "clients:read",
    answer: { body: z.object({ clients: z.array(Client) }) },
    run: async () => reply({ clients: (await listClients()).map(clientOf) }),
    failures: {},
  }),
  POST: endpoint({
    summary: "Makes an application that people can log in to from now on",
    who: "key",
    scope: "clients:write",
    input: {
      name,
      redirectUris,
      isPublic: z.boolean().optional().meta({
        description:
          "Whether it can't keep a secret: a page without a server, or an application on a device. It stays so.",
      }),
      ...SETTINGS,
    },
    answer: {
      status: 201,
      body: z.object({ clientId: z.string().meta({ examples: [EXAMPLE] }), clientSecret }),
      secrets: ["clientSecret"],
      headers: ["Location"],
    },
    run: async ({ key, input }) => {
      const settings = readSettings(given(input));
      if (!settings.ok) return settings;
      return key.deed(
        (actor) => makeClient(actor, { settings: settings.value }),
        ({ id, secret }) => reply({ clientId: id, clientSecret: secret }, { Location: `${CLIENTS}/${id}` }),
      );
    },
    failures: {
      ...SETTINGS_PROBLEMS,
      clients_full: problem(
        409,
        "clients_full",
        `There are ${CLIENTS_MAX} applications, which is the most. Remove one.`,
      ),
      client_known: problem(409, "client_known", "There is an application with this id already."),
    },
  }),
}));

export const client = address(manageApi, `${CLIENTS}/{client_id}`, (endpoint) => ({
  GET: endpoint({
    summary: "An application",
    who: "key",
    scope: "clients:read",
    answer: { body: Client, headers: ["ETag"] },
    run: async ({ params }) => {
      const found = await findClient(readClientId(params.client_id));
      return found ? replyWith(found) : fail({ name: "client_unknown" });
    },
    failures: { client_unknown: CLIENT_UNKNOWN },
  }),
  PATCH: endpoint({
    summary: "Changes the settings of an application",
    who: "key",
    scope: "clients:write",
    ifMatch: "required",
    input: { name: name.optional(), redirectUris: redirectUris.optional(), ...SETTINGS },
    answer: { body: Client, headers: ["ETag"] },
    run: async ({ key, params, input }) => {
      const found = await findSeen(key, params.client_id);
      if (!found.ok) return found;
      const { id, createdAt: _, disabledAt: __, ...before } = found.value;
      const settings = readSettings({ ...before, ...given(input) });
      if (!settings.ok) return settings;
      const versions = [versionOfClient(found.value)];
      return key.deed((actor) => changeClient(actor, { id, settings: settings.value, versions }), replyWith);
    },
    failures: {
      client_unknown: CLIENT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      ...SETTINGS_PROBLEMS,
      client_kind_fixed: problem(409, "client_kind_fixed", "An application stays public or confidential."),
    },
  }),
  DELETE: endpoint({
    summary: "Removes an application with its codes, its tokens and what people allowed it",
    who: "key",
    scope: "clients:write",
    ifMatch: "optional",
    answer: { body: z.void() },
    run: ({ key, params }) =>
      key.deed(
        (actor) => removeClient(actor, { id: readClientId(params.client_id), versions: versionsOf(key.ifMatch) }),
        () => reply(undefined),
      ),
    failures: { client_unknown: CLIENT_UNKNOWN, version_changed: VERSION_CHANGED },
  }),
}));

export const clientDisabling = address(manageApi, `${CLIENTS}/{client_id}/disable`, (endpoint) => ({
  POST: endpoint({
    summary: "Disables an application: its people can't log in, and its tokens are refused until it is enabled",
    who: "key",
    scope: "clients:write",
    ifMatch: "optional",
    answer: { body: Client, headers: ["ETag"] },
    run: ({ key, params }) => switchTo(key, params.client_id, true),
    failures: {
      client_unknown: CLIENT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      phones_scope_missing: PHONES_SCOPE_MISSING,
    },
  }),
}));

export const clientEnabling = address(manageApi, `${CLIENTS}/{client_id}/enable`, (endpoint) => ({
  POST: endpoint({
    summary: "Enables an application again",
    who: "key",
    scope: "clients:write",
    ifMatch: "optional",
    answer: { body: Client, headers: ["ETag"] },
    run: ({ key, params }) => switchTo(key, params.client_id, false),
    failures: {
      client_unknown: CLIENT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      phones_scope_missing: PHONES_SCOPE_MISSING,
    },
  }),
}));

export const clientSecretRenewal = address(manageApi, `${CLIENTS}/{client_id}/renew-secret`, (endpoint) => ({
  POST: endpoint({
    summary: "Gives an application a new secret; the old one is refused from now on",
    who: "key",
    scope: "clients:write",
    ifMatch: "optional",
    answer: { body: z.object({ clientSecret }), secrets: ["clientSecret"] },
    run: ({ key, params }) =>
      key.deed(
        (actor) => renewClientSecret(actor, { id: readClientId(params.client_id), versions: versionsOf(key.ifMatch) }),
        ({ secret }) => reply({ clientSecret: secret }),
      ),
    failures: {
      client_unknown: CLIENT_UNKNOWN,
      version_changed: VERSION_CHANGED,
      phones_scope_missing: PHONES_SCOPE_MISSING,
      client_public: problem(409, "client_public", "A public application has no secret."),
    },
  }),
}));

function switchTo(key: KeyCall, id: string, isDisabled: boolean) {
  const versions = versionsOf(key.ifMatch);
  return key.deed((actor) => setClientDisabled(actor, { id: readClientId(id), isDisabled, versions }), replyWith);
}

/** Returns an application's id; text that can't be one becomes "", which is the id of no application. */
function readClientId(text: string): string {
  return ClientId.safeParse(text).data ?? "";
}

/** Finds an application. Fails with `version_changed` if the caller named versions and it has none of them. */
async function findSeen({ ifMatch }: KeyCall, id: string) {
  const found = await findClient(readClientId(id));
  if (!found) return fail({ name: "client_unknown" });
  const versions = versionsOf(ifMatch);
  if (versions && !versions.includes(versionOfClient(found))) return fail({ name: "version_changed" });
  return succeed(found);
}

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { CLIENT_NAME_LENGTH_MAX, REDIRECT_URIS_MAX } from "@/lib/core/policy";
import {
  findSpentLimit,
  type LimitFailure,
  networkCharges,
  record,
  WRONG_CLIENT_SECRETS_FROM_NETWORK,
} from "@/lib/core/rate-limits";
import { fail, type Result, succeed } from "@/lib/core/result";
import { type Queries, type RowOf, readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import { findUrlProblem } from "@/lib/senders/webhooks";
import { drawToken, hashToken } from "./random-token";
import { hasPrivateScheme, isOfOrigin, RedirectUri } from "./redirect-uri";
import { readScopes, Scope, spellScopes } from "./scopes";
import { SigningAlgorithm } from "./signing-keys";

/** The `client_id`. Other text fails with the zod issue `client_id_malformed`. */
export const ClientId = z
  .string()
  .regex(/^[0-9a-f]{24}$/, "client_id_malformed")
  .brand<"ClientId">();
export type ClientId = z.output<typeof ClientId>;
const CLIENT_ID_BYTES = 12;

/** Draws a new `client_id`. */
export const drawClientId = (): ClientId => ClientId.parse(randomBytes(CLIENT_ID_BYTES).toString("hex"));

/** An application that people log in to with their account here. */
export interface OAuthClient {
  /** The `client_id`. */
  id: string;
  name: string;
  /** Whether it can't keep a secret: a page without a server, or an application on a device (OAuth 2.1 §2.1). */
  isPublic: boolean;
  redirectUris: RedirectUri[];
  postLogoutUris: RedirectUri[];
  backChannelLogoutUri: RedirectUri | null;
  /** The scopes that it may request. */
  scopes: Scope[];
  /** Whether it is the operator's own, so that people are not asked for consent. */
  isFirstParty: boolean;
  /** The algorithm that signs its tokens. */
  signingAlgorithm: SigningAlgorithm;
  createdAt: Date;
  /** When the operator disabled it; null while it may be used. */
  disabledAt: Date | null;
}

/** Several URIs. Others fail with the zod issues of `RedirectUri`, or with `redirect_uris_too_many`. */
export const RedirectUris = z.array(RedirectUri).max(REDIRECT_URIS_MAX, "redirect_uris_too_many");

/**
 * Line breaks, control characters, unpaired surrogates, and characters that are not seen or change the direction of the text around them.
 * A name stands in sentences of pages and of the terminal. U+2800 is a Braille pattern without dots.
 */
const CONTROL_PATTERN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800]/u;
/** A joiner between two letters or two emoji, which some languages need, and the variation selector after an emoji. */
const JOINER_PATTERN =
  /(?<=[\p{L}\p{M}])[\u200C\u200D](?=\p{L})|(?<=\p{Extended_Pictographic}\uFE0F?|\p{Emoji_Modifier})\u200D(?=\p{Extended_Pictographic})|(?<=\p{Extended_Pictographic})\uFE0F/gu;
const VISIBLE_PATTERN = /[\p{L}\p{N}\p{P}\p{S}]/u;

function isPlainName(name: string): boolean {
  return VISIBLE_PATTERN.test(name) && !CONTROL_PATTERN.test(name.replace(JOINER_PATTERN, ""));
}

/** What an application is called. Other text fails with the zod issues `name_missing`, `name_too_long` and `name_invalid`. */
export const ClientName = z
  .string()
  .trim()
  .min(1, { error: "name_missing", abort: true })
  .max(CLIENT_NAME_LENGTH_MAX, "name_too_long")
  .refine(isPlainName, "name_invalid");

/** The scopes that an application may ask for. Others fail with the zod issues `scope_unknown` and `scope_openid_missing`. */
export const ClientScopes = z
  .array(z.enum(Scope.options, "scope_unknown"))
  .refine((scopes) => scopes.includes("openid"), "scope_openid_missing");

/**
 * Where this server tells an application that a session has ended: an address that webhooks may go to. Others fail with
 * `redirect_uri_invalid`, or with `back_channel_uri_refused`.
 */
export const BackChannelLogoutUri = RedirectUri.refine(
  (uri) => findUrlProblem(uri) === null,
  "back_channel_uri_refused",
);

/**
 * What the operator says of an application. Fails with the zod issues `name_missing`, `name_too_long`, `name_invalid`,
 * `redirect_uri_missing`, `redirect_uris_too_many`, `redirect_uri_invalid`, `back_channel_uri_refused`, `scope_unknown`,
 * `scope_openid_missing`, `algorithm_unknown` and `private_scheme_of_confidential_client`.
 */
export const ClientSettings = z
  .strictObject({
    name: ClientName,
    isPublic: z.boolean().default(false),
    redirectUris: RedirectUris.min(1, "redirect_uri_missing"),
    postLogoutUris: RedirectUris.default([]),
    backChannelLogoutUri: BackChannelLogoutUri.nullable().default(null),
    scopes: ClientScopes.default(["openid", "phone"]),
    isFirstParty: z.boolean().default(false),
    signingAlgorithm: z.enum(SigningAlgorithm.options, "algorithm_unknown").default("RS256"),
  })
  .refine(({ isPublic, redirectUris }) => isPublic || !redirectUris.some(hasPrivateScheme), {
    error: "private_scheme_of_confidential_client",
    path: ["redirectUris"],
  })
  // Each value once, and scopes in their usual order, so that a change is one that has an effect.
  .transform(({ redirectUris, postLogoutUris, scopes, ...settings }) => ({
    ...settings,
    redirectUris: [...new Set(redirectUris)],
    postLogoutUris: [...new Set(postLogoutUris)],
    scopes: Scope.options.filter((scope) => scopes.includes(scope)),
  }));
export type ClientSettings = z.output<typeof ClientSettings>;

const CLIENT_COLUMNS = {
  id: "text",
  name: "text",
  secretHash: "text?",
  redirectUris: "text",
  postLogoutUris: "text",
  backChannelLogoutUri: "text?",
  scopes: "text",
  isFirstParty: "boolean",
  signingAlgorithm: "text",
  createdAt: "time",
  disabledAt: "time?",
} as const;
const CLIENT_COLUMNS_SQL = Object.keys(CLIENT_COLUMNS)
  .map((name) => `"${name}"`)
  .join(", ");
const CLIENT_VALUES_SQL = Object.keys(CLIENT_COLUMNS)
  .map((name) => `:${name}`)
  .join(", ");

const ADD_CLIENT = statement({
  params: CLIENT_COLUMNS,
  sql: `INSERT INTO "OAuthClient" (${CLIENT_COLUMNS_SQL}) VALUES (${CLIENT_VALUES_SQL}) ON CONFLICT ("id") DO NOTHING`,
});
const COUNT_CLIENTS = statement({
  params: {},
  row: { count: "integer" },
  sql: `SELECT COUNT(*) AS "count" FROM "OAuthClient"`,
});
const FIND_CLIENT = statement({
  params: { id: "text" },
  row: CLIENT_COLUMNS,
  sql: `SELECT ${CLIENT_COLUMNS_SQL} FROM "OAuthClient" WHERE "id" = :id`,
});
const LIST_CLIENTS = statement({
  params: {},
  row: CLIENT_COLUMNS,
  sql: `SELECT ${CLIENT_COLUMNS_SQL} FROM "OAuthClient" ORDER BY "createdAt", "id"`,
});

/** The beginning of a secret, by which scanners of source code recognise a leaked one. */
const SECRET_PREFIX = "sarafan_cs_";

const drawSecret = () => `${SECRET_PREFIX}${drawToken()}`;

/**
 * Adds an application. Returns its id, and the secret of a confidential one, of which only the hash is stored; the secret of a public one
 * is null. Returns null if there is an application with the given id already. The caller has checked that it may, and records it.
 */
export async function addClient(
  tx: Transaction,
  { id, settings }: { id: ClientId; settings: ClientSettings },
  now: Date,
): Promise<{ id: ClientId; secret: string | null } | null> {
  const { isPublic, redirectUris, postLogoutUris, scopes, ...rest } = settings;
  const secret = isPublic ? null : drawSecret();
  const row = {
    ...rest,
    id,
    secretHash: secret && hashToken(secret),
    redirectUris: JSON.stringify(redirectUris),
    postLogoutUris: JSON.stringify(postLogoutUris),
    scopes: spellScopes(scopes),
    createdAt: now,
    disabledAt: null,
  };
  return (await tx.run(ADD_CLIENT, row)) > 0 ? { id, secret } : null;
}

/** Returns how many applications there are. */
export async function countClients(db: Queries): Promise<number> {
  return (await db.get(COUNT_CLIENTS, {}))?.count ?? 0;
}

const CHANGE_CLIENT = statement({
  params: {
    id: "text",
    name: "text",
    redirectUris: "text",
    postLogoutUris: "text",
    backChannelLogoutUri: "text?",
    scopes: "text",
    isFirstParty: "boolean",
    signingAlgorithm: "text",
  },
  sql: `
    UPDATE "OAuthClient" SET "name" = :name, "redirectUris" = :redirectUris, "postLogoutUris" = :postLogoutUris,
      "backChannelLogoutUri" = :backChannelLogoutUri, "scopes" = :scopes, "isFirstParty" = :isFirstParty,
      "signingAlgorithm" = :signingAlgorithm
    WHERE "id" = :id`,
});
const LOCK_CLIENT = statement({
  params: { id: "text" },
  row: CLIENT_COLUMNS,
  sql: `UPDATE "OAuthClient" SET "name" = "name" WHERE "id" = :id RETURNING ${CLIENT_COLUMNS_SQL}`,
});
const SET_DISABLED = statement({
  params: { id: "text", disabledAt: "time?" },
  sql: `
    UPDATE "OAuthClient" SET "disabledAt" = :disabledAt
    WHERE "id" = :id AND ("disabledAt" IS NULL) <> (:disabledAt IS NULL)`,
});
const SET_SECRET = statement({
  params: { id: "text", secretHash: "text" },
  sql: `UPDATE "OAuthClient" SET "secretHash" = :secretHash WHERE "id" = :id AND "secretHash" IS NOT NULL`,
});

/** Locks the application's row until the end of the transaction, and returns the application, or null. */
export async function lockClient(tx: Transaction, id: string): Promise<OAuthClient | null> {
  const row = await tx.get(LOCK_CLIENT, { id });
  return row ? clientOf(row) : null;
}

/** Replaces the settings of an application. Whether it is public stays as it was. */
export function replaceSettings(
  tx: Transaction,
  id: string,
  { isPublic: _, redirectUris, postLogoutUris, scopes, ...settings }: ClientSettings,
): void {
  tx.queue(CHANGE_CLIENT, {
    ...settings,
    id,
    redirectUris: JSON.stringify(redirectUris),
    postLogoutUris: JSON.stringify(postLogoutUris),
    scopes: spellScopes(scopes),
  });
}

/** Disables an application at this time, or enables it (null). Returns false if it was so already. */
export async function setDisabled(tx: Transaction, id: string, disabledAt: Date | null): Promise<boolean> {
  return (await tx.run(SET_DISABLED, { id, disabledAt })) > 0;
}

/** Gives a confidential application a new secret in place of the old one, and returns it; null if there is no such application. */
export async function renewSecret(tx: Transaction, id: string): Promise<string | null> {
  const secret = drawSecret();
  return (await tx.run(SET_SECRET, { id, secretHash: hashToken(secret) })) > 0 ? secret : null;
}

/** How many rows a step of a removal deletes: so few that it keeps SQLite's only writer busy for some milliseconds. */
const REMOVED_PER_STEP = 500;

/** What belongs to an application and grows with its people, in the order in which it is deleted. */
const REMOVE_SOME = (["LogoutNotice", "AuthorizationCode", "OAuthGrant", "OAuthConsent"] as const).map((table) =>
  statement({
    params: { id: "text" },
    sql: {
      sqlite: `
        DELETE FROM "${table}" WHERE rowid IN (SELECT rowid FROM "${table}" WHERE "clientId" = :id LIMIT ${REMOVED_PER_STEP})`,
      // As in lib/core/sweeping.ts: no two transactions wait for each other.
      postgresql: `
        DELETE FROM "${table}" WHERE ctid = ANY (ARRAY (
          SELECT ctid FROM "${table}" WHERE "clientId" = :id LIMIT ${REMOVED_PER_STEP} FOR UPDATE SKIP LOCKED))`,
    },
  }),
);
const REMOVE_CLIENT = statement({ params: { id: "text" }, sql: `DELETE FROM "OAuthClient" WHERE "id" = :id` });

/**
 * Deletes the notices, codes, grants and consents of an application that is disabled, in steps of `REMOVED_PER_STEP` rows. After each it
 * rests as long as the step took, so that other transactions get their turn.
 */
export async function removeRowsOfClient(id: string): Promise<void> {
  for (const statement of REMOVE_SOME) {
    for (let removed = REMOVED_PER_STEP; removed === REMOVED_PER_STEP; ) {
      const startedMs = performance.now();
      removed = await transact(async (tx) => tx.run(statement, { id }));
      await sleep(performance.now() - startedMs);
    }
  }
}

/** Deletes an application with the rows that are left of it. */
export function removeClientRow(tx: Transaction, id: string): void {
  tx.queue(REMOVE_CLIENT, { id });
}

/**
 * Returns the version of an application: a text that changes with each setting and with whether the application is disabled. A change that
 * names the version applies only to what its sender has read.
 */
export function versionOfClient({ createdAt: _, ...client }: OAuthClient): string {
  return createHash("sha256").update(JSON.stringify(client)).digest("base64url").slice(0, 16);
}

/** Returns the application with this id, also a disabled one, or null. */
export async function findClient(id: string): Promise<OAuthClient | null> {
  const row = await findRow(id);
  return row ? clientOf(row) : null;
}

/** A request may name any text, also one with characters that PostgreSQL refuses. So only a `client_id` is looked up. */
async function findRow(id: string) {
  return ClientId.safeParse(id).success ? readPrimary.get(FIND_CLIENT, { id }) : undefined;
}

/** Returns all applications, the oldest first. */
export async function listClients(): Promise<OAuthClient[]> {
  return (await readPrimary.all(LIST_CLIENTS, {})).map(clientOf);
}

/**
 * Returns the application that presents this id and secret (OAuth 2.1 §2.4); `secret` is null if it presents none. Fails with
 * `client_invalid` for an unknown or disabled application, for a confidential one without its secret, and for a public one with any.
 */
export async function authenticateClient({
  id,
  secret,
}: {
  id: string;
  secret: string | null;
}): Promise<Result<OAuthClient, { name: "client_invalid" }>> {
  const row = await findRow(id);
  if (!row || row.disabledAt || !isRightSecret(row.secretHash, secret)) return fail({ name: "client_invalid" });
  return succeed(clientOf(row));
}

/**
 * Counts a wrong secret of this network, and fails with `budget_spent` after `WRONG_CLIENT_SECRETS_PER_NETWORK_PER_HOUR` of them. That
 * slows down an application with an old secret, and bounds what it writes. It protects no secret: 256 random bits can't be
 * guessed, so the right secret is accepted all the time, and no stranger can lock an application out.
 */
export async function countWrongSecret(network: string, now = new Date()): Promise<Result<null, LimitFailure>> {
  const charges = networkCharges(WRONG_CLIENT_SECRETS_FROM_NETWORK, network);
  const spent = await findSpentLimit(readPrimary, charges, now);
  if (spent) return fail(spent);
  await transact((tx) => record(tx, charges, now));
  return succeed(null);
}

const LIST_PUBLIC_REDIRECT_URIS = statement({
  params: {},
  row: { redirectUris: "text" },
  sql: `SELECT "redirectUris" FROM "OAuthClient" WHERE "secretHash" IS NULL AND "disabledAt" IS NULL`,
});

/** Returns whether pages of this origin are pages of a public application, which calls the addresses for tokens by scripts. */
export async function isOriginOfPublicClient(origin: string): Promise<boolean> {
  const rows = await readPrimary.all(LIST_PUBLIC_REDIRECT_URIS, {});
  const uris = rows.flatMap(({ redirectUris }) => JSON.parse(redirectUris) as RedirectUri[]);
  return uris.some((uri) => isOfOrigin(uri, origin));
}

function isRightSecret(hash: string | null, secret: string | null): boolean {
  if (hash === null || secret === null) return hash === secret;
  return timingSafeEqual(Buffer.from(hash), Buffer.from(hashToken(secret)));
}

function clientOf({ secretHash, ...row }: RowOf<typeof FIND_CLIENT>): OAuthClient {
  return {
    ...row,
    isPublic: secretHash === null,
    redirectUris: JSON.parse(row.redirectUris),
    postLogoutUris: JSON.parse(row.postLogoutUris),
    backChannelLogoutUri: row.backChannelLogoutUri as RedirectUri | null,
    scopes: readScopes(row.scopes),
    signingAlgorithm: SigningAlgorithm.parse(row.signingAlgorithm),
  };
}

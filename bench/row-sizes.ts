import { randomBytes, randomUUID } from "node:crypto";
import Database from "better-sqlite3";
import { Client } from "pg";
import { migrate } from "../lib/db/migrator.mjs";
import { startPostgres } from "../scripts/internal/postgresql";
import { makePostgresDatabase } from "../scripts/internal/test-database";

/** The size of a table's row in bytes, in a database that was filled row by row. */
export interface RowSize {
  table: string;
  sqlite: { rows: number; indexes: number };
  postgresql: { rows: number; indexes: number };
}

interface Column {
  name: string;
  /** The declared type in SQLite: `TEXT`, `INTEGER`, `DATETIME`, `BOOLEAN` or `REAL`. */
  type: string;
}
interface Table {
  name: string;
  /** All columns except those that the database numbers itself. */
  columns: Column[];
}
type Value = string | number | boolean | Date | null;
type Row = Record<string, Value>;

/** Rows are made and inserted in parts of this size. */
const PART = 5000;

/**
 * Fills both databases with that many rows of each table, and returns the size of a row with its indexes. The tables and columns are
 * read from the migrated SQLite database in `folder`.
 */
export async function measureRowSizes(rows: number, folder: string): Promise<RowSize[]> {
  await migrate(`file:${folder}/scale.db`);
  const sqlite = new Database(`${folder}/scale.db`);
  const postgres = await startPostgres({ isDurable: false });
  const client = new Client({ connectionString: await makePostgresDatabase(postgres.url) });
  try {
    await client.connect();
    sqlite.pragma("synchronous = off");
    const tables = readSchema(sqlite);
    const makeRow = rowMaker(rows);
    for (const table of tables) {
      for (let first = 1; first <= rows; first += PART) {
        const length = Math.min(PART, rows - first + 1);
        const part = Array.from({ length }, (_, at) => makeRow(table, first + at));
        insertIntoSqlite(sqlite, table, part);
        await insertIntoPostgres(client, table, part);
      }
    }
    await client.query("VACUUM");
    const sizes: RowSize[] = [];
    for (const { name } of tables) {
      const perRow = ({ table, indexes }: Sizes) => ({ rows: table / rows, indexes: indexes / rows });
      sizes.push({
        table: name,
        sqlite: perRow(sizesInSqlite(sqlite, name)),
        postgresql: perRow(await sizesInPostgres(client, name)),
      });
    }
    return sizes;
  } finally {
    // Ended before PostgreSQL stops, whose message to an open connection would hide an error of this function.
    await client.end();
    sqlite.close();
    await postgres.stop();
  }
}

/** Returns the tables of the schema, each after those that it refers to. The migrator's own table is left out. */
function readSchema(sqlite: Database.Database): Table[] {
  const names = sqlite
    .prepare(
      `SELECT "name" FROM sqlite_master
       WHERE "type" = 'table' AND "name" NOT LIKE 'sqlite%' AND "name" <> '_prisma_migrations' ORDER BY "name"`,
    )
    .pluck()
    .all() as string[];
  const tables = names.map((name) => ({ name, columns: readColumns(sqlite, name) }));
  const rank = ({ name }: Table) =>
    ["WebhookDelivery", "WebhookEndpoint", "ImportRun", "OAuthClient", "Session", "User"].indexOf(name);
  return tables.sort((one, other) => rank(other) - rank(one));
}

function readColumns(sqlite: Database.Database, table: string): Column[] {
  const columns = sqlite.pragma(`table_info("${table}")`) as (Column & { pk: number })[];
  return columns.filter(({ name, type, pk }) => !(pk && type === "INTEGER" && name === "id"));
}

function insertIntoSqlite(sqlite: Database.Database, { name, columns }: Table, rows: Row[]) {
  const places = columns.map(() => "?").join(", ");
  const insert = sqlite.prepare(`INSERT INTO "${name}" (${namesOf(columns)}) VALUES (${places})`);
  const insertAll = sqlite.transaction(() => {
    for (const row of rows) insert.run(columns.map((column) => inSqlite(row[column.name] ?? null)));
  });
  insertAll();
}

/** Formats a time as Prisma stores it. */
function inSqlite(value: Value) {
  if (value instanceof Date) return value.toISOString().replace("Z", "+00:00");
  return typeof value === "boolean" ? Number(value) : value;
}

async function insertIntoPostgres(client: Client, { name, columns }: Table, rows: Row[]) {
  const names = namesOf(columns);
  await client.query(
    `INSERT INTO "${name}" (${names}) SELECT ${names} FROM json_populate_recordset(NULL::"${name}", $1)`,
    [JSON.stringify(rows)],
  );
}

const namesOf = (columns: Column[]) => columns.map(({ name }) => `"${name}"`).join(", ");

/** Returns the size in bytes. */
interface Sizes {
  table: number;
  indexes: number;
}

function sizesInSqlite(sqlite: Database.Database, table: string): Sizes {
  const size = sqlite
    .prepare(
      `SELECT coalesce(sum("pgsize"), 0) FROM dbstat
       WHERE "name" IN (SELECT "name" FROM sqlite_master WHERE "tbl_name" = ? AND "type" = ?)`,
    )
    .pluck();
  return { table: Number(size.get(table, "table")), indexes: Number(size.get(table, "index")) };
}

async function sizesInPostgres(client: Client, table: string): Promise<Sizes> {
  const { rows } = await client.query<{ table: string; indexes: string }>(
    `SELECT pg_relation_size($1::regclass) AS "table", pg_indexes_size($1::regclass) AS "indexes"`,
    [`"${table}"`],
  );
  return { table: Number(rows[0]?.table), indexes: Number(rows[0]?.indexes) };
}

/** Makes rows as in use: random values come in random order, and so fill the pages of their index as in use. */
function rowMaker(rows: number): (table: Table, number: number) => Row {
  const account = () => 1 + Math.floor(Math.random() * rows);
  const values: Record<string, (number: number) => Value> = {
    ...{ phone: phoneOf, email: (n) => (isOneIn(10, n) ? `person-${scatter(n)}@mail.example` : null) },
    ...{ phoneProvenAt: timeOf, emailProvenAt: (n) => (isOneIn(10, n) ? timeOf(n) : null), claimedPhone: () => null },
    ...{ blockedAt: () => null, isTest: () => false },
    ...{ until: timeOf, madeAt: timeOf, note: () => "the reviewers of a store" },
    ...{ inviteCode: inviteCodeOf, referralCount: (n) => n % 3 },
    ...{ inviteeId: (n) => n, inviterId: account, code: inviteCodeOf, activatedAt: timeOf },
    ...{
      purpose: () => "login",
      holder: () => randomUUID(),
      state: () => "delivered",
      "Challenge.state": () => "used",
    },
    ...{
      codeHmac: hash,
      digits: () => 4,
      tries: () => 1,
      sends: () => 1,
      madeAccount: () => false,
      before: () => null,
    },
    ...{ expiresAt: timeOf, verifiedUntil: () => null, deliveryAt: timeOf },
    ...{ sentAt: timeOf, sendsSince: timeOf, at: timeOf, createdAt: timeOf, seenAt: timeOf, requestedAt: timeOf },
    ...{ resetsAt: timeOf, dueAt: timeOf, stateAt: timeOf },
    ...{ recipient: hash, "Challenge.recipient": phoneOf },
    ...{ network: () => `203.0.113.${account() % 256}`, agent: () => AGENT, browserId: () => randomUUID() },
    ...{ "Session.id": sessionOf, sessionId: sessionOf, userId: account, provenPhone: phoneOf },
    ...{ generation: (n) => (n % 2 ? 3 : null), refreshedAt: (n) => (n % 2 ? timeOf(n) : null) },
    ...{ isGenerationUsed: () => false, isNew: () => false, consoleAt: () => null },
    ...{ "DelayedChange.userId": (n) => n, "DelayedChange.action": () => "phone", next: phoneOf },
    ...{ sender: () => "smsru", providerId: (n) => `202648-1000${scatter(n)}`, reason: () => null },
    ...{
      lastDigits: (n) => String(n % 100).padStart(2, "0"),
      country: () => "RU",
      requestId: () => randomUUID(),
      cost: () => 3.5,
      currency: () => "RUB",
    },
    ...{ key: () => `sends a day from a network to ${hash()}`, count: () => 1, name: (n) => `mark ${n}` },
    // A few dozens of sums an hour or day: the rows of one share its hour.
    ...{ hour: (n) => new Date(STARTED + Math.floor(n / SUMS_PER_PERIOD) * 3_600_000) },
    ...{ day: (n) => dayOf(Math.floor(n / SUMS_PER_PERIOD)), measure: () => "message_undelivered" },
    ...{ channel: () => "phone", amount: () => 3.5 },
    ...{
      "HourlySum.reason": (n) => `not_taken ${n % SUMS_PER_PERIOD}`,
      "DailySum.reason": (n) => `not_taken ${n % SUMS_PER_PERIOD}`,
    },
    ...{ kind: () => "network", invitees: () => 9, firstAt: timeOf, lastAt: timeOf },
    ...{ "Signal.inviterId": (n) => n, "Signal.state": () => "open", endsAt: timeOf },
    ...{ reviewedBy: () => null, reviewedAt: () => null },
    ...{ startedBy: account, startedAt: timeOf, leaseUntil: timeOf, worker: () => randomUUID(), rows: () => 100_000 },
    ...{ "ImportRun.state": () => "done", "ImportRun.reason": () => "moving in", done: () => 100_000 },
    ...{ results: () => '{"new":99000,"phone_invalid":1000}', ignored: () => "[]" },
    // A page of results. A part of a file is longer, and is kept only until the import ends.
    ...{
      runId: (n) => n,
      "ImportPart.kind": () => "rows",
      number: (n) => n,
      text: () => '[100000,"new"],'.repeat(200),
    },
    ...{ actorKind: () => "person", addedAt: timeOf },
    ...{ type: () => "session.opened", accountId: account, sequence: (n) => 1 + (n % 40), data: () => DATA },
    ...{ "ApiKey.name": () => "the mirror of accounts", keyHash: hash, hint: () => "sk_7K4M", lastUsedAt: timeOf },
    ...{ scopes: () => "accounts:read accounts:write events:read", revokedAt: () => null },
    ...{ keyId: () => 1, "IdempotencyKey.key": () => randomUUID(), requestHash: hash, attempt: () => randomUUID() },
    ...{ answer: () => ANSWER },
    ...{ "WebhookEndpoint.id": (n) => `we_${n}`, url: () => "https://backend.example/hooks", types: () => null },
    ...{ description: () => "the mirror of accounts", hasPhones: () => false, "WebhookEndpoint.state": () => "active" },
    ...{
      secret: () => SEALED,
      publicKey: () => `whpk_${hash()}`,
      previousSecret: () => null,
      previousUntil: () => null,
    },
    ...{ cursorAt: timeOf, cursorTransactionId: (n) => 1_000_000 + n, cursorId: (n) => n, version: () => 1 },
    ...{ missedAt: () => null, failingSince: () => null },
    ...{
      "WebhookDelivery.id": deliveryIdOf,
      endpointId: () => "we_1",
      eventId: (n) => n,
      attempts: () => 1,
      step: () => 1,
    },
    ...{ "WebhookDelivery.dueAt": () => null, "WebhookDelivery.worker": () => null, deliveryId: deliveryIdOf },
    ...{ "WebhookAttempt.number": () => 1, status: () => 204, durationMs: () => 40, fault: () => null },
    ...{ "WebhookAttempt.answer": () => null },
    ...{ subject: () => null, clientId: (n) => `client ${n}`, "OAuthClient.id": (n) => `client ${n}` },
    ...{ "OAuthClient.name": () => "the book club", secretHash: hash, redirectUris: () => REDIRECT_URIS },
    ...{ postLogoutUris: () => "[]", backChannelLogoutUri: () => null, isFirstParty: () => false },
    ...{ signingAlgorithm: () => "RS256", disabledAt: () => null, "OAuthClient.scopes": () => OAUTH_SCOPES },
    ...{ "OAuthConsent.userId": (n) => n, "OAuthConsent.scopes": () => OAUTH_SCOPES, givenAt: timeOf },
    ...{ firstLoginAt: timeOf, "AuthorizationCode.hash": hash, redirectUri: () => "https://club.example/callback" },
    ...{ codeChallenge: hash, "AuthorizationCode.scopes": () => OAUTH_SCOPES, nonce: hash, redeemedAt: timeOf },
    ...{ grantId: () => randomUUID(), "OAuthGrant.id": () => randomUUID(), "OAuthGrant.scopes": () => OAUTH_SCOPES },
    ...{ firstId: () => null, "OAuthGrant.loggedInAt": () => null },
    ...{ isFirst: () => false, "SigningKey.id": hash, algorithm: () => "RS256", "SigningKey.generation": (n) => n },
    ...{ "SigningKey.publicKey": () => `{"kty":"RSA","e":"AQAB","n":"${"x".repeat(342)}"}`, signsFrom: timeOf },
    ...{ privateKey: () => "x".repeat(1660), "SigningKey.endsAt": () => null },
    ...{ sub: hash, sid: hash, "LogoutNotice.attempts": () => 0, "LogoutNotice.dueAt": timeOf },
    ...{ "LogoutNotice.worker": () => null },
    ...{ transactionId: (n) => 1_000_000 + n, eventSequence: (n) => n % 40 },
    ...{ action: () => "signed_in", actorId: account, subjectId: account, details: () => DETAILS },
  };
  return (table, number) => {
    const entries = table.columns.map(({ name }) => {
      const value = values[`${table.name}.${name}`] ?? values[name];
      if (!value) throw new Error(`bench/row-sizes.ts has no value for the column ${table.name}.${name}`);
      return [name, value(number)];
    });
    return Object.fromEntries(entries);
  };
}

const AGENT =
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36";
const DETAILS = JSON.stringify({ device: { kind: "phone", name: "Chrome", system: "Android" }, isNew: false });
const DATA = JSON.stringify({
  ...{ sessionId: randomUUID(), kind: "browser", isConfirmed: true },
  expiresAt: new Date(0).toISOString(),
});
const ANSWER = JSON.stringify({
  status: 201,
  headers: { ETag: '"47DEQpj8HBSa-_TI"', Location: "/api/manage/v1/accounts/1000" },
  body: { id: 1000, inviteCode: "7K4M2P", createdAt: new Date(0).toISOString(), blockedAt: null, referrals: 0 },
});
const REDIRECT_URIS = '["https://club.example/callback"]';
const OAUTH_SCOPES = "openid phone offline_access referral";
const SEALED = randomBytes(92).toString("base64url");
const STARTED = Date.UTC(2026, 0, 1);
/** A prime, so that `scatter` returns a different number for each number below it. */
const SCATTERED = 9_999_991;

/** Returns a whole number below ten million, a different one for each `number`, in no order. */
const scatter = (number: number) => (number * 7_368_787) % SCATTERED;
const sessionOf = (number: number) => `00000000-0000-4000-8000-${String(scatter(number)).padStart(12, "0")}`;
const deliveryIdOf = (number: number) => `msg_${String(scatter(number)).padStart(22, "0")}`;
const SUMS_PER_PERIOD = 60;
const dayOf = (number: number) => new Date(STARTED + number * 86_400_000).toISOString().slice(0, 10);
const isOneIn = (times: number, number: number) => number % times === 0;
const timeOf = (number: number) => new Date(STARTED + number * 1000);
const hash = () => randomBytes(32).toString("base64url");
/** A phone of a code range that belongs to no operator. */
const phoneOf = (number: number) => `+7945${String(scatter(number)).padStart(7, "0")}`;
const inviteCodeOf = (number: number) => `A${scatter(number).toString(32).toUpperCase().padStart(5, "0")}`;

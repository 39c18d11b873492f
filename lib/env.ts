import { tmpdir } from "node:os";
import path from "node:path";
import ipaddr from "ipaddr.js";
import { isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/max";
import { z } from "zod";
import { describeMisspelt } from "./misspelt-settings";
import { CommaSeparated, countrySenders, missingSettings, readChains, senderSettings } from "./sender-settings";

export { SENDER_NAMES, type SenderName } from "./sender-settings";

/** A setting is missing or wrong. The message names each such setting and the values that it may have. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

/** The schemas of all settings that were read, by name. */
const settingSchemas = new Map<string, z.core.$ZodType>();

/**
 * Returns the schemas of all settings that were read, by name. Their metadata (`meta()` in zod) has a `description`, and
 * where it is of use an `example` and a `fallback`, which says what applies while the setting is not set.
 */
export function describedSettings(): ReadonlyMap<string, z.core.$ZodType> {
  return settingSchemas;
}

/** A setting as this process has it. */
export interface SettingInForce {
  name: string;
  /** As it would be written; empty if the setting is not set and has no default, null if the value is a secret or personal. */
  value: string | null;
  /** Where the value comes from: the environment, a file (`.env.local` or `.env`), or the default. */
  source: "environment" | "file" | "default";
}

/**
 * Returns all settings by name, as this process has them, without those of Vercel. `computed` has the values that follow from other
 * settings while a setting is not set.
 */
function settingsInForce(computed: Readonly<Record<string, unknown>>, namesInFiles: string): SettingInForce[] {
  const ofFiles = new Set(namesInFiles.split(","));
  return [...settingSchemas]
    .filter(([name]) => !NOT_OURS_PATTERN.test(name))
    .map(([name, schema]): SettingInForce => {
      const given = process.env[name] ?? "";
      const isSecret = z.globalRegistry.get(schema)?.isSecret === true;
      const source = given === "" ? "default" : ofFiles.has(name) ? "file" : "environment";
      const value = given === "" ? presetOf(schema) || writeValue(computed[name]) : given;
      return { name, value: isSecret && value !== "" ? null : value, source };
    })
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** Settings that exist only to be refused, and variables that Vercel sets. */
const NOT_OURS_PATTERN = /^(AUTH_URL|NEXTAUTH_URL|VERCEL_.*)$/;

/** The value that applies while a setting is not set, as it would be written. Empty for none. */
export function presetOf(schema: z.core.$ZodType): string {
  const def = schema._zod.def;
  const isPreset = def.type === "default" || def.type === "prefault";
  return isPreset && "defaultValue" in def ? String(def.defaultValue) : "";
}

function writeValue(value: unknown): string {
  const isWritable = ["string", "number", "boolean"].includes(typeof value) || Array.isArray(value);
  return isWritable ? String(value) : "";
}

/** Returns a sentence for each name in the environment that is one letter off a setting's name. */
export function misspeltSettings(): string[] {
  return describeMisspelt(Object.keys(process.env), new Set(settingSchemas.keys()));
}

/**
 * Reads the settings that `shape` describes from the environment. An empty setting counts as not set. Throws a `SettingsError` when any is
 * wrong; its message contains no values, because some are secrets.
 */
export function readSettings<Shape extends z.ZodRawShape>(shape: Shape): z.output<z.ZodObject<Shape>> {
  for (const [name, schema] of Object.entries(shape)) settingSchemas.set(name, schema);
  const given = Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ""));
  const parsed = z.object(shape).safeParse(given);
  if (parsed.success) return parsed.data;
  const sentences = parsed.error.issues.map((issue) => `The setting ${issue.path.join(".")} ${issue.message}.`);
  throw new SettingsError([...sentences, ...misspeltSettings()].join("\n"));
}

/** The schema of a whole number from `min` to `max`, with the default `preset`. */
export function wholeNumber(preset: number, { min, max }: { min: number; max: number }) {
  const problem = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d+$/, problem)
    .transform(Number)
    .refine((number) => number >= min && number <= max, problem)
    .default(preset);
}

const Flag = z.enum(["true", "false"], "must be true or false").transform((text) => text === "true");

const LOOPBACK_HOSTNAMES = ["localhost", "127.0.0.1", "[::1]", "::1"];

/** Whether a host name, as in a URL or in `HOST`, is a loopback name, so that only this machine reaches it. */
export function isLoopback(hostname: string): boolean {
  return LOOPBACK_HOSTNAMES.includes(hostname);
}

/** Whether a database's URL names a PostgreSQL; any other names the file of an SQLite database. */
export function isPostgresUrl(url: string): boolean {
  return /^postgres(ql)?:\/\//i.test(url);
}

/** Whether the name or password in a URL has unescaped characters, so that the URL is invalid or is parsed wrongly. */
function hasUnescapedCredentials(url: string): boolean {
  const [, authority = "", rest = ""] = /^[a-z]+:\/\/([^/?#]*)(.*)$/is.exec(url) ?? [];
  // Finds an @ that ends the credentials, but comes after a `/`, `#` or `?` inside them. A query may contain an @ of its own.
  if (/^([/#][^@?]*|\?[^@=]*)@/s.test(rest)) return true;
  if (!URL.canParse(url)) return authority.includes("@");
  const { username, password } = new URL(url);
  // A percent sign that begins no escape sequence is allowed, because the drivers read it as it is.
  return [username, password].some((part) => !/%(?![\da-f]{2})/i.test(part) && !canBeDecoded(part));
}

function canBeDecoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== undefined;
  } catch {
    return false;
  }
}

const UNESCAPED_CREDENTIALS_ERROR =
  "has a name or a password with characters that are special in a URL: write them as # %23, / %2F, ? %3F, @ %40, : %3A, [ %5B, ] %5D, % %25";
const CredentialsUrl = z
  .string()
  .refine((url) => !hasUnescapedCredentials(url), { error: UNESCAPED_CREDENTIALS_ERROR, abort: true });

const SQLITE_URL_PATTERN = /^file:(?!:memory:)[^?]*[^?/]$/;
const PostgresUrl = CredentialsUrl.refine(
  (url) => isPostgresUrl(url) && URL.canParse(url),
  "must be the URL of a PostgreSQL, such as postgresql://name:password@db.example:5432/sarafan",
).refine(
  (url) => !URL.canParse(url) || (new URL(url).searchParams.get("schema") ?? "public") === "public",
  "must not name a schema: set the role's search_path instead",
);
const DatabaseUrl = z
  .string()
  .refine((url) => isPostgresUrl(url) || SQLITE_URL_PATTERN.test(url), {
    error:
      "must be the path of an SQLite file and no more, such as file:./data/sarafan.db, or postgresql://name:password@db.example:5432/sarafan",
    abort: true,
  })
  .superRefine((url, context) => {
    if (!isPostgresUrl(url)) return;
    for (const { message } of PostgresUrl.safeParse(url).error?.issues ?? []) context.addIssue(message);
  });

/** Whether this is a deployment on Vercel, behind Vercel's proxies. */
export const IS_ON_VERCEL = Boolean(process.env.VERCEL);

const isProduction = process.env.VERCEL_ENV === "production";

/**
 * Whether this is a preview on Vercel without a database. Its data is in the temporary folder of a function, and is lost when
 * Vercel ends that function's process.
 */
export const IS_PREVIEW =
  IS_ON_VERCEL && !isProduction && process.env.ALLOW_DEMO === "true" && !process.env.DATABASE_URL;

const VERCEL_ERROR =
  isProduction && process.env.ALLOW_DEMO === "true" && !process.env.DATABASE_URL
    ? "is missing, and production is never a preview: set the URL of a PostgreSQL, such as postgresql://name:password@db.example:5432/sarafan, and ALLOW_DEMO for previews only"
    : "must be the URL of a PostgreSQL on Vercel, which keeps no files: postgresql://name:password@db.example:5432/sarafan (a preview with ALLOW_DEMO=true needs no database)";
const VercelDatabaseUrl = z.string(VERCEL_ERROR).refine((url) => isPostgresUrl(url) && URL.canParse(url), VERCEL_ERROR);
/** Functions on Vercel can write to the temporary folder only, and each function has one of its own. */
const PREVIEW_DATABASE_URL = `file:${path.join(tmpdir(), "sarafan-preview.db")}`;

const Origin = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).pathname === "/",
    "must be the public address without a path, such as https://sarafan.example",
  )
  .transform((text) => new URL(text).origin);

const parsePhone = (text: string) => parsePhoneNumberFromString(text, { extract: false });

/** Origins as browsers write them, including those of applications (`capacitor://localhost`). */
const Origins = CommaSeparated.refine(
  (origins) => origins.every((origin) => URL.canParse(origin) && /^[a-z][a-z\d.+-]*:\/\/[^/?#@*]+$/.test(origin)),
  "must be exact origins without a path, separated by commas, such as https://app.example,https://www.app.example",
)
  // In the URL Standard (§4.7) only http and https URLs have an origin. Browsers send an origin for other schemes, too.
  .transform((origins) => origins.map((origin) => (/^https?:/.test(origin) ? new URL(origin).origin : origin)));

const Phones = CommaSeparated.refine(
  (phones) => phones.every((phone) => phone.startsWith("+") && parsePhone(phone)?.isValid()),
  "must be phone numbers that begin with a plus, separated by commas",
).transform((phones) => phones.map((phone): string => parsePhone(phone)?.number ?? phone));

const Countries = CommaSeparated.refine(
  (countries) => countries.every((country) => country === "*" || isSupportedCountry(country)),
  "must be countries by their two capital letters, separated by commas, such as RU,KZ, or * for all",
);

function isTimeZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}

const DelayRange = z
  .string()
  .regex(/^\d{1,5}(-\d{1,5})?$/, "must be milliseconds: one number, or a range such as 1000-2000")
  .transform((text) => text.split("-").map(Number))
  .transform(([min = 0, max = min]) => ({ min, max }))
  .refine(({ min, max }) => min <= max, "must be a range whose first number is the smaller one");

/** Splits a setting's text at its commas. */
const List = z.string().transform((text) => text.split(",").map((part) => part.trim()));

// The fields of a security.txt (RFC 9116 §2.5). Each is one line of ASCII.
const Contacts = List.refine(
  (contacts) =>
    contacts.every((contact) => /^(mailto:[!-?A-~]+@[!-?A-~]+|tel:\+[\d.-]+|https:\/\/[!-~]+)$/.test(contact)),
  "must be addresses with mailto:, tel: or https://, separated by commas, such as mailto:security@sarafan.example",
);
const Page = z
  .string()
  .regex(/^https:\/\/[!-~]+$/, "must be the address of a page, such as https://sarafan.example/security");
const OpenPgpKey = z
  .string()
  .regex(
    /^(https:\/\/|dns:|openpgp4fpr:)[!-~]+$/,
    "must be the address of an OpenPGP key: https://…, dns:… or openpgp4fpr: and the fingerprint",
  );
const Languages = List.refine(
  (tags) => tags.every((tag) => /^[a-z]{2,3}(-[a-z\d]{1,8})*$/i.test(tag)),
  "must be languages by their codes, separated by commas, such as ru,en",
);

const AddressRanges = CommaSeparated.refine(
  (ranges) => ranges.every((range) => ipaddr.isValidCIDR(range)),
  "must be ranges of addresses, separated by commas, such as 10.0.0.0/8,fd00::/8",
).transform((ranges) => ranges.map((range) => ipaddr.parseCIDR(range)));

const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug"] as const;

function databaseUrlSchema() {
  if (IS_PREVIEW) return z.string().default(PREVIEW_DATABASE_URL);
  return IS_ON_VERCEL ? VercelDatabaseUrl : DatabaseUrl.default("file:./data/sarafan.db");
}

function readEnv() {
  const given = readSettings({
    PORT: wholeNumber(3000, { min: 1, max: 65_535 }).meta({ description: "The TCP port that the server listens on." }),
    HOST: z
      .string()
      .regex(/^[\w.:-]+$/, "must be an address or a name of this machine, such as 0.0.0.0")
      .default("127.0.0.1")
      .meta({ description: "The address that the server listens on. With `0.0.0.0` other machines reach it." }),
    APP_URL: Origin.optional().meta({
      description: "The public address. Links, cookies and the check of origins depend on it.",
      example: "https://sarafan.example",
      fallback: "`http://localhost:$PORT`; on Vercel the deployment's address",
    }),
    CORS_ORIGINS: Origins.default([]).meta({
      description:
        "Other origins whose pages may use the APIs with tokens, never with cookies. Write each as browsers do.",
      example: "https://app.example,capacitor://localhost",
    }),
    DATABASE_URL: databaseUrlSchema().meta({
      isSecret: true,
      description: "An SQLite file, or a PostgreSQL, which any number of servers may share.",
      example: "postgresql://name:password@db.example:5432/sarafan",
    }),
    DATABASE_READ_URL: PostgresUrl.optional().meta({
      isSecret: true,
      description: "A replica of that PostgreSQL, for reading lists. It may lag.",
      example: "postgresql://name:password@replica.example:5432/sarafan",
    }),
    DATABASE_CONNECTIONS: wholeNumber(10, { min: 1, max: 1000 }).meta({
      description: "The most connections of one process to a PostgreSQL.",
    }),
    AUTH_SECRET: z
      .string("is missing: start with `npm start`, which makes one for SQLite, or set 32 characters or more")
      .min(32, "must have 32 characters or more")
      .meta({
        isSecret: true,
        description:
          "Protects sessions and codes; the same on all servers. A person who has it can log in to every account.",
        fallback: "SQLite: made at the first start, next to the database's file. PostgreSQL: must be set",
      }),
    AUTH_SECRET_PREVIOUS: z.string().min(32, "must have 32 characters or more").optional().meta({
      isSecret: true,
      description:
        "The previous secret. Sessions and codes that were made with it stay valid while it is set ([how to change it](operations.md#changing-the-secret)).",
    }),
    ...senderSettings,
    ...countrySenders(Object.keys(process.env).filter((name) => process.env[name])),
    SMTP_URL: CredentialsUrl.refine(
      (text) => URL.canParse(text) && /^smtps?:\/\/[^/]/.test(text),
      "must be the address of a mail server, such as smtps://name:password@mail.example",
    )
      .optional()
      .meta({
        isSecret: true,
        description: "The mail server for codes and notices.",
        example: "smtps://name:password@mail.example",
        fallback: "none: a demonstration prints codes for mailboxes",
      }),
    MAIL_FROM: z
      .string()
      .regex(/^([^<>@\r\n]*<[^<>@\s]+@[^<>@\s]+>|[^<>@\s]+@[^<>@\s]+)$/, "must be like Sarafan <codes@sarafan.example>")
      .optional()
      .meta({
        description: "The sender of mails. Needed with `SMTP_URL`.",
        example: "Sarafan <codes@sarafan.example>",
      }),
    CONSOLE_DELAY_MS: DelayRange.prefault("1000-2000").meta({
      description: "The delay of the console sender, which prints codes in the terminal. A range is a random delay.",
    }),
    REVEAL_CODES: Flag.optional().meta({
      description:
        "Makes the server [a demonstration](operations.md#a-demonstration): it shows codes on the page, to this machine only, while the database carries the mark.",
      example: "false",
      fallback: "`true` while `SENDERS` is the console alone",
    }),
    ALLOW_DEMO: Flag.default(false).meta({
      description: "Makes a demonstration show codes to every visitor, with any database. Metrics then need a token.",
    }),
    DEFAULT_COUNTRY: z
      .string()
      .refine(isSupportedCountry, "must be the two capital letters of a country, such as RU")
      .default("RU")
      .meta({ description: "The country of numbers that are typed without a country code." }),
    TIME_ZONE: z
      .string()
      .refine(isTimeZone, "must be a time zone by its IANA name, such as Europe/Moscow")
      .default("Europe/Moscow")
      .meta({
        description:
          "The operator's time zone. All times in the admin console are in it, and its days begin at its midnight.",
      }),
    OTP_COUNTRIES: Countries.optional().meta({
      description: "The countries to whose phones codes are sent; `*` is all.",
      example: "RU,KZ",
      fallback: "the value of `DEFAULT_COUNTRY`",
    }),
    ADMIN_PHONES: Phones.default([]).meta({
      isSecret: true,
      description:
        "The phones of the administrators, who may open [the console](console.md), and list, change and delete accounts by the API `users`.",
      example: "+79450000001",
    }),
    WEBHOOK_PRIVATE_RANGES: AddressRanges.default([]).meta({
      description:
        "Ranges of private addresses that [webhooks](operations.md#webhooks) may be sent to, for receivers in this server's own network.",
      example: "10.0.0.0/8,fd00::/8",
      fallback: "none: webhooks go to public addresses only",
    }),
    TRUSTED_PROXIES: wholeNumber(0, { min: 0, max: 10 }).meta({
      description:
        "The number of proxies in front of the server, each of which adds one address to `X-Forwarded-For`. With too low a number all visitors share the proxy's limits; with too high a number a client can choose its address.",
    }),
    METRICS_TOKEN: z
      .string()
      .regex(/^[\w.~+/-]{16,}=*$/, "must have 16 characters or more, letters, digits and . _ ~ + / -")
      .optional()
      .meta({
        isSecret: true,
        description: "The bearer token with which Prometheus reads `/api/metrics`.",
        fallback: "none: only this machine can read them",
      }),
    CRON_SECRET: z
      .string()
      .regex(/^[\w.~+/-]{16,}=*$/, "must have 16 characters or more, letters, digits and . _ ~ + / -")
      .optional()
      .meta({
        isSecret: true,
        description:
          "The bearer token with which [the cron job on Vercel](operations.md#vercel) calls `/api/cron/webhooks`. Servers elsewhere need none.",
        fallback: "none: the address is not there",
      }),
    SUPPORT_CONTACT: z.string().trim().min(1).max(200).optional().meta({
      description: "Whom a person asks whose account was blocked. They are told it, as text, after the right code.",
      example: "support@sarafan.example",
      fallback: "none: no contact is told",
    }),
    SECURITY_CONTACT: Contacts.default([]).meta({
      description: "Where vulnerabilities are reported. It makes `/.well-known/security.txt` (RFC 9116).",
      example: "mailto:security@sarafan.example",
      fallback: "none: no `security.txt`",
    }),
    SECURITY_POLICY: Page.optional().meta({
      description: "The page with the rules for reports, for that file.",
      example: "https://sarafan.example/security",
    }),
    SECURITY_KEY: OpenPgpKey.optional().meta({
      description: "The address of an OpenPGP key for reports, for that file.",
      example: "https://sarafan.example/security.asc",
    }),
    SECURITY_LANGUAGES: Languages.optional().meta({
      description: "The languages of reports, for that file.",
      example: "ru,en",
    }),
    LOG_LEVEL: z
      .enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(", ")}`)
      .default("info")
      .meta({ description: "The lowest level that is logged." }),
    AUTH_URL: z.never("is not used: set APP_URL instead").optional(),
    NEXTAUTH_URL: z.never("is not used: set APP_URL instead").optional(),
    VERCEL_URL: z.string().optional(),
    VERCEL_BRANCH_URL: z.string().optional(),
    VERCEL_PROJECT_PRODUCTION_URL: z.string().optional(),
  });
  const { VERCEL_URL, VERCEL_BRANCH_URL, VERCEL_PROJECT_PRODUCTION_URL, ...settings } = given;
  const vercelHost = isProduction ? (VERCEL_PROJECT_PRODUCTION_URL ?? VERCEL_URL) : VERCEL_URL;
  const { byCountry, named } = readChains(settings);
  const isConsoleOnly = named.every((sender) => sender === "console");
  const env = {
    ...settings,
    /** The countries whose phones codes are sent to; `*` is every country. */
    OTP_COUNTRIES: settings.OTP_COUNTRIES ?? [settings.DEFAULT_COUNTRY],
    SENDERS_BY_COUNTRY: byCountry,
    /** All senders that any chain names. */
    SENDERS_NAMED: named,
    APP_URL: settings.APP_URL ?? (vercelHost ? `https://${vercelHost}` : `http://localhost:${settings.PORT}`),
    /** The host at which Vercel serves the newest deployment of this branch, beside the host of APP_URL; null elsewhere. */
    BRANCH_HOST: settings.APP_URL || isProduction ? null : (VERCEL_BRANCH_URL ?? null),
    REVEAL_CODES: settings.REVEAL_CODES ?? isConsoleOnly,
  };
  if (env.DATABASE_READ_URL && !isPostgresUrl(env.DATABASE_URL)) {
    throw new SettingsError("The setting DATABASE_READ_URL is a replica of a PostgreSQL, and DATABASE_URL names none.");
  }
  if (env.AUTH_SECRET_PREVIOUS === env.AUTH_SECRET) {
    throw new SettingsError("The setting AUTH_SECRET_PREVIOUS must be another secret than AUTH_SECRET.");
  }
  if (env.SMTP_URL && !env.MAIL_FROM) {
    throw new SettingsError("The setting MAIL_FROM must say who the mail of SMTP_URL is from.");
  }
  if (env.SECURITY_CONTACT.length === 0 && (env.SECURITY_POLICY || env.SECURITY_KEY || env.SECURITY_LANGUAGES)) {
    throw new SettingsError("The setting SECURITY_CONTACT must say where vulnerabilities are reported.");
  }
  const missing = missingSettings(named, settings);
  if (missing.length > 0) throw new SettingsError(missing.join("\n"));
  const unserved = [...byCountry.keys()].filter((country) => !isServed(country, env.OTP_COUNTRIES));
  if (unserved.length > 0) {
    throw new SettingsError(
      `The setting OTP_COUNTRIES must have ${unserved.join(" and ")} as well: no code goes by ${unserved.map((country) => `SENDERS_${country}`).join(" and ")} otherwise.`,
    );
  }
  if (env.REVEAL_CODES && !isConsoleOnly) {
    throw new SettingsError("The setting REVEAL_CODES must be false while SENDERS names others than the console.");
  }
  if (env.REVEAL_CODES) refuseOpenDemonstration(env);
  return env;
}

/** Whether `countries` (as in `OTP_COUNTRIES`) has `country` or `*`, so that codes are sent to its phones. */
export function isServed(country: string, countries: readonly string[]): boolean {
  return countries.includes("*") || countries.includes(country);
}

/** Throws a `SettingsError` if others can reach a server that reveals codes: each visitor could log in to each account. */
function refuseOpenDemonstration(env: { HOST: string; APP_URL: string; ALLOW_DEMO: boolean }) {
  if (isProduction) {
    throw new SettingsError(
      "The setting REVEAL_CODES must be false in production: codes would be shown to every visitor.",
    );
  }
  if (env.ALLOW_DEMO) return;
  const open = [
    isLoopback(env.HOST) ? null : "HOST",
    isLoopback(new URL(env.APP_URL).hostname) ? null : "APP_URL",
  ].filter((name) => name !== null);
  if (open.length === 0) return;
  throw new SettingsError(
    `The setting REVEAL_CODES must be false while ${open.join(" and ")} can be reached from other machines: codes would be shown to every visitor (ALLOW_DEMO=true accepts that).`,
  );
}

/** The settings of this server, checked once when it starts. */
export const env = readEnv();

/** Whether this server listens on loopback and has no other public address, so that only this machine reaches it. */
export const IS_LOOPBACK_ONLY = isLoopback(env.HOST) && isLoopback(new URL(env.APP_URL).hostname);

/**
 * Returns all settings by name, as this process has them. The values of secrets, and of personal settings, are left out.
 * `namesInFiles` are the settings that the start read from files, separated by commas.
 */
export const listSettings = (namesInFiles = process.env.SARAFAN_SETTINGS_OF_FILES ?? ""): SettingInForce[] =>
  settingsInForce(env, namesInFiles);

/** Whether this is a development server (`next dev`), which serves the sources as they change. */
export const IS_DEVELOPMENT = process.env.NODE_ENV === "development";

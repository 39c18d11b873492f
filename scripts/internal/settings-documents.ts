import { z } from "zod";
import { describedSettings, presetOf } from "../../lib/env";
import "../../lib/core/policy";

/** The settings by subject, in the order of the documents. A `{ name, ... }` is read outside of lib/env.ts, by a script. */
const SECTIONS: { title: string; names: (string | OtherSetting)[] }[] = [
  {
    title: "Server",
    names: ["PORT", "HOST", "APP_URL", "CORS_ORIGINS", "TRUSTED_PROXIES", "HSTS_MAX_AGE_S", "WEBHOOK_PRIVATE_RANGES"],
  },
  {
    title: "Database and secret",
    names: [
      "DATABASE_URL",
      "DATABASE_READ_URL",
      "DATABASE_CONNECTIONS",
      "AUTH_SECRET",
      "AUTH_SECRET_PREVIOUS",
      "DELIVERIES_KEPT_S",
      "WRONG_CODES_KEPT_S",
      "AUDIT_EVENTS_KEPT_S",
      "EVENTS_KEPT_S",
    ],
  },
  {
    title: "Senders of codes to phones",
    names: [
      "SENDERS",
      "TELEGRAM_GATEWAY_TOKEN",
      "SMSRU_API_ID",
      "SMSC_LOGIN",
      "SMSC_PASSWORD",
      "TWILIO_ACCOUNT_SID",
      "TWILIO_AUTH_TOKEN",
      "TWILIO_FROM",
      "HTTP_SENDER_URL",
      "HTTP_SENDER_BODY",
      "HTTP_SENDER_HEADERS",
      "SENDER_TIMEOUT_S",
      "SENDER_FAILURES_MAX",
      "SENDER_REST_S",
      "TELEGRAM_GATEWAY_URL",
      "SMSRU_URL",
      "SMSC_URL",
      "TWILIO_URL",
      "CONSOLE_DELAY_MS",
    ],
  },
  {
    title: "Countries and money",
    names: ["DEFAULT_COUNTRY", "OTP_COUNTRIES", "SMS_BUDGET_PER_DAY", "SMS_COST_PER_DAY", "SMS_PRICE"],
  },
  { title: "Mail", names: ["SMTP_URL", "MAIL_FROM"] },
  { title: "Demonstration", names: ["REVEAL_CODES", "ALLOW_DEMO"] },
  {
    title: "Administrators, metrics, log",
    names: [
      "ADMIN_PHONES",
      "CONSOLE_TTL_S",
      "SUPPORT_CONTACT",
      "TIME_ZONE",
      "METRICS_TOKEN",
      "CRON_SECRET",
      "LOG_LEVEL",
    ],
  },
  {
    title: "Reports of vulnerabilities",
    names: ["SECURITY_CONTACT", "SECURITY_POLICY", "SECURITY_KEY", "SECURITY_LANGUAGES"],
  },
  {
    title: "Codes and guessing",
    names: [
      "CODE_DIGITS",
      "CODE_TTL_S",
      "TRIES_PER_CODE",
      "RESEND_AFTER_S",
      "RESEND_WINDOW_S",
      "LONGER_CODES_AFTER_WRONG",
      "ALARM_AFTER_WRONG",
      "GUESS_PROBABILITY_PER_DAY_MAX",
    ],
  },
  {
    title: "Limits",
    names: [
      "SENDS_PER_PHONE_PER_HOUR",
      "SENDS_PER_PHONE_PER_DAY",
      "SENDS_PER_IP_PER_HOUR",
      "WRONG_CODES_PER_IP_PER_HOUR",
      "SENDS_PER_KNOWN_BROWSER_PER_DAY",
      "KNOWN_BROWSER_TTL_S",
      "ACTIVATIONS_PER_USER_PER_HOUR",
      "INVITE_LOOKUPS_PER_IP_PER_HOUR",
      "TAKEN_ANSWERS_PER_IP_PER_HOUR",
      "TAKEN_ANSWERS_PER_HOUR",
      "API_REQUESTS_PER_KEY_PER_MINUTE",
    ],
  },
  {
    title: "Sessions and tokens",
    names: [
      "SESSION_IDLE_S",
      "SESSION_TTL_S",
      "SESSION_SEEN_EVERY_S",
      "ACCESS_TOKEN_TTL_S",
      "PROOF_TTL_S",
      "RECENT_LOGIN_S",
      "CHANGE_DELAY_S",
    ],
  },
  {
    title: "Lists",
    names: [
      "SESSIONS_LISTED_MAX",
      "EVENTS_PER_PAGE",
      "REFERRALS_PER_PAGE",
      "GROWTH_POINTS_MAX",
      "REFERRALS_LISTED_MAX",
      "ACCOUNTS_PER_PAGE",
    ],
  },
  {
    title: "Building and trying",
    names: [
      {
        name: "NEXT_SERVER_ACTIONS_ENCRYPTION_KEY",
        description:
          "The key of a build's forms, when two builds are served side by side ([upgrades](operations.md#upgrades)). Set it for `npm run build`.",
        values: "32 bytes in Base64, as `openssl rand -base64 32` makes",
        preset: "made by each build",
      },
      {
        name: "DATABASE_DIRECT_URL",
        description:
          "The same PostgreSQL without its pooler, which [the build on Vercel](operations.md#vercel) migrates.",
        values: "as `DATABASE_URL`",
        preset: "the value of `DATABASE_URL`",
      },
      {
        name: "BUILD_STANDALONE",
        description: "Makes `npm run build` write a folder that runs without `node_modules`, as in the Dockerfile.",
        values: "true or false",
        preset: "`false`",
      },
      {
        name: "GATEWAY_PORT",
        description:
          "The TCP port of the fake providers of [`npm run gateway`](delivery.md#try-it-with-the-gateway). Their mail server has the next one.",
        values: "a whole number from 1 to 65534",
        preset: "`8025`",
      },
      {
        name: "EXAMPLE_PORT",
        description: "The TCP port of the example application of `npm run example`.",
        values: "a whole number from 1024 to 65535",
        preset: "`4000`",
      },
    ],
  },
];

/** Settings that exist only to be refused, and variables that Vercel sets. */
const NOT_DOCUMENTED = /^(AUTH_URL|NEXTAUTH_URL|VERCEL_.*)$/;

interface OtherSetting {
  name: string;
  description: string;
  /** Which values the setting may have. */
  values: string;
  /** What applies while the setting is not set, as Markdown. */
  preset: string;
  example?: string;
}

/** The documents of all settings, made from the schemas that read them: docs/settings.md and .env.example. */
export function composeSettingsDocuments(): { "docs/settings.md": string; ".env.example": string } {
  const sections = SECTIONS.map(({ title, names }) => ({ title, settings: names.map(describe) }));
  const named = new Set(sections.flatMap(({ settings }) => settings.map(({ name }) => name)));
  const missing = [...describedSettings().keys()].filter((name) => !named.has(name) && !NOT_DOCUMENTED.test(name));
  if (missing.length > 0) throw new Error(`No section of the documents has ${missing.join(", ")}.`);
  return { "docs/settings.md": composePage(sections), ".env.example": composeExample(sections) };
}

function describe(setting: string | OtherSetting): OtherSetting {
  if (typeof setting !== "string") return setting;
  const schema = describedSettings().get(setting);
  const meta = schema && z.globalRegistry.get(schema);
  if (!schema || !meta?.description) throw new Error(`${setting} has no description, or is not read.`);
  const preset = presetOf(schema);
  return {
    name: setting,
    description: meta.description,
    values: valuesOf(schema),
    preset: meta.fallback ? String(meta.fallback) : describePreset(setting, preset),
    example: meta.example ? String(meta.example) : preset,
  };
}

/** Adds what a number of seconds comes to: `604800` is 7 days. */
function describePreset(name: string, preset: string): string {
  if (preset === "") return "none";
  const seconds = name.endsWith("_S") && /^\d+$/.test(preset) ? Number(preset) : 0;
  const [size, unit] =
    (
      [
        [86_400, "day"],
        [3600, "hour"],
        [60, "minute"],
      ] as const
    ).find(([size]) => seconds >= size && seconds % size === 0) ?? [];
  if (!size) return `\`${preset}\``;
  const count = seconds / size;
  return `\`${preset}\` (${count} ${unit}${count === 1 ? "" : "s"})`;
}

/** The values that a setting may have, as the message that refuses a wrong one says. */
function valuesOf(schema: z.core.$ZodType): string {
  const wrong = z.safeParse(schema, "\0");
  return wrong.success ? "any text" : (wrong.error.issues[0]?.message ?? "").replace(/^must (be|have) /, "");
}

function composePage(sections: { title: string; settings: OtherSetting[] }[]): string {
  const tables = sections.map(({ title, settings }) => {
    const rows = settings.map(({ name, description, values, preset, example }) => {
      const isShown = !example || preset.includes(`\`${example}\``) || values.includes(example);
      const sample = isShown ? "" : ` Example: \`${example}\`.`;
      const unit = /_S$/.test(name) && !values.startsWith("seconds") ? ", in seconds" : "";
      return [`\`${name}\``, description + sample, escapeTags(values) + unit, preset];
    });
    return `## ${title}\n\n${alignTable([["name", "what it does", "values", "default"], ...rows])}`;
  });
  return `${PAGE_INTRODUCTION}\n\n${tables.join("\n\n")}\n`;
}

/** Composes a table in Markdown, with the first row as its head and all columns aligned, as Biome formats it. */
function alignTable([head = [], ...rows]: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const rule = widths.map((width) => "-".repeat(width));
  return [head, rule, ...rows]
    .map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`)
    .join("\n");
}

/** Keeps Markdown from reading an address between angle brackets as a link. */
function escapeTags(text: string): string {
  return text.replace(/</g, "\\<");
}

function composeExample(sections: { title: string; settings: OtherSetting[] }[]): string {
  const parts = sections.map(({ title, settings }) => {
    const lines = settings.flatMap(({ name, description, values, example = "" }) => {
      const text = [nameDocuments(description), `Values: ${values}.`];
      return [...wrap(text.join(" ")), `#${name}=${example}`];
    });
    return [`# --- ${title} ---`, ...lines].join("\n");
  });
  return `${EXAMPLE_INTRODUCTION}\n\n${parts.join("\n\n")}\n`;
}

/** Replaces links to documents by their files: a text file has no links. */
function nameDocuments(markdown: string): string {
  return markdown
    .replace(/\(\[[^\]]+\]\((\w+\.md)[^)]*\)\)/g, "(docs/$1)")
    .replace(/\[([^\]]+)\]\((\w+\.md)[^)]*\)/g, "$1 (docs/$2)");
}

/** Wraps a text into lines of comment, 120 characters long at most unless a word is longer. */
function wrap(text: string): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (`${lines.at(-1)} ${word}`.length > 118) lines.push("");
    lines.push(`${lines.pop()} ${word}`);
  }
  return lines.map((line) => `#${line}`);
}

const PAGE_INTRODUCTION = `# Settings

Settings are read from the environment, else from \`.env.local\`, else from \`.env\` ([.env.example](../.env.example) is one to begin with).
Values in these files are literal: a \`$\` is a \`$\`, and a comment begins with \`#\` after a space. An empty setting counts as not set.

The server doesn't start with a wrong setting, and says what the setting should be. It reports a name that is one letter off a setting,
and a line that is neither a setting nor a comment.

This page and \`.env.example\` are made from the schemas that read the settings, by \`npm run settings\`; a test compares them. A name
ends with its unit: \`_S\` is seconds, \`_MS\` milliseconds.`;

const EXAMPLE_INTRODUCTION = `# Copy this file to .env and change what you need. docs/settings.md has the same settings in tables.
# The environment has precedence over .env.local, and that over .env. Values are literal: a $ is a $, and a comment begins
# with # after a space. Docker compose reads a value literally only between single quotes.`;

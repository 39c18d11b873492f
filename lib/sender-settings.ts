import { type CountryCode, getCountries } from "libphonenumber-js/max";
import { z } from "zod";

/** By sender: the settings that must be set before SENDERS may name the sender. */
const REQUIRED_SETTINGS = {
  console: [],
  twilio: ["TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM"],
  smsru: ["SMSRU_API_ID"],
  smsc: ["SMSC_LOGIN", "SMSC_PASSWORD"],
  telegram: ["TELEGRAM_GATEWAY_TOKEN"],
  http: ["HTTP_SENDER_URL", "HTTP_SENDER_BODY"],
} as const;

/** The senders for phones. */
export type SenderName = keyof typeof REQUIRED_SETTINGS;

export const SENDER_NAMES = Object.keys(REQUIRED_SETTINGS) as SenderName[];

/** The parts of a text that are separated by commas. */
export const CommaSeparated = z.string().transform((text) => text.split(",").map((part) => part.trim()));

const Senders = CommaSeparated.refine(
  (names) => names.every((name) => Object.hasOwn(REQUIRED_SETTINGS, name)) && new Set(names).size === names.length,
  `must be senders in their order, separated by commas, each of them once: ${SENDER_NAMES.join(", ")}`,
).transform((names) => names as SenderName[]);

const HeaderValue = z.string().regex(/^[\x21-\x7e]+$/, "must be one word of letters, digits and signs");

const Address = z
  .string()
  .refine(
    (text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+[^?#]*$/.test(text),
    "must be an address without a query, such as https://sms.example/api",
  );

const BaseAddress = Address.transform((text) => text.replace(/\/+$/, ""));

const HeadersAsJson = z
  .string()
  .transform((text) => z.record(z.string(), z.string()).safeParse(readJson(text)).data ?? null)
  .refine(
    (headers) => headers !== null && canBeHeaders(headers),
    'must be a JSON object of headers and their values, such as {"Authorization":"Bearer …"}',
  )
  .transform((headers) => headers ?? {});

/** A sample of what replaces a placeholder, with characters that JSON escapes and one that is not ASCII. */
const SAMPLE_VALUE = '"\\ Б';

const MessageBody = z
  .string()
  .refine(
    (body) => /\{(text|code)\}/.test(body) && /\{(phone|digits)\}/.test(body),
    "must have {phone} and {text} where the number and the message belong",
  )
  .refine(
    (body) =>
      !/^\s*[[{]/.test(body) ||
      readJson(body.replace(/\{(phone|digits|text|code)\}/g, JSON.stringify(SAMPLE_VALUE).slice(1, -1))) !== undefined,
    'must be a form, or JSON with each place between quotation marks: {"to":"{phone}","text":"{text}"}',
  );

/** The schemas of the settings of all senders for phones, by their names in the environment. */
export const senderSettings = {
  SENDERS: Senders.prefault("console").meta({
    description:
      "The senders of codes to phones, in the order in which they are asked ([how to set them up](delivery.md)). `SENDERS_KZ`, for example, sets those for one country.",
    example: "telegram,smsru,twilio",
  }),
  TWILIO_URL: BaseAddress.default("https://api.twilio.com").meta({ description: "The address of Twilio's API." }),
  TWILIO_ACCOUNT_SID: z
    .string()
    .regex(/^AC[0-9a-f]{32}$/i, "must be AC and 32 hexadecimal digits")
    .optional()
    .meta({
      isSecret: true,
      description: "The account of the sender `twilio`.",
      example: "AC00000000000000000000000000000000",
    }),
  TWILIO_AUTH_TOKEN: HeaderValue.optional().meta({ isSecret: true, description: "The token of the sender `twilio`." }),
  TWILIO_FROM: z
    .string()
    .regex(
      /^(\+\d{7,15}|\d{5,6}|MG[0-9a-f]{32}|(?=.*[A-Za-z])[A-Za-z0-9 +\-_&]{1,11})$/,
      "must be a number with a plus, a short code, a sender ID with a letter in it, or the SID of a messaging service, which begins with MG",
    )
    .optional()
    .meta({
      description: "The number, sender ID or messaging service that Twilio sends from.",
      example: "+15005550006",
    }),
  SMSRU_URL: BaseAddress.default("https://sms.ru").meta({ description: "The address of SMS.ru's API." }),
  SMSRU_API_ID: HeaderValue.optional().meta({ isSecret: true, description: "The key of the sender `smsru`." }),
  SMSC_URL: BaseAddress.default("https://smsc.ru").meta({ description: "The address of SMSC's API." }),
  SMSC_LOGIN: z.string().optional().meta({ isSecret: true, description: "The login of the sender `smsc`." }),
  SMSC_PASSWORD: z.string().optional().meta({ isSecret: true, description: "The password of the sender `smsc`." }),
  TELEGRAM_GATEWAY_URL: BaseAddress.default("https://gatewayapi.telegram.org").meta({
    description: "The address of the Telegram Gateway's API.",
  }),
  TELEGRAM_GATEWAY_TOKEN: HeaderValue.optional().meta({
    isSecret: true,
    description: "The token of the sender `telegram`.",
  }),
  HTTP_SENDER_URL: z
    .string()
    .refine(
      (text) => URL.canParse(text) && /^https?:\/\/[^/?#@]+([/?#]|$)/.test(text),
      "must be an address, such as https://sms.example/send",
    )
    .optional()
    .meta({
      isSecret: true,
      description: "The address of the sender `http`, for any other gateway.",
      example: "https://sms.example/send",
    }),
  HTTP_SENDER_BODY: MessageBody.optional().meta({
    isSecret: true,
    description:
      "The body of its request: a form or JSON, with the placeholders `{phone}` or `{digits}`, and `{text}` or `{code}`.",
    example: '\'{"to":"{phone}","text":"{text}"}\'',
  }),
  HTTP_SENDER_HEADERS: HeadersAsJson.prefault("{}").meta({
    isSecret: true,
    description: "Further headers of its request.",
    example: '\'{"Authorization":"Bearer …"}\'',
  }),
};

type SenderSettings = z.output<z.ZodObject<typeof senderSettings>>;

/**
 * Returns the schemas of those settings among `names` that set the senders of one country, such as `SENDERS_KZ`. A name that
 * doesn't end with a country is refused, because it would have no effect.
 */
export function countrySenders(names: string[]): Record<never, z.ZodType> {
  const countries = new Set<string>(getCountries());
  return Object.fromEntries(
    names
      .filter((name) => name.startsWith("SENDERS_"))
      .map((name) => [
        name,
        countries.has(name.slice("SENDERS_".length))
          ? Senders
          : z.never("names no country: end it with the two capital letters of one, as in SENDERS_KZ"),
      ]),
  );
}

/** Returns the chains that are set for single countries (`byCountry`), and all senders that any chain names (`named`). */
export function readChains(settings: Record<string, unknown> & { SENDERS: SenderName[] }) {
  const byCountry = new Map<CountryCode, SenderName[]>();
  for (const [name, senders] of Object.entries(settings)) {
    if (name.startsWith("SENDERS_"))
      byCountry.set(name.slice("SENDERS_".length) as CountryCode, senders as SenderName[]);
  }
  const named = [...new Set([...settings.SENDERS, ...[...byCountry.values()].flat()])];
  return { byCountry, named };
}

/** Returns a sentence for each missing setting of the named senders. */
export function missingSettings(named: SenderName[], settings: SenderSettings): string[] {
  return named.flatMap((sender) =>
    REQUIRED_SETTINGS[sender]
      .filter((setting) => settings[setting] === undefined)
      .map((setting) => `The setting ${setting} is missing: SENDERS names ${sender}.`),
  );
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function canBeHeaders(headers: Record<string, string>): boolean {
  try {
    return Boolean(new Headers(headers));
  } catch {
    return false;
  }
}

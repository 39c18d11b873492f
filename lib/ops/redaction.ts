/** A letter or digit of any script. */
const ANY = "[\\p{L}\\p{N}]";
/** Characters that may separate the digits of a number or code, invisible ones included. */
const GAP = "[\\s().,~/\\p{Pd}\\u00AD\\u200B-\\u200F\\u2060]";

/**
 * Patterns of personal data and secrets in text of unknown origin, in the order of the search, each with the mark that replaces
 * it. They match too much rather than too little, because a sentence without a number can still be understood.
 */
const PRIVATE_PATTERNS: [pattern: RegExp, mark: string][] = [
  // Mailboxes, also with a percent-encoded at sign or a quoted local part.
  [/("[^"\n]*"|[^\s@<>()[\],;:"]+)(@|%40|＠)[^\s@<>()[\],;:"]+/giu, "[mailbox]"],
  // Tokens, cookies and ids: 24 characters or more, with a digit.
  [/(?=[\w.~+/=-]*\d)[\w.~+/=-]{24,}/gu, "[token]"],
  // Invite codes, and halves of codes that are written in two groups of three: letters and digits mixed.
  [new RegExp(`(?<!${ANY})(?=\\p{L}*\\p{N})(?=\\p{N}*\\p{L})${ANY}{3,6}(?!${ANY})`, "gu"), "[code]"],
  // Invite codes with one half of letters and one of digits, and those spelt character by character.
  [new RegExp(`(?<!${ANY})(?:\\p{L}{3}${GAP}{1,3}\\p{N}{3}|\\p{N}{3}${GAP}{1,3}\\p{L}{3})(?!${ANY})`, "gu"), "[code]"],
  [new RegExp(`(?<!${ANY})${ANY}(?:${GAP}{1,3}${ANY}){5,}(?!${ANY})`, "gu"), "[code]"],
  // Phones in any spelling and one-time codes, in the digits of any script.
  [new RegExp(`[+＋]?\\p{Nd}(?:${GAP}{0,3}\\p{Nd}){3,}`, "gu"), "[number]"],
];

const PORT_SOURCE = String.raw`(?::\d{1,5})?`;
const IPV4_SOURCE = String.raw`(?:(?:25[0-5]|2[0-4]\d|1?\d{1,2})(?:\.(?=\d)|(?![.\d]))){4}`;
const IPV6_SOURCE = String.raw`\[?(?=[\da-f]*:[\da-f]*:)[\da-f:]{2,45}\]?`;
/** A host name with several parts or a port. A host name of one word doesn't match, because it may be a code. */
const HOST_NAME_SOURCE = String.raw`[a-z][a-z\d-]*(?:(?:\.[a-z\d-]+)+|(?=:\d))`;
const ADDRESS_SOURCE = String.raw`(?:${IPV4_SOURCE}|${IPV6_SOURCE}|${HOST_NAME_SOURCE})${PORT_SOURCE}(?!\.?[\w@%:-])`;

/** A SQLSTATE: one of PostgreSQL's classes and three characters (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const SQLSTATE_SOURCE = `(?:0[0-9ABFLPZ]|2[0-8BDF]|3[489BDF]|4[024]|5[3-8]|72|F0|HV|P0|XX)[0-9A-Z]{3}(?!${ANY})`;

/** A duration such as `30s` or `5ms` that may be half of an invite code, if three characters stand next to it. */
const HALF_CODE = String.raw`(?:\d{2}s|\dms)`;
const DURATION_SOURCE = [
  `(?<!${ANY}|[+＋]|\\p{N}${GAP}{1,3}|(?<!${ANY})${ANY}{3}${GAP}{1,3}(?=${HALF_CODE}))(?!${HALF_CODE}${GAP}{1,3}${ANY}{3}(?!${ANY}))`,
  String.raw`(?:\d{1,7}(?:\.\d{1,3})?(?:ms| (?:ms|s|milliseconds?|seconds?|minutes?|hours?|days?))|\d{1,4}s)(?!${ANY})`,
].join("");

/**
 * Parts of a text that are not hidden, because an operator needs them to find a cause: addresses in Node's and undici's errors
 * about this server's connections, PostgreSQL's error codes after their label, and durations. No phone or code can stand there.
 */
const READABLE_PATTERN = new RegExp(
  `(${[
    `\\b(?:ECONN[A-Z]+|E[A-Z]+UNREACH|ETIMEDOUT|EADDR[A-Z]+|ENOTFOUND|EAI_AGAIN)(?:: [a-z ]{1,40})? ${ADDRESS_SOURCE}`,
    `\\(attempted address(?:es)?: ${ADDRESS_SOURCE}(?:, ${ADDRESS_SOURCE})*`,
    `\\bSQLSTATE(?:\\[|:? )${SQLSTATE_SOURCE}`,
    `\\bCode: \`${SQLSTATE_SOURCE}\``,
    DURATION_SOURCE,
  ].join("|")})`,
  "u",
);

/** How many characters of a text are kept. This also bounds the time that the patterns take. */
const TEXT_LENGTH_MAX = 2000;
const FRAMES_MAX = 30;
const CAUSES_MAX = 5;

const FRAME_PATTERN = /^ {4}at [^\n]{1,500}$/;

/**
 * Replaces phones, e-mail addresses, one-time codes, invite codes, tokens and all that looks like them by marks such as
 * `[number]`. Parts that match `READABLE_PATTERN` stay. The text is cut to `TEXT_LENGTH_MAX` characters first.
 */
export function redact(text: string): string {
  // `READABLE_PATTERN` is one group, so the parts with odd indexes are its matches.
  const parts = text.slice(0, TEXT_LENGTH_MAX).split(READABLE_PATTERN);
  return parts.map((part, at) => (at % 2 === 1 ? part : hidePrivate(part))).join("");
}

function hidePrivate(text: string): string {
  return PRIVATE_PATTERNS.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), text);
}

/** The log's description of a thrown value. */
export interface Failure {
  type: string;
  message: string;
  /** A stable name, such as Prisma's P2002 or PostgreSQL's 40P01. */
  code?: string;
  stack?: string;
  cause?: Failure;
  /** The errors of an `AggregateError`, such as one for each address of a host. */
  errors?: Failure[];
}

/** Error codes of Node.js, SQLite and Prisma: words such as `ECONNRESET`, or Prisma's `P2002`. */
const ERROR_CODE_PATTERN = /^[A-Z][A-Z_]{0,40}$|^P\d{4}$/;
const SQLSTATE_PATTERN = new RegExp(`^${SQLSTATE_SOURCE}$`, "u");

/** Returns an error's class, message, code, stack and up to `CAUSES_MAX` levels of causes, all redacted. */
export function describeFailure(thrown: unknown, depth = 0): Failure {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: redact(String(thrown)) };
  const { name, message, stack, cause, code } = thrown as Error & { code?: unknown };
  // An error that the PostgreSQL server answered, as pg throws it.
  const isPostgresError = name === "error" && "severity" in thrown;
  const isCode = typeof code === "string" && (isPostgresError ? SQLSTATE_PATTERN : ERROR_CODE_PATTERN).test(code);
  const isDeep = depth >= CAUSES_MAX;
  return {
    type: /^[A-Za-z]{1,60}$/.test(name) ? name : "Error",
    message: redact(message),
    ...(isCode && { code }),
    ...(stack !== undefined && { stack: redactStack(stack, message) }),
    ...(cause !== undefined && !isDeep && { cause: describeFailure(cause, depth + 1) }),
    ...(thrown instanceof AggregateError &&
      !isDeep && { errors: thrown.errors.slice(0, CAUSES_MAX).map((error) => describeFailure(error, depth + 1)) }),
  };
}

/** Redacts the message at the beginning of a stack. The frames stay, because their line numbers are needed. */
function redactStack(stack: string, message: string): string {
  const messageAt = stack.indexOf(message);
  if (messageAt === -1) return redact(stack);
  const framesAt = messageAt + message.length;
  const frames = stack
    .slice(framesAt)
    .split("\n")
    .filter((line) => FRAME_PATTERN.test(line))
    .slice(0, FRAMES_MAX);
  return [redact(stack.slice(0, framesAt)), ...frames].join("\n");
}

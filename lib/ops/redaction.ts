const ANY = "[\\p{L}\\p{N}]";
/** What people put between the characters of a number or a code, invisible characters included. */
const GAP = "[\\s().,~/\\p{Pd}\\u00AD\\u200B-\\u200F\\u2060]";

/**
 * What may be a person's in a text of unknown origin, in the order of the search. In doubt it is hidden: a sentence that lacks a
 * number can still be understood.
 */
const PRIVATE: [pattern: RegExp, mark: string][] = [
  // Also percent-encoded, and with quotes before the at sign.
  [/("[^"\n]*"|[^\s@<>()[\],;:"]+)(@|%40|＠)[^\s@<>()[\],;:"]+/giu, "[mailbox]"],
  // Tokens, cookies and ids: long, with a digit in.
  [/(?=[\w.~+/=-]*\d)[\w.~+/=-]{24,}/gu, "[token]"],
  // An invite code, or half of one, as it is printed and as it is typed: letters among digits.
  [new RegExp(`(?<!${ANY})(?=\\p{L}*\\p{N})(?=\\p{N}*\\p{L})${ANY}{3,6}(?!${ANY})`, "gu"), "[code]"],
  // One whose halves are not mixed, and one in single characters.
  [new RegExp(`(?<!${ANY})(?:\\p{L}{3}${GAP}{1,3}\\p{N}{3}|\\p{N}{3}${GAP}{1,3}\\p{L}{3})(?!${ANY})`, "gu"), "[code]"],
  [new RegExp(`(?<!${ANY})${ANY}(?:${GAP}{1,3}${ANY}){5,}(?!${ANY})`, "gu"), "[code]"],
  // A phone in any spelling, or a one-time code, in the digits of any script.
  [new RegExp(`[+＋]?\\p{Nd}(?:${GAP}{0,3}\\p{Nd}){3,}`, "gu"), "[number]"],
];

const PORT = String.raw`(?::\d{1,5})?`;
const IPV4 = String.raw`(?:(?:25[0-5]|2[0-4]\d|1?\d{1,2})(?:\.(?=\d)|(?![.\d]))){4}`;
const IPV6 = String.raw`\[?(?=[\da-f]*:[\da-f]*:)[\da-f:]{2,45}\]?`;
/** Of several parts, or with a port: a word that stands alone may be a code. */
const HOST_NAME = String.raw`[a-z][a-z\d-]*(?:(?:\.[a-z\d-]+)+|(?=:\d))`;
const ADDRESS = String.raw`(?:${IPV4}|${IPV6}|${HOST_NAME})${PORT}(?!\.?[\w@%:-])`;

/** One of PostgreSQL's classes of errors, and an error of it: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const SQLSTATE = `(?:0[0-9ABFLPZ]|2[0-8BDF]|3[489BDF]|4[024]|5[3-8]|72|F0|HV|P0|XX)[0-9A-Z]{3}(?!${ANY})`;

/** `30s` and `5ms` may also be half of an invite code, where three characters stand beside them. */
const HALF_CODE = String.raw`(?:\d{2}s|\dms)`;
const DURATION = [
  `(?<!${ANY}|[+＋]|\\p{N}${GAP}{1,3}|(?<!${ANY})${ANY}{3}${GAP}{1,3}(?=${HALF_CODE}))(?!${HALF_CODE}${GAP}{1,3}${ANY}{3}(?!${ANY}))`,
  String.raw`(?:\d{1,7}(?:\.\d{1,3})?(?:ms| (?:ms|s|milliseconds?|seconds?|minutes?|hours?|days?))|\d{1,4}s)(?!${ANY})`,
].join("");

/**
 * What an operator needs to find the cause of a failure, each where no phone and no code can stand: the addresses in Node's and
 * undici's errors about connections of this server, PostgreSQL's error codes where they are named, and durations.
 */
const READABLE = new RegExp(
  `(${[
    `\\b(?:ECONN[A-Z]+|E[A-Z]+UNREACH|ETIMEDOUT|EADDR[A-Z]+|ENOTFOUND|EAI_AGAIN)(?:: [a-z ]{1,40})? ${ADDRESS}`,
    `\\(attempted address(?:es)?: ${ADDRESS}(?:, ${ADDRESS})*`,
    `\\bSQLSTATE(?:\\[|:? )${SQLSTATE}`,
    `\\bCode: \`${SQLSTATE}\``,
    DURATION,
  ].join("|")})`,
  "u",
);

/** Long enough for a reason, and short enough for the patterns. */
const TEXT_LENGTH_MAX = 2000;
const FRAMES_MAX = 30;
const CAUSES_MAX = 5;

/** Where in the code something happened, as V8 writes it. */
const FRAME = /^ {4}at [^\n]{1,500}$/;

/**
 * A text without phones, e-mail addresses, one-time codes, invite codes and tokens, and without what looks like one. The parts that
 * `READABLE` describes stay.
 */
export function redact(text: string): string {
  // Because the pattern is one group, every other part is what it has matched.
  const parts = text.slice(0, TEXT_LENGTH_MAX).split(READABLE);
  return parts.map((part, at) => (at % 2 === 1 ? part : hidePrivate(part))).join("");
}

function hidePrivate(text: string): string {
  return PRIVATE.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), text);
}

/** What a log may say of something that was thrown. */
export interface Failure {
  type: string;
  message: string;
  /** A stable name, such as Prisma's P2002 or PostgreSQL's 40P01. */
  code?: string;
  stack?: string;
  cause?: Failure;
  /** Of an error that stands for several, such as one for each address of a host. */
  errors?: Failure[];
}

/** Names of Node.js, of SQLite and of Prisma. */
const NAMED_CODE = /^[A-Z][A-Z_]{0,40}$|^P\d{4}$/;
const SQLSTATE_ALONE = new RegExp(`^${SQLSTATE}$`, "u");

/** An error's class, message, code, stack and causes, redacted. Its other properties are left out. */
export function describeFailure(thrown: unknown, depth = 0): Failure {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: redact(String(thrown)) };
  const { name, message, stack, cause, code } = thrown as Error & { code?: unknown };
  // The server's own errors, as pg throws them.
  const isOfPostgres = name === "error" && "severity" in thrown;
  const isCode = typeof code === "string" && (isOfPostgres ? SQLSTATE_ALONE : NAMED_CODE).test(code);
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

/** The frames of a stack as they are, because numbers are what they are for. They begin where the message has ended. */
function redactStack(stack: string, message: string): string {
  const messageAt = stack.indexOf(message);
  if (messageAt === -1) return redact(stack);
  const framesAt = messageAt + message.length;
  const frames = stack
    .slice(framesAt)
    .split("\n")
    .filter((line) => FRAME.test(line))
    .slice(0, FRAMES_MAX);
  return [redact(stack.slice(0, framesAt)), ...frames].join("\n");
}

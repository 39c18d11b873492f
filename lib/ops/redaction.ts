const ANY = "[\\p{L}\\p{N}]";
/** What people put between the characters of a number or a code, with what can't be seen. */
const GAP = "[\\s().,~/\\p{Pd}\\u00AD\\u200B-\\u200F\\u2060]";

/**
 * What may be somebody's in a text of which nothing is known, in the order in which it is looked for. Rather too much goes
 * than too little: a sentence that lacks a number is understood all the same.
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

/** Long enough for a reason, and short enough for the patterns. */
const TEXT_LENGTH_MAX = 2000;
const FRAMES_MAX = 30;
const CAUSES_MAX = 5;

/** Where in the code something happened, as V8 writes it. */
const FRAME = /^ {4}at [^\n]{1,500}$/;

/** A text without phones, e-mail addresses, one-time codes, invite codes and tokens, and without what looks like one. */
export function redact(text: string): string {
  return PRIVATE.reduce((rest, [pattern, mark]) => rest.replace(pattern, mark), text.slice(0, TEXT_LENGTH_MAX));
}

/** What a log may say of something that was thrown. */
export interface Failure {
  type: string;
  message: string;
  /** A stable name, such as Prisma's P2002. */
  code?: string;
  stack?: string;
  cause?: Failure;
}

/** An error's class, message, code, stack and causes, redacted, and nothing of whatever else somebody hung on it. */
export function describeFailure(thrown: unknown, depth = 0): Failure {
  if (!(thrown instanceof Error)) return { type: typeof thrown, message: redact(String(thrown)) };
  const { name, message, stack, cause, code } = thrown as Error & { code?: unknown };
  return {
    type: /^[A-Za-z]{1,60}$/.test(name) ? name : "Error",
    message: redact(message),
    ...(typeof code === "string" && /^[A-Z][A-Z_]{0,40}$|^P\d{4}$/.test(code) && { code }),
    ...(stack !== undefined && { stack: redactStack(stack, message) }),
    ...(cause !== undefined && depth < CAUSES_MAX && { cause: describeFailure(cause, depth + 1) }),
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

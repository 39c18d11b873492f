import { format } from "node:util";
import pino, { type Logger } from "pino";
import { env } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { describeFailure, redact } from "./redaction";
import { currentRequestId } from "./request-ids";

/**
 * The log: lines of JSON on stdout. Log only our own words, numbers and route patterns, never text from a request. Errors may
 * contain such text: `logError` redacts them.
 */
export const log: Logger = perProcess("log", () =>
  pino(
    {
      level: env.LOG_LEVEL,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (thrown: unknown) => describeFailure(thrown) },
    },
    // `process.stdout`, because the console sender writes to it as well, and two streams could mix their lines.
    { write: (line) => process.stdout.write(line) },
  ),
);

const loggedErrors = perProcess("logged errors", () => new WeakSet<object>());

/**
 * Logs an unexpected error, redacted, with the id of the request at hand. Does nothing for an error that it has logged before.
 */
export function logError(thrown: unknown, msg: string): void {
  if (thrown instanceof Object) {
    if (loggedErrors.has(thrown)) return;
    loggedErrors.add(thrown);
  }
  log.error({ requestId: currentRequestId(), err: thrown }, msg);
}

/** Sends the console's errors and warnings, which Next.js and libraries write, to the log, redacted. */
export function redirectConsoleToLog(): void {
  // Without a reader of stdout each write fails, and logging that error would fail, too.
  process.stdout.on("error", () => undefined);
  const logAt =
    (level: "error" | "warn") =>
    (first: unknown, ...rest: unknown[]) => {
      const error = [first, ...rest].find((part) => part instanceof Error);
      if (error && level === "error") return logError(error, "an error on the console");
      // Next.js warns of malformed requests with stacks that don't help, so only the first line is logged.
      const [text = ""] = (error?.message ?? format(first, ...rest)).split("\n", 1);
      log[level]({ requestId: currentRequestId() }, redact(text));
    };
  Object.assign(console, { error: logAt("error"), warn: logAt("warn") });
}

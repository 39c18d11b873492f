import { format } from "node:util";
import pino, { type Logger } from "pino";
import { env } from "@/lib/env";
import { perProcess } from "@/lib/per-process";
import { describeFailure, redact } from "./redaction";
import { currentRequestId } from "./request-ids";

/**
 * Lines of JSON on stdout. What goes in has to be words of ours, numbers and patterns of addresses: nothing that somebody
 * sent. Errors have no such words; they go through `logError`.
 */
export const log: Logger = perProcess("log", makeLog);

function makeLog(): Logger {
  return pino(
    {
      level: env.LOG_LEVEL,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (thrown: unknown) => describeFailure(thrown) },
    },
    // Node's own stream, because the console sender writes to it as well: no line is torn by another.
    { write: (line) => process.stdout.write(line) },
  );
}

/** The errors that were logged. */
const logged = perProcess("logged errors", () => new WeakSet<object>());

/** Logs what nobody expected, with the id of the request at hand, and once, however many hands it goes through. */
export function logError(thrown: unknown, msg: string): void {
  if (thrown instanceof Object) {
    if (logged.has(thrown)) return;
    logged.add(thrown);
  }
  log.error({ requestId: currentRequestId(), err: thrown }, msg);
}

/** What Next.js and libraries complain of on the console becomes lines of the log, without what is anybody's. */
export function takeOverConsole(): void {
  // When nobody reads the log any more, complaining of that in the log would never end.
  process.stdout.on("error", () => undefined);
  const complain =
    (level: "error" | "warn") =>
    (first: unknown, ...rest: unknown[]) => {
      const error = [first, ...rest].find((part) => part instanceof Error);
      if (error && level === "error") return logError(error, "an error on the console");
      // Next.js warns of what clients send, with stacks that say nothing.
      const [text = ""] = (error?.message ?? format(first, ...rest)).split("\n", 1);
      log[level]({ requestId: currentRequestId() }, redact(text));
    };
  Object.assign(console, { error: complain("error"), warn: complain("warn") });
}

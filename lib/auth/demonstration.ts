import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  beginDemonstration,
  demonstrationState,
  endDemonstration,
  wasReachedFromBeyond,
} from "@/lib/core/demonstration";
import { env, IS_DEVELOPMENT, isLoopback } from "@/lib/env";
import { isFromThisMachine, signOfBeyond } from "@/lib/http/client-ip";
import { isAtOwnAddress } from "@/lib/http/origin";
import { log, logError } from "@/lib/ops/log";

const isForThisMachine = isLoopback(new URL(env.APP_URL).hostname);
/** Whether anything is shown to this machine alone. With ALLOW_DEMO the operator expects people from beyond it. */
const isWatching = isForThisMachine && !env.ALLOW_DEMO && (env.REVEAL_CODES || !env.METRICS_TOKEN);

const CONSOLE_ONLY =
  "SENDERS names the console: codes for phones are printed in this log and sent to nobody; docs/delivery.md says how to send them";
const SHOWN_TO_ALL =
  "This is a demonstration: codes are shown here, and on the page to everybody, so anybody can log in as anybody. REVEAL_CODES=false turns that off.";
const STARTS = {
  open: "This is a demonstration: codes are shown here, and on the page to this machine, so anybody at it can log in as anybody. REVEAL_CODES=false turns that off.",
  ended:
    "Codes are shown here only: people beyond this machine have reached this server. To have codes sent to people, set SENDERS (docs/delivery.md) and APP_URL; to show them to everybody, ALLOW_DEMO=true; to begin another demonstration, npm run seed.",
  unmarked:
    "Codes are shown here only: this database is not a demonstration's. To show them on the page to this machine, npm run seed; to everybody, ALLOW_DEMO=true; to turn this off, REVEAL_CODES=false.",
};

/**
 * Marks a new database as a demonstration's when the server starts in that mode, and prints for the operator what is shown to
 * whom. A database that can't be asked is logged, and stays as it is. A server in production that only prints codes is warned of.
 */
export async function announceDemonstration(): Promise<void> {
  if (!env.REVEAL_CODES) {
    if (!IS_DEVELOPMENT && env.SENDERS_NAMED.includes("console")) log.warn(CONSOLE_ONLY);
    return;
  }
  try {
    const state = await beginDemonstration();
    process.stdout.write(`\n${env.ALLOW_DEMO ? SHOWN_TO_ALL : STARTS[state]}\n`);
  } catch (error) {
    logError(error, "could not read whether this database is marked as a demonstration");
  }
}

/** Ends the demonstration at the first request that shows that people beyond this machine reach the server. */
export function watchForBeyond(request: IncomingMessage): void {
  const sign = isWatching ? signOfBeyond(request) : null;
  if (sign !== null) void endDemonstration(sign);
}

/**
 * Whether one-time codes may be shown in the answer to this request: only while the database is a demonstration's, and there
 * only to this machine, at the address that is ours, unless the operator allows more.
 */
export async function maySeeCodes(headers: Headers): Promise<boolean> {
  if (!env.REVEAL_CODES) return false;
  if (env.ALLOW_DEMO) return true;
  return isFromThisMachine(headers) && isAtOwnAddress(headers) && (await demonstrationState()) === "open";
}

/**
 * Whether the numbers of this process may be shown in the answer to this request: to who has the operator's token, or without
 * one to this machine, at a name that no page elsewhere can have, as long as nobody beyond this machine has been seen here.
 */
export async function maySeeMetrics(headers: Headers): Promise<boolean> {
  if (!env.METRICS_TOKEN) {
    const isOfThisMachine = isForThisMachine && isLoopback(hostnameOf(headers.get("host") ?? ""));
    if (!isOfThisMachine || !isFromThisMachine(headers) || env.ALLOW_DEMO) return false;
    return !(await wasReachedFromBeyond());
  }
  const [, token = ""] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return timingSafeEqual(digestOf(token), digestOf(env.METRICS_TOKEN));
}

/** Of the same length whatever the text's is, so that a comparison tells nothing of it. */
function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hostnameOf(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
}

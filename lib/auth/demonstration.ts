import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import {
  beginDemonstration,
  demonstrationState,
  endDemonstration,
  wasReachedFromBeyond,
} from "@/lib/core/demonstration";
import { env, IS_DEVELOPMENT, IS_PREVIEW, isLoopback } from "@/lib/env";
import { findRemoteSign, isFromThisMachine } from "@/lib/http/client-ip";
import { isAtOwnAddress } from "@/lib/http/origin";
import { log, logError } from "@/lib/ops/log";

const isAppUrlLoopback = isLoopback(new URL(env.APP_URL).hostname);
/** Whether requests from other machines end the demonstration: only where codes or metrics are shown to this machine alone. */
const isWatchingForRemoteRequests = isAppUrlLoopback && !env.ALLOW_DEMO && (env.REVEAL_CODES || !env.METRICS_TOKEN);

const CONSOLE_WARNING =
  "SENDERS names the console: codes for phones are printed in this log and not sent. docs/delivery.md says how to send them";
const SHOWN_TO_ALL_NOTICE =
  "This is a demonstration: codes are shown here, and on the page to every visitor, so each visitor can log in to every account. REVEAL_CODES=false turns that off.";
const NOTICE_BY_STATE = {
  open: "This is a demonstration: codes are shown here, and on the page to this machine, so each of its users can log in to every account. REVEAL_CODES=false turns that off.",
  ended:
    "Codes are shown here only: people beyond this machine have reached this server. To send codes, set SENDERS (docs/delivery.md) and APP_URL; to show them to every visitor, ALLOW_DEMO=true; to begin another demonstration, npm run seed.",
  unmarked:
    "Codes are shown here only: this database is not a demonstration's. To show them on the page to this machine, npm run seed; to every visitor, ALLOW_DEMO=true; to turn this off, REVEAL_CODES=false.",
};

/**
 * Runs at the start of the server. With REVEAL_CODES, marks an empty database as a demonstration's and prints who can see
 * codes; a database that does not answer is logged and left unmarked. Without REVEAL_CODES, warns the operator of a production
 * server whose SENDERS names the console, because that prints codes in the log.
 */
export async function announceDemonstration(): Promise<void> {
  if (!env.REVEAL_CODES) {
    if (!IS_DEVELOPMENT && env.SENDERS_NAMED.includes("console")) log.warn(CONSOLE_WARNING);
    return;
  }
  try {
    // The database of a preview has had the mark since its build. The process of proxy.ts has no database there.
    const state = IS_PREVIEW ? "open" : await beginDemonstration();
    process.stdout.write(`\n${env.ALLOW_DEMO ? SHOWN_TO_ALL_NOTICE : NOTICE_BY_STATE[state]}\n`);
  } catch (error) {
    logError(error, "could not read whether this database is marked as a demonstration");
  }
}

/** Ends the demonstration when `request` shows that other machines reach this server. Does nothing with ALLOW_DEMO. */
export function watchForRemoteRequests(request: IncomingMessage): void {
  const sign = isWatchingForRemoteRequests ? findRemoteSign(request) : null;
  if (sign !== null) void endDemonstration(sign);
}

/**
 * Whether the response to this request may show one-time codes. It may if REVEAL_CODES is set, the request comes from this
 * machine to the server's own address, and the database is a demonstration's. With ALLOW_DEMO every response may.
 */
export async function maySeeCodes(headers: Headers): Promise<boolean> {
  if (!env.REVEAL_CODES) return false;
  if (env.ALLOW_DEMO) return true;
  return isFromThisMachine(headers) && isAtOwnAddress(headers) && (await demonstrationState()) === "open";
}

/**
 * Whether the response to this request may show metrics. If METRICS_TOKEN is set, the request must carry it. Otherwise the
 * request must come from this machine and name a loopback host (the pages of other sites can't have such a name), and no
 * request from another machine may have reached this server before.
 */
export async function maySeeMetrics(headers: Headers): Promise<boolean> {
  if (!env.METRICS_TOKEN) {
    const isOfThisMachine = isAppUrlLoopback && isLoopback(hostnameOf(headers.get("host") ?? ""));
    if (!isOfThisMachine || !isFromThisMachine(headers) || env.ALLOW_DEMO) return false;
    return !(await wasReachedFromBeyond());
  }
  const [, token = ""] = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
  return timingSafeEqual(digestOf(token), digestOf(env.METRICS_TOKEN));
}

/** Hashes a text, because `timingSafeEqual` needs two values of equal length. */
function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function hostnameOf(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";
}

import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Instrumentation } from "next";

/** Next.js calls this once, before the first request. */
export async function register(): Promise<void> {
  // In this form the bundle for the edge runtime leaves the block out.
  if (process.env.NEXT_RUNTIME === "nodejs") {
    try {
      // `next start` reads next.config.ts, which checks the settings; the standalone server has it as it was at build.
      await import("@/lib/core/policy");
      // The starter has told of them already.
      if (!process.env.SARAFAN_SETTINGS_TOLD) {
        for (const sentence of (await import("@/lib/env")).misspeltSettings()) process.stderr.write(`${sentence}\n`);
      }
      if (process.env.NODE_ENV === "production")
        (await import("@/lib/core/challenges/guess-budget")).refuseGuessableCodes();
    } catch (error) {
      if (!(error instanceof Error && error.name === "SettingsError")) throw error;
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    }
    const { subscribe } = await import("node:diagnostics_channel");
    const {
      dropOddNextHeaders,
      ignoreUpgrades,
      markPeer,
      noteAddress,
      replaceUnknownMethod,
      tellPublicAddress,
      tidyUrl,
    } = await import("@/lib/http/callers");
    const { announceDemonstration, watchForBeyond } = await import("@/lib/auth/demonstration");
    const { refuseUnknownActions } = await import("@/lib/http/page-forms");
    const { secureExchange } = await import("@/lib/http/security-headers");
    const { takeOverConsole } = await import("@/lib/ops/log");
    const { measureProcess } = await import("@/lib/ops/metrics");
    const { watchRequest } = await import("@/lib/ops/requests");
    const { endInPeace, watchExchange, watchSocket } = await import("@/lib/ops/shutdown");
    subscribe("net.server.socket", (message) => {
      const { socket } = message as { socket: Socket };
      ignoreUpgrades(socket);
      watchSocket(socket);
    });
    subscribe("http.server.request.start", (message) => {
      const exchange = message as { request: IncomingMessage; response: ServerResponse; server: Server };
      const { request, response } = exchange;
      watchExchange(exchange);
      watchForBeyond(request);
      markPeer(request);
      noteAddress(request);
      tellPublicAddress(request);
      tidyUrl(request);
      dropOddNextHeaders(request);
      secureExchange(request, response);
      refuseUnknownActions(request, response);
      watchRequest(request, response);
      replaceUnknownMethod(request);
    });
    await announceDemonstration();
    measureProcess();
    endInPeace();
    if (process.env.NODE_ENV === "production") takeOverConsole();
  }
}

/** Next.js calls this with what a page, an action or a route has thrown. */
export const onRequestError: Instrumentation.onRequestError = async (error, _, { routePath, routeType }) => {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { logError } = await import("@/lib/ops/log");
    logError(error, `unexpected in the ${routeType} of ${routePath}`);
  }
};

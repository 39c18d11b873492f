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
    const { announceDemonstration, watchForBeyond } = await import("@/lib/auth/demonstration");
    const { HSTS_MAX_AGE_S } = await import("@/lib/core/policy");
    const { hookIntoServer } = await import("@/lib/http/before-next");
    const { takeOverConsole } = await import("@/lib/ops/log");
    const { measureProcess } = await import("@/lib/ops/metrics");
    const { watchRequest } = await import("@/lib/ops/requests");
    const { endInPeace } = await import("@/lib/ops/shutdown");
    hookIntoServer({ onArrival: watchForBeyond, onRequest: watchRequest, hstsMaxAgeS: HSTS_MAX_AGE_S });
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

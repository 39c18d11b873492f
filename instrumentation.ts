import type { Instrumentation } from "next";

/** Checks the settings and prepares the server. Next.js calls this once, before the first request. */
export async function register(): Promise<void> {
  // Next.js drops this block from its bundle for the edge runtime only if the condition is written exactly like this.
  if (process.env.NEXT_RUNTIME === "nodejs") {
    try {
      // Importing this file checks the settings. `next start` checks them in next.config.ts as well; the standalone server doesn't
      // read that file.
      await import("@/lib/core/policy");
      // `npm start` sets this variable when it has printed the misspelt settings itself.
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
    const { announceDemonstration, watchForRemoteRequests } = await import("@/lib/auth/demonstration");
    const { deliverInBackground } = await import("@/lib/core/outgoing/delivery-loop");
    const { HSTS_MAX_AGE_S } = await import("@/lib/core/policy");
    const { IS_ON_VERCEL } = await import("@/lib/env");
    const { hookIntoServer } = await import("@/lib/http/before-next");
    const { redirectConsoleToLog } = await import("@/lib/ops/log");
    const { measureProcess } = await import("@/lib/ops/metrics");
    const { watchRequest } = await import("@/lib/ops/requests");
    const { endGracefully, isServing } = await import("@/lib/ops/shutdown");
    // Vercel prepares requests itself and runs proxy.ts in a process of its own, where no hook prepares them first.
    if (!IS_ON_VERCEL) {
      hookIntoServer({ onArrival: watchForRemoteRequests, onRequest: watchRequest, hstsMaxAgeS: HSTS_MAX_AGE_S });
    }
    await announceDemonstration();
    measureProcess();
    endGracefully();
    // A function of Vercel runs only while it answers, so that a cron job calls `/api/cron/webhooks` there.
    if (!IS_ON_VERCEL && isServing()) deliverInBackground();
    if (process.env.NODE_ENV === "production") redirectConsoleToLog();
  }
}

/** Logs an error. Next.js calls this with each error that a page, a server action or a route has thrown. */
export const onRequestError: Instrumentation.onRequestError = async (error, _, { routePath, routeType }) => {
  if (process.env.NEXT_RUNTIME === "nodejs") {
    const { logError } = await import("@/lib/ops/log");
    logError(error, `unexpected error in the ${routeType} of ${routePath}`);
  }
};

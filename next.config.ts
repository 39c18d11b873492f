import type { NextConfig } from "next";
import createNextIntlPlugin from "next-intl/plugin";
import { SECURITY_HEADERS } from "./lib/http/security-headers";
// Imported for their checks: a wrong setting stops dev, build and start.
import "./lib/core/policy";
import { IS_ON_VERCEL } from "./lib/env";

const withNextIntl = createNextIntlPlugin("./lib/i18n.ts");

const nextConfig: NextConfig = {
  // A folder that runs by itself, for containers; `next start` wants the other kind of build.
  ...(process.env.BUILD_STANDALONE === "true" && { output: "standalone" }),
  agentRules: false,
  // `npm run check` does, and `npm test`: whoever starts a server has no use for it, and waits half as long.
  typescript: { ignoreBuildErrors: true },
  // Titles come with the page, not after it: a page without one has no name for a moment.
  htmlLimitedBots: /.*/,
  // Development would print each request's path, and there are phones in paths; lib/ops logs all of them.
  logging: { incomingRequests: false },
  // No page has pictures to be made smaller; without this, anybody could have the server do that, and write to its disk.
  images: { unoptimized: true },
  poweredByHeader: false,
  skipTrailingSlashRedirect: true,
  typedRoutes: true,
  // What a route needs is loaded with its first request: all of them together would make every start longer, and stay in memory.
  experimental: { preloadEntriesOnStart: false },
  serverExternalPackages: ["better-sqlite3", "prom-client"],
  // By their names it is known whether a database has them all.
  outputFileTracingIncludes: { "/api/health/ready": ["./prisma/**/migration.sql"] },
  // Vercel serves files without asking this process. Elsewhere the process sets these headers on every answer
  // (lib/http/security-headers.ts), and a rule here would be matched with every request for nothing.
  ...(IS_ON_VERCEL && {
    headers: async () => [
      { source: "/:path*", headers: Object.entries(SECURITY_HEADERS).map(([key, value]) => ({ key, value })) },
    ],
  }),
};

export default withNextIntl(nextConfig);

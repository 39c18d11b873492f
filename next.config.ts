import type { NextConfig } from "next";
import createNextIntlPlugin from "next-intl/plugin";
// This import checks the settings: a wrong one stops `next dev`, `next build` and `next start`.
import { HSTS_MAX_AGE_S } from "./lib/core/policy";
import { EMPTY_PREVIEW_PATH } from "./lib/db/preview";
import { IS_ON_VERCEL, IS_PREVIEW } from "./lib/env";
import { sharedHeaders } from "./lib/http/security-headers";

const withNextIntl = createNextIntlPlugin("./lib/i18n.ts");

const nextConfig: NextConfig = {
  // A standalone build is a folder that runs without node_modules, for containers. `next start` can't run it.
  ...(process.env.BUILD_STANDALONE === "true" && { output: "standalone" }),
  agentRules: false,
  // `npm run check` and `npm test` check types. Without that, the build of `npm start` takes half as long.
  typescript: { ignoreBuildErrors: true },
  // Treats every browser as one that needs the title in the first part of the page; else Next.js may send the title later.
  htmlLimitedBots: /.*/,
  // In development Next.js would print the path of each request, and some paths hold phones. lib/ops logs requests without them.
  logging: { incomingRequests: false },
  // No page has pictures to resize. Without this, any client could make the server resize pictures and write them to its disk.
  images: { unoptimized: true },
  poweredByHeader: false,
  skipTrailingSlashRedirect: true,
  typedRoutes: true,
  // Loads the modules of a route with its first request. Loading all of them at the start takes longer and more memory.
  experimental: { preloadEntriesOnStart: false },
  serverExternalPackages: ["better-sqlite3", "prom-client"],
  // The readiness check compares the names of these files with the migrations that the database has.
  outputFileTracingIncludes: {
    "/api/health/ready": ["./prisma/**/migration.sql"],
    ...(IS_PREVIEW && { "/**": [EMPTY_PREVIEW_PATH] }),
  },
  // Vercel serves files without this process. On other hosts lib/http/security-headers.ts sets these headers, and a rule here
  // would only cost time in each request.
  ...(IS_ON_VERCEL && {
    headers: async () => [
      {
        source: "/:path*",
        headers: Object.entries(sharedHeaders(HSTS_MAX_AGE_S)).map(([key, value]) => ({ key, value })),
      },
    ],
  }),
};

export default withNextIntl(nextConfig);

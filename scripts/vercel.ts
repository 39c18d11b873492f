import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { provideBrowser } from "./internal/browser";
import { makeSecret } from "./internal/data-folder.mjs";
import { startPostgres } from "./internal/postgresql";
import { setTestSettings } from "./internal/settings";
import { reportResults, runTests } from "./internal/tests";
import { buildOnVercel, copySite } from "./internal/vercel-build";
import { servePlatform } from "./internal/vercel-platform";

setTestSettings();
const CHROMIUM_PATH = await provideBrowser();
const folder = mkdtempSync(path.join(tmpdir(), "sarafan-vercel-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
const site = path.join(folder, "checkout");
copySite(site);
const postgres = await startPostgres({ isDurable: false });
try {
  reportResults({
    "a preview without a database": await tryDeployment("preview", {}),
    "a deployment with PostgreSQL": await tryDeployment("postgresql", {
      // An empty database: the build migrates it.
      DATABASE_URL: postgres.url,
      DATABASE_CONNECTIONS: "2",
    }),
  });
} finally {
  await postgres.stop();
}

/** Builds the site with these settings as Vercel does, serves the output, and runs the smoke journey and the tests of deployments. */
async function tryDeployment(
  kind: "preview" | "postgresql",
  database: Record<string, string>,
): Promise<{ code: number }> {
  const vercel = { VERCEL_ENV: "preview", VERCEL_URL: "sarafan-preview.example" };
  const settings = { ...vercel, ALLOW_DEMO: "true", AUTH_SECRET: makeSecret(), ...database };
  await buildOnVercel(`vercel build (${kind})`, site, settings);
  const platform = await servePlatform(site, (url) => ({ ...settings, VERCEL: "1", APP_URL: url }));
  const tests = await runTests(["--project=ui", "--project=deployment", "--grep", "@smoke|@deployment"], {
    CHROMIUM_PATH,
    E2E_BASE_URL: platform.url,
    TEST_DEPLOYMENT: kind,
  });
  for (const line of platform.functions()) console.log(`One function and its process: ${line}`);
  const written = await platform.stop();
  if (written.length === 0) return tests;
  console.error(`The functions wrote files that Vercel would refuse: ${written.join(", ")}`);
  return { code: 1 };
}

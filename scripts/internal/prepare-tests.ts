import { provideBrowser } from "./browser";
import { setTestSettings } from "./settings";
import { provideBuild } from "./site";

/**
 * Playwright's global setup for runs without `npm test`: `npx playwright test e2e/ui/login.spec.ts`. Builds the site unless
 * E2E_BASE_URL names one that is served elsewhere, and provides a browser.
 */
export default async function prepareTests(): Promise<void> {
  setTestSettings();
  if (!process.env.E2E_BASE_URL) await provideBuild();
  // Workers start later and inherit this.
  process.env.CHROMIUM_PATH = await provideBrowser();
}

import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";
import { copyCheckout, linkEntry, listFiles } from "./copies";
import { runNpm } from "./dependencies.mjs";
import { runNode, runSetupStep } from "./tool.mjs";

/** The version of Vercel's command line tool that builds. Newer ones don't install without their install scripts. */
const CLI_VERSION = "56.5.0";
const CLI_PATH = "node_modules/vercel/dist/vc.js";

/**
 * Returns the folder of Vercel's command line tool, which is no package of this project. Fetches it from the npm registry into the
 * user's cache folder if it isn't there. Throws a `Refusal` if that fails.
 */
export async function provideVercelCli(): Promise<string> {
  const folder = path.join(
    process.env.XDG_CACHE_HOME || path.join(homedir(), ".cache"),
    `sarafan/vercel-${CLI_VERSION}`,
  );
  if (existsSync(path.join(folder, "complete"))) return folder;
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, "package.json"), "{}");
  await runSetupStep(
    `Fetching vercel ${CLI_VERSION} into ${folder}`,
    () => runNpm(["install", "--prefix", folder, "--ignore-scripts", `vercel@${CLI_VERSION}`]),
    "npm could not fetch the package vercel; its reasons are above.",
  );
  writeFileSync(path.join(folder, "complete"), "");
  return folder;
}

/** Copies this checkout and its packages into `folder`. */
export function copySite(folder: string): void {
  copyCheckout(folder);
  for (const file of listFiles("node_modules")) {
    linkEntry(path.join("node_modules", file), path.join(folder, "node_modules", file));
  }
}

/**
 * Runs `vercel build` in the folder `site`, as Vercel does for a preview with the settings `settings`: without an account, and
 * without the network. Throws a `Refusal` with the tool's output if that fails.
 */
export async function buildOnVercel(label: string, site: string, settings: Record<string, string>): Promise<void> {
  const cli = await provideVercelCli();
  const configuration = path.join(site, ".vercel");
  rmSync(path.join(configuration, "output"), { recursive: true, force: true });
  mkdirSync(configuration, { recursive: true });
  const project = {
    projectId: "prj_local",
    orgId: "team_local",
    // The packages are there already.
    settings: { framework: "nextjs", installCommand: "true" },
  };
  writeFileSync(path.join(configuration, "project.json"), JSON.stringify(project));
  const lines = Object.entries(settings).map(([name, value]) => `${name}="${value}"\n`);
  writeFileSync(path.join(configuration, ".env.preview.local"), lines.join(""));
  const args = [
    "build",
    "--yes",
    "--target",
    "preview",
    "--cwd",
    site,
    "--global-config",
    path.join(site, ".vercel/cli"),
  ];
  await runSetupStep(
    label,
    () =>
      runNode([path.join(cli, CLI_PATH), ...args], {
        env: { VERCEL_TOKEN: "none", VERCEL_TELEMETRY_DISABLED: "1", NO_UPDATE_NOTIFIER: "1" },
      }),
    "Vercel's build has failed; its reasons are above.",
  );
}

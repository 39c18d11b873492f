import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "playwright/test";

/** For each room, imports that its biome.json has to refuse and imports that it has to allow. */
const ROOMS: Record<string, { refused: string[]; allowed: string[] }> = {
  app: {
    refused: [
      "@/lib/db/database",
      "@/lib/apis/v1",
      "@/lib/endpoints/health",
      "@/lib/senders/twilio",
      "../e2e/fixtures",
    ],
    allowed: ["@/lib/core/policy", "@/lib/auth/cookies", "@/lib/http/accept", "@/components/band", "./actions"],
  },
  "app/api": {
    refused: ["@/lib/db/database", "@/components/band", "@/app/actions", "../../actions", "react"],
    allowed: ["@/lib/apis/v1", "@/lib/endpoints/health"],
  },
  components: { refused: ["@/lib/core/policy", "../lib/core/policy"], allowed: ["./band"] },
  lib: { refused: ["@/lib/core/policy", "./core/policy"], allowed: ["@/lib/auth/cookies", "./env"] },
  "lib/core": {
    refused: [
      "@/lib/auth/cookies",
      "../auth/cookies",
      "@/lib/db/sqlite",
      "@/lib/testing/people",
      "next",
      "next/server",
    ],
    allowed: ["@/lib/db/database", "@/lib/senders/twilio", "@/lib/ops/log", "../env"],
  },
  "lib/apis": {
    refused: ["@/lib/db/database", "@/lib/endpoints/health", "@/lib/senders/twilio", "next/server", "react"],
    allowed: ["@/lib/core/policy", "@/lib/auth/cookies", "@/lib/http/accept"],
  },
  "lib/endpoints": {
    refused: ["@/lib/db/database", "next/server", "react"],
    allowed: ["@/lib/apis/engine", "@/lib/senders/twilio"],
  },
  "lib/auth": {
    refused: ["@/lib/apis/v1", "@/lib/db/database", "next-intl"],
    allowed: ["@/lib/core/policy", "@/lib/http/origin", "next/headers"],
  },
  "lib/http": {
    refused: ["@/lib/core/policy", "../core/policy", "@/lib/auth/cookies", "next/server"],
    allowed: ["@/lib/ops/log", "../env", "node:http"],
  },
  "lib/ops": { refused: ["@/lib/core/policy", "@/lib/http/accept"], allowed: ["@/lib/db/status"] },
  "lib/db": { refused: ["@/lib/ops/log", "@/lib/core/policy", "node:http"], allowed: ["@prisma/client", "pg"] },
  "lib/senders": { refused: ["@/lib/ops/log", "../db/database"], allowed: ["@/lib/env", "@/lib/per-process"] },
  "lib/testing": {
    refused: ["@/lib/apis/v1", "@/lib/auth/cookies"],
    allowed: ["@/lib/core/policy", "@/lib/db/database"],
  },
  e2e: {
    refused: ["@/lib/env", "../lib/env", "../scripts/internal/database"],
    allowed: ["../scripts/internal/free-port"],
  },
  gateway: { refused: ["@/lib/env", "../lib/env"], allowed: ["./http"] },
  examples: { refused: ["@/lib/env", "../lib/env", "../../lib/env"], allowed: ["./login.mjs", "openid-client"] },
};

test("each room refuses the imports that are not its own, and no others", () => {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "sarafan-rooms-")));
  const put = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
    writeFileSync(path.join(folder, file), text);
  };
  /** Writes a file for each import; those below app/api are routes. */
  const putImports = (room: string, kind: string, imports: string[]) =>
    imports.map((name, at) => {
      const file = room === "app/api" ? `${room}/${kind}-${at}/route.ts` : `${room}/${kind}-${at}.ts`;
      put(file, `import "${name}";\n`);
      return file;
    });
  try {
    const refused: string[] = [];
    for (const [room, imports] of Object.entries(ROOMS)) {
      refused.push(...putImports(room, "refused", imports.refused));
      putImports(room, "allowed", imports.allowed);
      if (room !== "app/api") cpSync(`${room}/biome.json`, path.join(folder, room, "biome.json"));
    }
    cpSync("biome.json", path.join(folder, "biome.json"));
    const biome = path.resolve("node_modules/@biomejs/biome/bin/biome");
    const args = [biome, "lint", "--vcs-enabled=false", "--max-diagnostics=none", "--reporter=github"];
    const { stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
    const found = [...stdout.matchAll(/noRestrictedImports,file=([^,]+),/g)].map(([, file = ""]) =>
      path.relative(folder, path.resolve(folder, file)),
    );
    expect(found.sort()).toEqual(refused.sort());
  } finally {
    rmSync(folder, { recursive: true });
  }
});

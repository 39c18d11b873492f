import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./internal/environment";
import { findFreePort } from "./internal/free-port";

/**
 * Begins a sentence of a document. Above a block of commands it gives the reason why no test runs them. Elsewhere it names commands,
 * also with other arguments after `--`.
 */
const NOT_RUN = "Not run by a test: ";

const DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...readdirSync("docs").map((name) => `docs/${name}`)];
const pages = DOCUMENTS.filter((file) => file.endsWith(".md")).map((file) => ({
  file,
  text: readFileSync(file, "utf8"),
}));

/** Commands of the documents, each with the file that runs it, and with the test's title or the line there. */
const RUN_BY: [command: string | RegExp, file: string, text: string][] = [
  ["npm start", "scripts/start.test.ts", "a second start does nothing twice"],
  ["node scripts/run.mjs serve", "scripts/start.test.ts", "a second start does nothing twice"],
  ["npm test", ".ci/run", "npm test"],
  ["npm run test:vercel", ".github/workflows/ci.yml", "npm run test:vercel"],
  ["npm audit --omit=dev", ".github/workflows/ci.yml", "npm audit --omit=dev"],
  ["npm ci --omit=dev", "scripts/internal/dependencies.test.ts", "a start installs what serving needs"],
  ["npm rebuild better-sqlite3", "scripts/internal/dependencies.mjs", '"rebuild", "better-sqlite3"'],
  ["vercel build", "scripts/internal/vercel-build.ts", "vercel build"],
  ["npm run build", "scripts/build.test.ts", '"scripts/run.mjs", "build"'],
  [/^npm run admin( -- (list|(add|remove) \+\d+))?$/, "scripts/admin.test.ts", "are added, listed and removed"],
  [/^npm run test-number( -- .+)?$/, "scripts/test-number.test.ts", "are made, listed and removed"],
  [/^npm run key( -- .+)?$/, "scripts/key.test.ts", "are made, listed and revoked"],
  [/^npx .*openapi-typescript /, "e2e/api/typed-client.spec.ts", "the command of docs/api.md makes the types"],
  [/^npm run webhook( -- .+)?$/, "scripts/webhook.test.ts", "are made, listed, paused, rotated"],
  [/^npm run client( -- .+)?$/, "scripts/client.test.ts", "applications are made, listed, changed"],
  [
    /^npm run keys( -- (list|rotate|seal|revoke( \S+)?))?$/,
    "scripts/client.test.ts",
    "signing keys are listed, rotated",
  ],
  [/^npm run backup( -- \S+)?$/, "scripts/backup.test.ts", "a backup is one moment"],
  [/^npm run restore( -- \S+)?$/, "scripts/restore.test.ts", "a restored copy brings back the people"],
  [
    "DATABASE_URL=postgresql://… npm run restore -- /var/lib/sarafan/sarafan.db",
    "scripts/restore.test.ts",
    "goes to a PostgreSQL",
  ],
  [
    /^npm run import( -- .+)?$/,
    "scripts/import.test.ts",
    "an import that is killed is run again: no row twice, and eac",
  ],
  ["npm run seed", "scripts/seed.test.ts", "the seed makes a town"],
  ["npm run bench -- --accounts 1000 --rounds 1 --seconds 0.25", "scripts/bench.test.ts", "the bench drives every row"],
  [
    "node --import tsx bench/scale.ts --rows 5000",
    "scripts/scale.test.ts",
    "docs/scale.md has what its script measures",
  ],
  ["npm run settings", "scripts/settings.test.ts", "npm run settings"],
  ["npm run gateway", "scripts/commands.test.ts", "the commands for the gateway"],
  ["npm run example", "e2e/ui/example.spec.ts", "as `npm run example` does"],
  [/^curl .*localhost:8025/, "scripts/commands.test.ts", "the commands for the gateway"],
  [/^curl .*localhost:3000/, "e2e/api/examples.spec.ts", "the commands of docs/api.md have the answers"],
  ["npm run migrate", "scripts/commands.test.ts", "npm run migrate"],
  [/^openssl rand -(base64|hex) \d+$/, "scripts/commands.test.ts", "openssl makes secrets"],
];

/** A line that sets a variable and runs nothing. */
const SETTING_PATTERN = /^(export )?([A-Z][A-Z0-9_]*=('[^']*'|[^\s"'$]*( <\S+>)?)\s*)+$/;
const CODE_PATTERN = /`([^`]+)`/g;
/** What begins with one of these, and goes on, is a command. */
const COMMAND_PATTERN =
  /^([A-Z_]+=\S+ )*(npm|npx|node|docker|curl|openssl|systemd-\w+|systemctl|sqlite3|psql|pg_\w+|git|vercel) \S/;

const normalise = (line: string) => line.replace(/(^|\s+)#( .*)?$/, "").trim();

/** The commands of a document's shell blocks that no sentence above the block excuses, and of its text. */
function commandsOf(text: string): string[] {
  const commands: string[] = [];
  for (const [, before = "", block = ""] of text.matchAll(/((?:^.+\n)*)\n? *```sh\n([\s\S]*?)\n *```/gm)) {
    if (!before.includes(NOT_RUN)) commands.push(...block.replaceAll("\\\n", "").split("\n").map(normalise));
  }
  const prose = text.replace(/^ *```[\s\S]*?^ *```/gm, "");
  for (const [, code = ""] of prose.matchAll(CODE_PATTERN)) {
    const command = code.replace(/\s+/g, " ");
    if (COMMAND_PATTERN.test(command)) commands.push(command);
  }
  return commands.filter((line) => line !== "" && !SETTING_PATTERN.test(line));
}

test("each command of the documents is run by a test, or said not to be", () => {
  const excused = pages.flatMap(({ text }) =>
    [...text.matchAll(/(?:Not run by a test|Not tried): ((?:`[^`]*`|[^`])*?)\.(?=\s|\*)/g)].flatMap(
      ([, sentence = ""]) =>
        [...sentence.matchAll(CODE_PATTERN)].map(([, command = ""]) => command.replace(/\s+/g, " ")),
    ),
  );
  const isExcused = (command: string) =>
    excused.some((known) => command === known || command.startsWith(`${known} -- `));
  const isRun = (command: string) =>
    RUN_BY.some(([known]) => (typeof known === "string" ? known === command : known.test(command)));
  const commands = pages.flatMap(({ file, text }) => commandsOf(text).map((command) => ({ file, command })));
  expect(commands.length).toBeGreaterThan(100);
  expect(commands.filter(({ command }) => !isRun(command) && !isExcused(command))).toEqual([]);

  const isNamed = ([known]: (typeof RUN_BY)[number]) =>
    commands.some(({ command }) => (typeof known === "string" ? known === command : known.test(command)));
  expect(
    RUN_BY.filter((row) => !isNamed(row)),
    "commands that no document has",
  ).toEqual([]);
  const isThere = ([, file, text]: (typeof RUN_BY)[number]) => readFileSync(file, "utf8").includes(text);
  expect(
    RUN_BY.filter((row) => !isThere(row)),
    "files without what runs the command",
  ).toEqual([]);
});

/** The commands of the first shell block of a document that has `text`, with `localhost:<port>` for the port named. */
function blockWith(document: string, text: string): string[] {
  const blocks = [...readFileSync(document, "utf8").matchAll(/```sh\n([\s\S]*?)\n```/g)].map(([, block = ""]) => block);
  return (blocks.find((block) => block.includes(text)) ?? "").split("\n").map(normalise);
}

test("the commands for the gateway that docs/delivery.md has work on one that npm run gateway starts", async () => {
  test.skip(spawnSync("curl", ["--version"]).status !== 0, "curl is not installed");
  const port = await findFreePort();
  const env = cleanEnvironment({ GATEWAY_PORT: String(port) });
  const gateway = spawn(process.execPath, ["scripts/run.mjs", "gateway"], { env, stdio: "ignore" });
  try {
    const run = async (command: string) =>
      (await promisify(execFile)("sh", ["-c", command.replaceAll(":8025", `:${port}`)])).stdout;
    const isUp = () =>
      fetch(`http://localhost:${port}/messages`).then(
        ({ ok }) => ok,
        () => false,
      );
    await expect.poll(isUp, { timeout: 90_000 }).toBe(true);
    const commands = blockWith("docs/delivery.md", "localhost:8025/switches/smsru");
    expect(commands).toHaveLength(5);
    const [messages, clear, change, switches, reset] = commands.map((command) =>
      command.replace("curl ", "curl -sSf "),
    );
    const sms = new URLSearchParams({ api_id: "any", to: "79450000001", msg: "4802", json: "1" });
    await fetch(`http://localhost:${port}/smsru/sms/send`, { method: "POST", body: sms });
    expect(JSON.parse(await run(String(messages)))).toMatchObject([{ to: "+79450000001" }]);
    await run(String(clear));
    expect(JSON.parse(await run(String(messages)))).toEqual([]);
    await run(String(change));
    expect(JSON.parse(await run(String(switches)))).toMatchObject({ smsru: { answer: "500", delayMs: 200 } });
    await run(String(reset));
    expect(JSON.parse(await run(String(switches)))).toMatchObject({ smsru: { answer: "accept", delayMs: 0 } });
  } finally {
    gateway.kill();
  }
});

test("npm run migrate makes a database that the query of docs/operations.md finds whole", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "sarafan-migrate-"));
  try {
    const file = path.join(folder, "sarafan.db");
    const env = cleanEnvironment({ DATABASE_URL: `file:${file}` });
    await promisify(execFile)(process.execPath, ["scripts/run.mjs", "migrate"], { env });
    const [, query = ""] =
      /## Is it whole\?[\s\S]*?```sql\n([\s\S]*?)```/.exec(readFileSync("docs/operations.md", "utf8")) ?? [];
    const database = new Database(file);
    const miscounted = database.prepare(query).pluck();
    expect(miscounted.get()).toBe(0);
    database.exec(
      `INSERT INTO "User" ("phone", "inviteCode", "createdAt", "referralCount") VALUES ('+79450000001', '0A0A0A', '2026-01-01', 1)`,
    );
    expect(miscounted.get()).toBe(1);
    database.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("openssl makes secrets as long as the settings want them, by the commands of the documents", () => {
  test.skip(spawnSync("openssl", ["version"]).status !== 0, "openssl is not installed");
  const named = new Set(pages.flatMap(({ text }) => text.match(/openssl rand -\w+ \d+/g) ?? []));
  const made = [...named].map((command) => {
    const [program = "", ...args] = command.split(" ");
    return [command, spawnSync(program, args, { encoding: "utf8" }).stdout.trim()] as const;
  });
  expect(Object.fromEntries(made)).toEqual({
    "openssl rand -base64 32": expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
    "openssl rand -base64 48": expect.stringMatching(/^.{32,}$/),
    "openssl rand -hex 24": expect.stringMatching(/^[0-9a-f]{48}$/),
  });
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import Database from "better-sqlite3";
import { DATABASES } from "../e2e/databases";
import { test as base, expect } from "../e2e/fixtures";
import { cleanEnvironment } from "./internal/environment";
import { findFreePort } from "./internal/free-port";

const test = base.extend<{ folder: string; preparedDatabase: string }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  folder: async ({}, use) => {
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-start-"));
    await use(folder);
    rmSync(folder, { recursive: true });
  },
  preparedDatabase: async ({ folder, emptyDatabase }, use) => {
    const file = path.join(folder, "sarafan.db");
    copyFileSync((await emptyDatabase("sqlite")).slice("file:".length), file);
    await use(`file:${file}`);
  },
});

test.describe("a start that can't be is refused in one sentence", () => {
  test("when the port is taken", async ({ folder }) => {
    const neighbour = await listen(0);
    const { port } = neighbour.address() as { port: number };
    const { code, sentences } = await start({ PORT: String(port), DATABASE_URL: `file:${folder}/sarafan.db` });
    neighbour.close();
    expect(sentences).toEqual([`Port ${port} is taken already; choose another one: PORT=${port + 1} npm start`]);
    expect(code).toBe(1);
  });

  test("when there is a file where the data folder should be", async ({ folder }) => {
    const file = path.join(folder, "data");
    writeFileSync(file, "");
    const { code, sentences } = await start({ DATABASE_URL: `file:${file}/sarafan.db` });
    expect(sentences).toEqual([expect.stringContaining(`The data folder ${file} can't be used (EEXIST)`)]);
    expect(code).toBe(1);
  });

  test("when nobody is at the address of the PostgreSQL, or no secret is set for it", async () => {
    const DATABASE_URL = `postgresql://nobody:password-of-nobody@127.0.0.1:${await findFreePort()}/nothing`;
    const unreachable = await start({ DATABASE_URL, AUTH_SECRET: "a secret of more than thirty-two characters" });
    expect(unreachable.sentences).toEqual([expect.stringContaining("The database of DATABASE_URL can't be reached")]);
    expect(unreachable.sentences.join()).not.toContain("password-of-nobody");
    expect(unreachable.code).toBe(1);
    const { code, sentences } = await start({ DATABASE_URL });
    expect(sentences).toEqual([expect.stringContaining("The setting AUTH_SECRET is missing")]);
    expect(code).toBe(1);
  });

  for (const password of ["se#cret", "se/cret", "se?cret", "12#cret", "12/cret", "se%E2cret", "se@cre/t"]) {
    test(`when the password of a database and of a mail server is ${password}`, async () => {
      const { code, sentences } = await start({
        DATABASE_URL: `postgresql://sarafan:${password}@127.0.0.1:1/sarafan`,
        AUTH_SECRET: "a secret of more than thirty-two characters",
        SMTP_URL: `smtp://codes:${password}@127.0.0.1:1`,
        MAIL_FROM: "codes@sarafan.example",
      });
      expect(sentences).toEqual([
        expect.stringMatching(/^The setting DATABASE_URL has a name or a password .*# %23/),
        expect.stringMatching(/^The setting SMTP_URL has a name or a password/),
      ]);
      expect(sentences.join()).not.toMatch(/cre|127\.0/);
      expect(code).toBe(1);
    });
  }

  test("with the setting that is meant, when a name is one letter off", async () => {
    const { code, sentences } = await start({ DATABASE_URL: "postgresql://127.0.0.1:1/nothing", AUTH_SECERT: "x" });
    expect(sentences).toEqual([
      expect.stringContaining("The setting AUTH_SECRET is missing"),
      "There is no setting AUTH_SECERT: is AUTH_SECRET meant?",
    ]);
    expect(code).toBe(1);
  });

  test("when the data folder can't be made", async () => {
    test.skip(process.platform !== "linux", "only Linux has a folder that refuses even root");
    const { code, sentences } = await start({ DATABASE_URL: "file:/proc/sarafan/sarafan.db" });
    expect(sentences).toEqual([expect.stringContaining("The data folder /proc/sarafan can't be used (ENOENT)")]);
    expect(code).toBe(1);
  });

  test("when the settings would let strangers guess", async ({ folder }) => {
    const settings = { DATABASE_URL: `file:${folder}/sarafan.db`, LONGER_CODES_AFTER_WRONG: "50,100" };
    const { code, sentences } = await start(settings);
    expect(sentences).toEqual([
      expect.stringMatching(
        /50 guesses at up to 4 digits.*a chance of 0\.0050 .*GUESS_PROBABILITY_PER_DAY_MAX allows 0\.001/,
      ),
    ]);
    expect(code).toBe(1);
  });

  test("when a number is out of bounds", async ({ folder }) => {
    const { code, sentences } = await start({ DATABASE_URL: `file:${folder}/sarafan.db`, CODE_DIGITS: "99" });
    expect(sentences).toEqual([expect.stringContaining("The setting CODE_DIGITS must be")]);
    expect(code).toBe(1);
  });

  test("one for each setting when several are wrong", async ({ folder }) => {
    const { code, sentences } = await start({
      DATABASE_URL: `file:${folder}/sarafan.db`,
      PORT: "the usual",
      CONSOLE_DELAY_MS: "soon",
      DEFAULT_COUNTRY: "Narnia",
      APP_URL: "example",
      CORS_ORIGINS: "https://app.example,*",
    });
    expect(sentences.map((sentence) => sentence.split(" ").slice(0, 3).join(" ")).sort()).toEqual([
      "The setting APP_URL",
      "The setting CONSOLE_DELAY_MS",
      "The setting CORS_ORIGINS",
      "The setting DEFAULT_COUNTRY",
      "The setting PORT",
    ]);
    expect(code).toBe(1);
  });

  test("when a sender is named that was told too little, or is none, or a country is none", async ({ folder }) => {
    const DATABASE_URL = `file:${folder}/sarafan.db`;
    const TWILIO_AUTH_TOKEN = "a token that is nobody's to read".replaceAll(" ", "-");
    const lacking = await start({
      DATABASE_URL,
      SENDERS: "smsru,twilio",
      SENDERS_KZ: "telegram",
      OTP_COUNTRIES: "RU,KZ",
      TWILIO_AUTH_TOKEN,
    });
    expect(lacking.sentences).toEqual([
      "The setting SMSRU_API_ID is missing: SENDERS names smsru.",
      "The setting TWILIO_ACCOUNT_SID is missing: SENDERS names twilio.",
      "The setting TWILIO_FROM is missing: SENDERS names twilio.",
      "The setting TELEGRAM_GATEWAY_TOKEN is missing: SENDERS names telegram.",
    ]);
    const wrong = await start({
      DATABASE_URL,
      SENDERS: "pigeon",
      SENDERS_RU: "console,console",
      SENDERS_NARNIA: "console",
      HTTP_SENDER_BODY: '{"to":{phone},"text":{text}}',
      TWILIO_URL: "twilio",
    });
    expect(wrong.sentences.map((sentence) => sentence.split(" ")[2]).sort()).toEqual([
      "HTTP_SENDER_BODY",
      "SENDERS",
      "SENDERS_NARNIA",
      "SENDERS_RU",
      "TWILIO_URL",
    ]);
    expect([lacking.code, wrong.code]).toEqual([1, 1]);
  });

  for (const { what, settings, named } of [
    { what: "a country has a sender and no codes", settings: { SENDERS_KZ: "console" }, named: "OTP_COUNTRIES" },
    { what: "a day's messages are none", settings: { SMS_BUDGET_PER_DAY: "1" }, named: "SMS_BUDGET_PER_DAY" },
    {
      what: "a day's money doesn't pay for a message",
      settings: { SMS_COST_PER_DAY: "10", SMS_PRICE: "RU=9.50" },
      named: "SMS_COST_PER_DAY",
    },
    {
      what: "sessions would end while they are used",
      settings: { SESSION_IDLE_S: "1800" },
      named: "SESSION_IDLE_S",
    },
    {
      what: "sessions would end when it is written that they are used",
      settings: { SESSION_IDLE_S: "600", SESSION_SEEN_EVERY_S: "600" },
      named: "SESSION_IDLE_S",
    },
    { what: "a country has two prices", settings: { SMS_PRICE: "RU=1,RU=2" }, named: "SMS_PRICE" },
    ...["security@sarafan.example", "http://sarafan.example", "mailto:a@sarafan.example\nExpires: never"].map(
      (contact) => ({
        what: `vulnerabilities are reported to ${JSON.stringify(contact)}`,
        settings: { SECURITY_CONTACT: contact },
        named: "SECURITY_CONTACT",
      }),
    ),
    {
      what: "reports have a policy and no address",
      settings: { SECURITY_POLICY: "https://sarafan.example/security" },
      named: "SECURITY_CONTACT",
    },
    { what: "a sender ID is no name", settings: { TWILIO_FROM: "15005550006" }, named: "TWILIO_FROM" },
  ]) {
    test(`when ${what}`, async ({ folder }) => {
      const refused = await start({ DATABASE_URL: `file:${folder}/sarafan.db`, ...settings });
      expect(refused.sentences).toEqual([expect.stringContaining(`The setting ${named} `)]);
      expect(refused.code).toBe(1);
    });
  }

  test("when codes would be revealed although a provider sends them", async ({ folder }) => {
    const { code, sentences } = await start({
      DATABASE_URL: `file:${folder}/sarafan.db`,
      SENDERS_KZ: "smsru",
      OTP_COUNTRIES: "KZ",
      SMSRU_API_ID: "an-id",
      REVEAL_CODES: "true",
    });
    expect(sentences).toEqual(["The setting REVEAL_CODES must be false while SENDERS names others than the console."]);
    expect(code).toBe(1);
  });

  for (const { where, settings, named } of [
    { where: "at an address beyond this machine", settings: { APP_URL: "https://sarafan.example" }, named: "APP_URL" },
    { where: "on every network of this machine", settings: { HOST: "0.0.0.0" }, named: "HOST" },
    {
      where: "in production on Vercel",
      settings: { VERCEL_ENV: "production", ALLOW_DEMO: "true" },
      named: "production",
    },
  ]) {
    test(`when codes would be revealed ${where}`, async ({ folder }) => {
      const { code, sentences } = await start({ DATABASE_URL: `file:${folder}/sarafan.db`, ...settings });
      expect(sentences).toEqual([expect.stringMatching(/^The setting REVEAL_CODES must be false/)]);
      expect(sentences[0]).toContain(named);
      expect(code).toBe(1);
    });
  }

  test("when Node is too old", async () => {
    const pretend = `Object.defineProperty(process, "version", { value: "v18.20.8" });
      Object.defineProperty(process, "versions", { value: { ...process.versions, node: "18.20.8" } });`;
    const { code, sentences } = await start({}, ["--import", `data:text/javascript,${encodeURIComponent(pretend)}`]);
    expect(sentences).toEqual([expect.stringMatching(/^Sarafan needs Node 20\.19 or newer .* this is v18\.20\.8\./)]);
    expect(code).toBe(1);
  });
});

test("a database of another application is left alone", async ({ folder }) => {
  const file = path.join(folder, "sarafan.db");
  new Database(file).exec("CREATE TABLE theirs (id INTEGER)").close();
  const { code, sentences } = await start({ DATABASE_URL: `file:${file}` });
  expect(sentences).toEqual(["The database of DATABASE_URL has tables of another application: name an empty one."]);
  expect(code).toBe(1);
  expect(new Database(file).prepare("SELECT name FROM sqlite_master").pluck().all()).toEqual(["theirs"]);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} ends the server in peace and frees its port`, async ({ startServer }) => {
    const server = await startServer();
    expect(await server.stop(signal)).toBe(0);
    (await listen(server.port)).close();
  });
}

test("the secret is its owner's alone and stays the same", async ({ startServer }) => {
  const server = await startServer();
  const file = path.join(server.dataFolder, "auth-secret");
  const secret = readFileSync(file, "utf8");
  expect(Buffer.from(secret, "base64url")).toHaveLength(48);
  if (process.platform !== "win32") expect(statSync(file).mode & 0o777).toBe(0o600);
  await server.stop();
  await server.start();
  expect(readFileSync(file, "utf8")).toBe(secret);
});

for (const database of DATABASES) {
  test(`two that start at once on a new ${database} prepare it once, and both serve`, async ({
    folder,
    postgres,
    startServer,
  }) => {
    const DATABASE_URL =
      database === "sqlite" ? `file:${folder}/sarafan.db` : await (await postgres()).createDatabase();
    const settings = { DATABASE_URL, AUTH_SECRET: "the one secret of both of the servers" };
    const servers = await Promise.all([startServer(settings), startServer(settings)]);
    expect(servers.filter((server) => server.output().includes("Preparing the database"))).toHaveLength(1);
    for (const { url } of servers) expect((await fetch(`${url}/api/health/ready`)).status).toBe(200);
  });
}

test("a second start does nothing twice", async ({ folder, startServer }) => {
  const server = await startServer({ DATABASE_URL: `file:${folder}/sarafan.db` });
  const first = server.output();
  expect(first).toContain("Preparing the database");
  await server.stop();
  await server.start();
  expect(server.output().slice(first.length)).not.toMatch(/ … |Preparing/);
});

test("a start on what is prepared already is refused in the same sentences", async ({ preparedDatabase }) => {
  const refused = async (settings: Record<string, string>) => {
    const { code, sentences } = await start({ DATABASE_URL: preparedDatabase, ...settings });
    expect(code).toBe(1);
    return sentences;
  };
  expect(await refused({ CODE_DIGITS: "99" })).toEqual([expect.stringContaining("The setting CODE_DIGITS must be")]);
  expect(await refused({ PORT: "the usual" })).toEqual([expect.stringContaining("The setting PORT must be")]);
  expect(await refused({ LONGER_CODES_AFTER_WRONG: "50,100" })).toEqual([
    expect.stringContaining("a chance of 0.0050"),
  ]);
  expect(await refused({ APP_ULR: "https://sarafan.example", CODE_DIGITS: "99" })).toEqual([
    expect.stringContaining("The setting CODE_DIGITS must be"),
    "There is no setting APP_ULR: is APP_URL meant?",
  ]);
});

test("a server that was prepared already is one process, which has loaded no compiler", async ({
  preparedDatabase,
}) => {
  test.skip(process.platform !== "linux", "only Linux tells what a process has loaded");
  const { child, ended } = await serve({ DATABASE_URL: preparedDatabase });
  expect(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).toBe("");
  expect(readFileSync(`/proc/${child.pid}/maps`, "utf8")).not.toMatch(/next-swc|esbuild/);
  child.kill("SIGHUP");
  expect(await ended).toBe(0);
});

test("a server ends with the npm that has started it", async ({ preparedDatabase }) => {
  const { child, ended, url } = await serve({ DATABASE_URL: preparedDatabase }, ["npm", "start"]);
  child.kill("SIGTERM");
  await ended;
  await expect(async () => {
    await expect(fetch(`${url}/api/health/live`)).rejects.toThrow();
  }).toPass();
});

test("a start on Node 20, which gets no security fixes, recommends Node 24 once", async ({ startServer }) => {
  const server = await startServer();
  await expect.poll(() => server.output()).toContain("Sarafan is at");
  const isOld = process.versions.node.startsWith("20.");
  expect(server.output().split("Node 24 serves").length - 1).toBe(isOld ? 1 : 0);
});

test("a demonstration says what it is, and how to end it", async ({ startServer }) => {
  const [demonstration, earnest] = await Promise.all([startServer(), startServer({ REVEAL_CODES: false })]);
  await expect.poll(() => demonstration.output()).toContain("REVEAL_CODES=false");
  await expect.poll(() => earnest.output()).toContain("Sarafan is at");
  expect(earnest.output()).not.toContain("REVEAL_CODES");
  await expect.poll(() => earnest.output()).toMatch(/"level":"warn".*SENDERS names the console/);
  expect(demonstration.output()).not.toContain("SENDERS names the console");
});

/** Starts a server that is expected to refuse; resolves to its exit code and the lines it left on stderr. */
async function start(settings: Record<string, string>, nodeArgs: string[] = []) {
  const env = cleanEnvironment({ PORT: String(await findFreePort()), ...settings });
  const child = spawn(process.execPath, [...nodeArgs, "scripts/run.mjs", "serve"], {
    env,
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  expect(stderr, "no stack").not.toMatch(/^\s+at /m);
  return { code, sentences: stderr.split("\n").filter((line) => line !== "") };
}

/** Starts a server, and resolves when it answers; `ended` is its exit code. */
async function serve(
  settings: Record<string, string>,
  [command, ...args]: string[] = [process.execPath, "scripts/run.mjs", "serve"],
) {
  const port = await findFreePort();
  const child = spawn(String(command), args, {
    env: cleanEnvironment({ PORT: String(port), ...settings }),
    stdio: "ignore",
  });
  const ended = once(child, "close").then(([code]) => code);
  const url = `http://localhost:${port}`;
  await expect(async () => {
    expect((await fetch(`${url}/api/health/live`)).status).toBe(200);
  }).toPass();
  return { child, ended, url };
}

/** Listens on a port of this machine; rejects when somebody else does. */
async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

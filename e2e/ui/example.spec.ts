import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Browser, BrowserContext, Page } from "playwright/test";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { findFreePort } from "../../scripts/internal/free-port";
import { test as base, expect, type Server } from "../fixtures";
import { logIn, logOut } from "./journeys";

/** The application in examples/, beside the worker's server. */
interface Example {
  url: string;
  /** What it has printed, over all starts. */
  output(): string;
  /** Starts it as `npm run example` does. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 90_000;

let shared: Example | undefined;
base.afterAll(() => shared?.stop());

const test = base.extend<{ example: Example }>({
  example: [
    async ({ server }, use) => {
      if (!shared) {
        shared = await makeExample(server);
        await shared.start();
      }
      await use(shared);
    },
    { timeout: START_TIMEOUT_MS },
  ],
});

async function makeExample(server: Server): Promise<Example> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  let output = "";
  let child: ChildProcess | undefined;
  return {
    url,
    output: () => output,
    start: async () => {
      const { databaseUrl, port: serverPort } = server;
      const env = cleanEnvironment({
        ...{ DATABASE_URL: databaseUrl, PORT: String(serverPort), EXAMPLE_PORT: String(port) },
      });
      const own = spawn(process.execPath, ["scripts/run.mjs", "example"], { env, stdio: ["ignore", "pipe", "pipe"] });
      child = own;
      const before = output.length;
      for (const stream of [own.stdout, own.stderr])
        stream.setEncoding("utf8").on("data", (chunk) => {
          output += chunk;
        });
      const isUp = () => {
        if (own.exitCode !== null) throw new Error(`The example ended:\n${output}`);
        return output.slice(before).includes(url);
      };
      await expect.poll(isUp, { timeout: START_TIMEOUT_MS }).toBe(true);
    },
    stop: async () => {
      if (!child || child.exitCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "close");
    },
  };
}

// All tests share one example.
test.describe.configure({ mode: "default" });

/** A browser of one person, with every address that it asked for. */
async function openBrowser(browser: Browser, javaScriptEnabled: boolean): Promise<{ page: Page; visited: string[] }> {
  const context: BrowserContext = await browser.newContext({ javaScriptEnabled });
  const visited: string[] = [];
  context.on("request", (request) => visited.push(request.url()));
  return { page: await context.newPage(), visited };
}

/** Logs a person in at the club, from a page of the club, and lets the club learn what it asks for. */
async function logInAtClub(page: Page, phone: string, { url, codeFor }: Server) {
  await page.getByRole("link", { name: "Войти через Сарафан" }).click();
  await expect(page).toHaveURL((address) => address.href.startsWith(`${url}/login`));
  await logIn(page, phone, codeFor);
  await page.getByRole("button", { name: "Разрешить", exact: true }).click();
}

const fact = (page: Page, term: string) => page.locator(`dt:text-is("${term}") + dd`);

/** Loads the page again until the expectation holds. */
const expectAfterReloads = (page: Page, expectation: () => Promise<void>) =>
  expect(async () => {
    await page.reload();
    await expectation();
  }).toPass();

/** What the addresses say, with the claims of the tokens in them. */
function spellOut(addresses: string[]): string {
  const tokens = addresses.join("\n").match(/(?<=\beyJ[\w-]+\.)[\w-]+/g) ?? [];
  const claims = tokens.map((token) => Buffer.from(token, "base64url").toString());
  return [...addresses, ...addresses.map(decodeURIComponent), ...claims].join("\n");
}

/** The log without the codes that a demonstration prints, and without the fields whose numbers may look like a code. */
function logOf(output: string): string {
  const lines = output.split("\n").filter((line) => !/^(\+\d+|\S+@\S+) \d{4,10}\r?$/.test(line));
  return lines.join("\n").replace(/"(time|pid|ms)":[\d.]+/g, "");
}

for (const javaScriptEnabled of [true, false]) {
  const how = `${javaScriptEnabled ? "with" : "without"} JavaScript`;

  test(`a new person logs in at the example, which shows their phone and who invited them, and the inviter gets a star, ${how}`, async ({
    browser,
    example,
    server,
    freshPhone,
  }) => {
    test.slow();
    const [anna, boris] = [freshPhone(), freshPhone()];
    const logBefore = server.output().length;
    const annas = await openBrowser(browser, javaScriptEnabled);
    await annas.page.goto(example.url);
    await logInAtClub(annas.page, anna, server);
    await expect(annas.page.getByText("Вы здесь впервые")).toBeVisible();
    await expect(fact(annas.page, "Кто вас пригласил")).toHaveText("никто");
    await expect(fact(annas.page, "Ваши звёзды")).toHaveText("0");
    const name = `Анна ${how}`;
    await annas.page.getByLabel("Ваше имя в клубе").fill(name);
    await annas.page.getByRole("button", { name: "Сохранить" }).click();
    await expect(annas.page.getByRole("heading", { name: `Здравствуйте, ${name}!` })).toBeVisible();
    const invitation = (await fact(annas.page, "Ваше приглашение в клуб").textContent()) ?? "";
    expect(invitation).toMatch(/\?invite=[0-9A-Z]{6}$/);

    const boriss = await openBrowser(browser, javaScriptEnabled);
    await boriss.page.goto(invitation);
    await logInAtClub(boriss.page, boris, server);
    await expect(fact(boriss.page, "Ваш подтверждённый номер")).toHaveText(boris);
    await expect(fact(boriss.page, "Кто вас пригласил")).toHaveText(name);
    await expect(boriss.page.getByText("Вы здесь впервые")).toBeVisible();

    await expectAfterReloads(annas.page, () =>
      expect(fact(annas.page, "Ваши звёзды")).toHaveText("1 ★", { timeout: 500 }),
    );
    await annas.page.getByRole("button", { name: "Спросить Сарафан ещё раз" }).click();
    await expect(fact(annas.page, "Сколько людей вы пригласили в Сарафан")).toHaveText("1");

    await boriss.page.getByRole("button", { name: "Выйти" }).click();
    await expect(boriss.page.getByRole("link", { name: "Войти через Сарафан" })).toBeVisible();
    await boriss.page.goto(`${server.url}/profile`);
    await expect(boriss.page).toHaveURL(/\/login/);

    const addresses = spellOut([...annas.visited, ...boriss.visited]);
    // The address of the logout has an ID token, which was read, too.
    expect(addresses).toContain('"sid":');
    const log = logOf(server.output().slice(logBefore)) + example.output();
    for (const phone of [anna, boris]) {
      expect(addresses).not.toContain(phone.slice(1));
      expect(log).not.toContain(phone.slice(1));
      for (const code of server.codesFor(phone)) {
        const asWord = new RegExp(`(?<![\\w-])${code}(?![\\w-])`);
        expect(addresses).not.toMatch(asWord);
        expect(log).not.toMatch(asWord);
      }
    }
  });
}

test("a session that ends at Sarafan ends its login at the example", async ({ browser, example, server, phone }) => {
  const { page } = await openBrowser(browser, true);
  await page.goto(example.url);
  await logInAtClub(page, phone, server);
  await expect(fact(page, "Ваш подтверждённый номер")).toHaveText(phone);
  await page.goto(`${server.url}/profile`);
  await logOut(page);
  await page.goto(example.url);
  await expectAfterReloads(page, () =>
    expect(page.getByRole("link", { name: "Войти через Сарафан" })).toBeVisible({ timeout: 500 }),
  );
});

test("a person who does not let the example in is told so, and may think again", async ({
  browser,
  example,
  server,
  phone,
}) => {
  const { page } = await openBrowser(browser, true);
  await page.goto(example.url);
  await page.getByRole("link", { name: "Войти через Сарафан" }).click();
  await expect(page).toHaveURL((address) => address.href.startsWith(`${server.url}/login`));
  await logIn(page, phone, server.codeFor);
  await page.getByRole("button", { name: "Не разрешать" }).click();
  await expect(page.getByText("Можно передумать")).toBeVisible();
  await page.getByRole("link", { name: "На первую страницу" }).click();
  await page.getByRole("link", { name: "Войти через Сарафан" }).click();
  await page.getByRole("button", { name: "Разрешить", exact: true }).click();
  await expect(fact(page, "Ваш подтверждённый номер")).toHaveText(phone);
});

test("the example refuses forms of other sites, and webhooks and logouts that Sarafan did not sign", async ({
  example,
}) => {
  const answers = await Promise.all(
    [
      ["/logout", { origin: "https://other.example" }],
      ["/name", {}],
      ["/webhooks", { "webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,AAAA" }],
      ["/backchannel-logout", {}],
    ].map(async ([path, headers]) => {
      const body = new URLSearchParams({ logout_token: "eyJhbGciOiJub25lIn0.e30." });
      return (await fetch(`${example.url}${path}`, { method: "POST", body, headers: headers as HeadersInit })).status;
    }),
  );
  expect(answers).toEqual([403, 403, 400, 400]);
});

test("a second run of the example is the same application", async ({ example }) => {
  const idsOf = () => example.output().match(/(?<=The example is the application )\w+/g);
  await example.stop();
  await example.start();
  const [first, second, ...more] = idsOf() ?? [];
  expect([second, more]).toEqual([first, []]);
});

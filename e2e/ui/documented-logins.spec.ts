import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright/test";
import { cleanEnvironment } from "../../scripts/internal/environment";
import { findFreePort } from "../../scripts/internal/free-port";
import { runClientCommand } from "../applications";
import { test as base, expect, type Server } from "../fixtures";
import { logIn } from "./journeys";

const DOCUMENT = readFileSync("docs/oidc.md", "utf8");
/** The issuer and the application of the document's examples. */
const [ISSUER, CLIENT_ID] = ["https://id.example", "0123456789abcdef01234567"];

/** Returns the section of the document under a heading. */
function sectionOf(heading: string): string {
  const section = DOCUMENT.split(/^## /m).find((one) => one.startsWith(`${heading}\n`));
  if (!section) throw new Error(`docs/oidc.md has no section ${heading}.`);
  return section;
}

/** Returns the block of code in this language under a heading. */
function blockOf(heading: string, language: string): string {
  const [, block] = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\``).exec(sectionOf(heading)) ?? [];
  if (block === undefined) throw new Error(`docs/oidc.md has no ${language} under ${heading}.`);
  return block;
}

/** Returns the first cells of a table's rows, without their backquotes. */
function rowsOf(section: string, column: string): string[][] {
  const [, table = ""] = new RegExp(`^\\| ${column} .*\\n\\| -.*\\n((?:\\|.*\\n)+)`, "m").exec(section) ?? [];
  return table
    .trim()
    .split("\n")
    .map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

const codesIn = (text: string) => Array.from(text.matchAll(/`([^`]+)`/g), ([, code = ""]) => code);

/** Runs the command for the registration under a heading, with what the test changes in it. */
function register(server: Server, heading: string, change = (command: string) => command) {
  const [, options = ""] = /^npm run client -- (.*)$/.exec(change(blockOf(heading, "sh"))) ?? [];
  const args = Array.from(options.matchAll(/"([^"]*)"|(\S+)/g), ([, quoted, plain]) => quoted ?? plain ?? "");
  return runClientCommand(server, args);
}

/** A folder for programs of the document, which find the libraries there. */
interface Workshop {
  folder: string;
  /** Starts a program of the folder, and waits until it answers at the port. */
  start(args: string[], port: number, environment: Record<string, string>): Promise<void>;
}

const test = base.extend<{ workshop: Workshop }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the fixtures that one needs from this pattern.
  workshop: async ({}, use) => {
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-document-"));
    symlinkSync(path.resolve("node_modules"), path.join(folder, "node_modules"));
    writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }');
    const children: ChildProcess[] = [];
    await use({
      folder,
      start: async (args, port, environment) => {
        const env = cleanEnvironment({ ...environment, PORT: String(port) });
        const child = spawn(process.execPath, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
        children.push(child);
        let output = "";
        for (const stream of [child.stdout, child.stderr])
          stream.setEncoding("utf8").on("data", (text) => {
            output += text;
          });
        const isUp = () => {
          if (child.exitCode !== null) throw new Error(`The program ended:\n${output}`);
          return fetch(`http://127.0.0.1:${port}/`).then(
            () => true,
            () => false,
          );
        };
        await expect.poll(isUp).toBe(true);
      },
    });
    for (const child of children) {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, "close");
    }
    rmSync(folder, { recursive: true });
  },
});

/** Logs a person in whom an application has sent here, and lets the application learn what it asks for. */
async function logInAndAllow(page: Page, phone: string, { url, codeFor }: Server) {
  await expect(page).toHaveURL((address) => address.href.startsWith(`${url}/login`));
  await logIn(page, phone, codeFor);
  await page.getByRole("button", { name: "Разрешить", exact: true }).click();
}

test("the server of docs/oidc.md with openid-client logs a person in", async ({ page, server, phone, workshop }) => {
  const port = await findFreePort();
  const origin = `http://127.0.0.1:${port}`;
  const options = ["--redirect-uri", `${origin}/callback`, "--scopes", "openid,phone,referral"];
  const made = await runClientCommand(server, ["add", "--name", "Shop", ...options]);
  writeFileSync(path.join(workshop.folder, "server.mjs"), blockOf("openid-client", "js"));
  await workshop.start(["server.mjs"], port, {
    ISSUER: server.url,
    CLIENT_ID: String(made.client_id),
    CLIENT_SECRET: String(made.client_secret),
  });
  await page.goto(`${origin}/login`);
  await logInAndAllow(page, phone, server);
  await page.waitForURL((address) => address.href.startsWith(`${origin}/callback?code=`));
  expect(JSON.parse((await page.locator("body").textContent()) ?? "")).toEqual({
    sub: expect.any(String),
    phone_number: phone,
    phone_number_verified: true,
    invite_code: expect.stringMatching(/^[0-9A-Z]{6}$/),
    invited_by: null,
    referral_count: 0,
    first_login: true,
  });
  // The code in the address is used, and its attempt is over.
  expect((await page.reload())?.status()).toBe(400);
});

/** Serves the handlers of `auth.ts`, as the route of a Next.js application does. */
const AUTH_JS_SITE = `
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { NextRequest } from "next/server.js";
import { handlers } from "./auth.ts";

createServer(async (request, response) => {
  const { method = "GET", headers } = request;
  const body = method === "POST" ? await text(request) : null;
  const asked = new NextRequest(new URL(request.url ?? "/", process.env.AUTH_URL), { method, headers: headers as HeadersInit, body });
  const answer = await handlers[method as "GET" | "POST"](asked);
  const given = [...answer.headers].filter(([name]) => name !== "set-cookie");
  response.writeHead(answer.status, { ...Object.fromEntries(given), "set-cookie": answer.headers.getSetCookie() });
  response.end(await answer.text());
}).listen(Number(process.env.PORT), "127.0.0.1");
`;

test("the provider of docs/oidc.md for Auth.js logs people in, with and without JavaScript", async ({
  browser,
  server,
  freshPhone,
  workshop,
}) => {
  const port = await findFreePort();
  // NextRequest takes 127.0.0.1 for localhost.
  const origin = `http://localhost:${port}`;
  const [, callback = ""] = /`https:\/\/shop\.example(\/\S+)`/.exec(sectionOf("Auth.js (next-auth)")) ?? [];
  const made = await runClientCommand(server, ["add", "--name", "Auth.js", "--redirect-uri", origin + callback]);
  writeFileSync(path.join(workshop.folder, "auth.ts"), blockOf("Auth.js (next-auth)", "ts"));
  writeFileSync(path.join(workshop.folder, "site.ts"), AUTH_JS_SITE);
  await workshop.start(["--import", "tsx", "site.ts"], port, {
    AUTH_URL: origin,
    AUTH_SECRET: "the secret of an application of the tests",
    SARAFAN_ISSUER: server.url,
    SARAFAN_CLIENT_ID: String(made.client_id),
    SARAFAN_CLIENT_SECRET: String(made.client_secret),
  });
  for (const javaScriptEnabled of [true, false]) {
    const context = await browser.newContext({ javaScriptEnabled });
    const page = await context.newPage();
    const phone = freshPhone();
    await page.goto(`${origin}/api/auth/signin?callbackUrl=/api/auth/session`);
    await page.getByRole("button", { name: "Sarafan" }).click();
    await logInAndAllow(page, phone, server);
    await page.waitForURL(`${origin}/api/auth/session`);
    const session = JSON.parse((await page.locator("body").textContent()) ?? "");
    expect(session.user).toMatchObject({ name: phone });
    await context.close();
  }
});

test("the page of docs/oidc.md without a server logs a person in", async ({ page, server, phone }) => {
  const files: Record<string, [type: string, text: string]> = {};
  const site = createServer((request, response) => {
    const [type, text] = files[new URL(request.url ?? "/", "http://127.0.0.1").pathname] ?? [];
    response.writeHead(type ? 200 : 404, { "content-type": type ?? "text/plain" }).end(text);
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  try {
    const options = ["--public", "--redirect-uri", `${origin}/`];
    const made = await runClientCommand(server, ["add", "--name", "Page", ...options]);
    const script = blockOf("A page without a server", "js")
      .replace(ISSUER, server.url)
      .replace(CLIENT_ID, String(made.client_id));
    files["/"] = ["text/html", blockOf("A page without a server", "html")];
    files["/app.js"] = ["text/javascript", script];
    await page.goto(origin);
    await page.getByRole("button", { name: "Log in with Sarafan" }).click();
    await logInAndAllow(page, phone, server);
    await expect(page.getByText(phone)).toBeVisible();
    await expect(page).toHaveURL(`${origin}/`);

    await page.getByRole("button", { name: "Log in with Sarafan" }).click();
    await page.getByRole("button", { name: "Не разрешать" }).click();
    await expect(page.locator("#person")).toHaveText(/\S/);
    await expect(page.getByText(phone)).toHaveCount(0);
  } finally {
    site.closeAllConnections();
    site.close();
  }
});

test("what AppAuth sends for the Kotlin of docs/oidc.md is accepted, and a loopback address with any port", async ({
  page,
  server,
  phone,
  request,
}) => {
  const made = await register(server, "A mobile application");
  const kotlin = blockOf("A mobile application", "kotlin");
  const [, redirectUri = ""] = /Uri\.parse\("([^"]+:\/callback)"\)/.exec(kotlin) ?? [];
  const [, scope = ""] = /setScope\("([^"]+)"\)/.exec(kotlin) ?? [];
  expect(kotlin).toContain(`Uri.parse("${ISSUER}")`);
  expect(kotlin).toContain(`"${CLIENT_ID}"`);
  const draw = () => randomBytes(32).toString("base64url");
  const [verifier, state, nonce] = [draw(), draw(), draw()];
  const clientId = String(made.client_id);
  const discovery = await (await request.get("/.well-known/openid-configuration")).json();
  const asked = {
    ...{ client_id: clientId, redirect_uri: redirectUri, response_type: "code", scope, state, nonce },
    ...{ code_challenge: createHash("sha256").update(verifier).digest("base64url"), code_challenge_method: "S256" },
  };
  await page.goto(`${discovery.authorization_endpoint}?${new URLSearchParams(asked)}`);
  await logInAndAllow(page, phone, server);
  // No application of this machine has the scheme, so the browser stays where the way back is a link.
  const link = page.locator(`a[href^="${redirectUri}"]`);
  await expect(link).toBeVisible();
  const answer = new URL((await link.getAttribute("href")) ?? "").searchParams;
  expect([answer.get("state"), answer.get("iss")]).toEqual([state, server.url]);

  const exchange = async (form: Record<string, string>) => {
    const response = await fetch(discovery.token_endpoint, {
      method: "POST",
      body: new URLSearchParams({ client_id: clientId, ...form }),
    });
    expect(response.status).toBe(200);
    return await response.json();
  };
  const tokens = await exchange({
    ...{ grant_type: "authorization_code", code: answer.get("code") ?? "" },
    ...{ redirect_uri: redirectUri, code_verifier: verifier },
  });
  const refreshed = await exchange({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
  const headers = { authorization: `Bearer ${refreshed.access_token}` };
  expect(await (await fetch(discovery.userinfo_endpoint, { headers })).json()).toMatchObject({ phone_number: phone });

  const [, loopback = ""] = /`(http:\/\/127\.0\.0\.1\/\w+)`/.exec(sectionOf("A mobile application")) ?? [];
  const program = await runClientCommand(server, ["add", "--name", "Tool", "--public", "--redirect-uri", loopback]);
  const atPort = loopback.replace("127.0.0.1", "127.0.0.1:49152");
  const query = {
    ...asked,
    client_id: String(program.client_id),
    redirect_uri: atPort,
    scope: "openid",
    prompt: "none",
  };
  const refused = await request.get(`/oauth/authorize?${new URLSearchParams(query)}`, { maxRedirects: 0 });
  expect(refused.headers().location).toMatch(`${atPort}?error=login_required`);
});

test("a person logs in from the API reference as docs/oidc.md says, and tries what an application learns", async ({
  page,
  server,
  phone,
}) => {
  const violations: string[] = [];
  page.context().on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) violations.push(message.text());
  });
  const made = await register(server, "The first login", (command) =>
    command.replace("http://localhost:3000", server.url),
  );
  await page.goto(`${server.url}/docs`);
  await page.getByRole("button", { name: "Authorize", exact: true }).click();
  const dialog = page.getByRole("dialog");
  const login = dialog.locator(".auth-container", { hasText: "oauth2" });
  await login.getByLabel("client_id").fill(String(made.client_id));
  await login.getByRole("checkbox", { name: "phone" }).check();
  const popup = page.waitForEvent("popup");
  await login.getByRole("button", { name: /authorize/i }).click();
  const opened = await popup;
  await opened.waitForURL((address) => address.pathname === "/login");
  await logInAndAllow(opened, phone, server);
  if (!opened.isClosed()) await opened.waitForEvent("close");
  await expect(login.getByRole("button", { name: "Logout" })).toBeVisible();
  await dialog.getByRole("button", { name: "Close" }).last().click();
  const operation = page.locator(".opblock-get", { hasText: "/oauth/userinfo" });
  await operation.locator(".opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  await expect(operation.locator(".live-responses-table")).toContainText(`"phone_number": "${phone}"`);
  expect(violations).toEqual([]);
});

test("a login that no API reference waits for is said to be lost", async ({ page }) => {
  await page.goto("/docs/login-return?code=abc&state=xyz");
  await expect(page.getByText("Справочник уже не ждёт этого входа")).toBeVisible();
  await page.getByRole("link", { name: "В справочник API" }).click();
  await expect(page.getByRole("heading", { name: "Справочник API" })).toBeVisible();
});

test("the scopes, claims and errors of docs/oidc.md are those of the server", async ({ request }) => {
  const discovery = await (await request.get("/.well-known/openid-configuration")).json();
  const section = sectionOf("Scopes and claims");
  const scopes = rowsOf(section, "scope");
  expect(scopes.map(([scope = ""]) => codesIn(scope)[0])).toEqual(discovery.scopes_supported);
  const words: Record<string, string> = JSON.parse(readFileSync("messages/en.json", "utf8")).consents.scope;
  expect(scopes.map(([, read]) => read)).toEqual(
    discovery.scopes_supported.map((scope: string) => words[scope]?.replaceAll("’", "'")),
  );
  const byScopes = scopes.flatMap(([, , claims = ""]) => codesIn(claims));
  expect(rowsOf(section, "claim").map(([claim = ""]) => codesIn(claim)[0])).toEqual(byScopes);
  const [, others = ""] = /^The ID token also has ([\s\S]*?)\n\n/m.exec(section) ?? [];
  const inIdToken = codesIn(others).filter((code) => !code.startsWith("urn:"));
  expect([...new Set([...byScopes, ...inIdToken])].sort()).toEqual([...discovery.claims_supported].sort());
  expect(codesIn(others).filter((code) => code.startsWith("urn:"))).toEqual(discovery.acr_values_supported);

  const { paths } = await (await request.get("/api/openapi.json")).json();
  const { responses } = paths["/oauth/token"].post;
  for (const [status = "", error = ""] of rowsOf(sectionOf("Errors"), "status")) {
    const { properties } = responses[status].content["application/json"].schema;
    expect(properties.error.enum, status).toContain(codesIn(error)[0]);
  }
});

test("the settings for oauth2-proxy and Grafana in docs/oidc.md name what the server has", async ({
  request,
  server,
}) => {
  const discovery = await (await request.get("/.well-known/openid-configuration")).json();
  const settingsOf = (block: string) =>
    Object.fromEntries(
      Array.from(block.matchAll(/^(\w+) = "?(.*?)"?$/gm), ([, name = "", value = ""]) => [name, value] as const),
    );
  const claimsOf = Object.fromEntries(
    rowsOf(sectionOf("Scopes and claims"), "scope").map(([scope = "", , claims = ""]) => [
      codesIn(scope)[0],
      codesIn(claims),
    ]),
  );
  const expectClaims = (scope: string | undefined, claims: (string | undefined)[]) => {
    const scopes = (scope ?? "").split(" ");
    expect(discovery.scopes_supported).toEqual(expect.arrayContaining(scopes));
    expect(scopes.flatMap((name) => claimsOf[name])).toEqual(expect.arrayContaining(claims));
  };
  const here = (address: string | undefined) => address?.replace(ISSUER, server.url);

  const proxy = settingsOf(blockOf("oauth2-proxy", "toml"));
  expect(here(proxy.oidc_issuer_url)).toBe(discovery.issuer);
  expect(discovery.code_challenge_methods_supported).toContain(proxy.code_challenge_method);
  expectClaims(proxy.scope, [proxy.oidc_email_claim]);
  expect(sectionOf("oauth2-proxy")).toContain(`\`${proxy.redirect_url}\``);

  const grafana = settingsOf(blockOf("Grafana", "ini"));
  expect(here(grafana.auth_url)).toBe(discovery.authorization_endpoint);
  expect(here(grafana.token_url)).toBe(discovery.token_endpoint);
  expect(here(grafana.api_url)).toBe(discovery.userinfo_endpoint);
  const paths = Object.entries(grafana).filter(([name]) => name.endsWith("_attribute_path"));
  expect(paths).toHaveLength(3);
  expectClaims(
    grafana.scopes,
    paths.map(([, claim]) => claim),
  );
  const logout = new URL(here(grafana.signout_redirect_url) ?? "");
  expect(logout.origin + logout.pathname).toBe(discovery.end_session_endpoint);
  expect(logout.searchParams.get("client_id")).toBe(grafana.client_id);
  expect(sectionOf("Grafana")).toContain(
    `\`${logout.searchParams.get("post_logout_redirect_uri")}\` as post-logout URI`,
  );
});

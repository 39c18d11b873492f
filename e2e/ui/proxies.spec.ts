import { openScriptless } from "../api/scriptless";
import { expect, test } from "../fixtures";
import { findFreePort, type ProxyHeaders, startReverseProxy } from "../reverse-proxy";
import { logIn, logOut, readInviteCode } from "./journeys";

/** Headers of reverse proxies, configured well or badly. */
const PROXIES: { what: string; headers: ProxyHeaders }[] = [
  { what: "nothing but where to go", headers: {} },
  { what: "a host without its port", headers: { Host: "$host" } },
  { what: "an inner name", headers: { Host: "sarafan-1", "X-Forwarded-Host": "sarafan-1:3000, balancer" } },
  { what: "a port of its own", headers: { Host: "$http_host", "X-Forwarded-Host": "$host:443" } },
];

test("forms work behind all kinds of proxies, with and without JavaScript", async ({
  browser,
  freshPhone,
  startServer,
}) => {
  // The first proxy may have to be installed.
  test.slow();
  const port = await findFreePort();
  const baseURL = `http://localhost:${port}`;
  const server = await startServer({ APP_URL: baseURL });
  for (const { what, headers } of PROXIES) {
    const stop = await startReverseProxy({ port, target: server.port, headers });
    try {
      for (const javaScriptEnabled of [true, false]) {
        await test.step(`${what}, ${javaScriptEnabled ? "with" : "without"} a script`, async () => {
          const context = await browser.newContext({ baseURL, javaScriptEnabled });
          const page = await context.newPage();
          await page.goto("/login");
          await page.getByRole("button", { name: "English" }).click();
          await expect(page.getByLabel("Phone number")).toBeVisible();
          await page.getByRole("button", { name: "Русский" }).click();
          await expect(page.getByLabel("Номер телефона")).toBeVisible();
          await logIn(page, freshPhone(), server.codeFor);
          await readInviteCode(page);
          await logOut(page);
          expect(new URL(page.url()).origin).toBe(baseURL);
          await context.close();
        });
      }
    } finally {
      await stop();
    }
  }
});

test("an https server accepts forms only from its public address, under any host name that a proxy gives it", async ({
  phone,
  startServer,
}) => {
  const origin = "https://sarafan.example";
  const server = await startServer({ APP_URL: origin, REVEAL_CODES: false });
  const named: Record<string, string>[] = [
    { host: "sarafan.example" },
    { host: "sarafan-1:3000" },
    { host: "sarafan.example", "x-forwarded-host": "sarafan.example:443", "x-forwarded-proto": "https,http" },
    { host: "a b", "x-forwarded-host": "a b", "x-forwarded-proto": "gopher" },
    { host: "evil.example", "x-forwarded-host": "evil.example" },
  ];
  for (const names of named) {
    const what = JSON.stringify(names);
    const browser = openScriptless(server, origin);
    const sent = await browser.submit("/login", { phone }, { ...names, origin });
    expect([sent.status, sent.headers.get("location")], what).toEqual([303, "/login?step=code"]);
    const code = await server.codeFor(phone);
    const entered = await browser.submit("/login?step=code", { code }, { ...names, origin });
    expect([entered.status, entered.headers.get("location")], what).toEqual([303, "/profile"]);
    const { csrfToken } = await (await browser.go("/api/auth/csrf")).json();
    const left = await browser.post("/api/auth/signout", { csrfToken }, { ...names, origin });
    expect(new URL(left.headers.get("location") ?? "", origin).origin, what).toBe(origin);
    // A page of another site, whose host name the proxy reports as ours.
    for (const foreign of ["https://evil.example", "https://sarafan-1:3000", "http://sarafan.example"]) {
      const refused = await browser.submit("/login", { locale: "en" }, { ...names, origin: foreign });
      expect(refused.status, `${what} from ${foreign}`).toBe(403);
    }
  }
});

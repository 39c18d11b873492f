import type { APIRequestContext, APIResponse } from "playwright/test";
import { askByMail, bearer, confirmByMail, copyCookies, freshEmail, post } from "../api/clients";
import type { DatabaseKind } from "../databases";
import { logIn, readInviteCode } from "../ui/journeys";
import { type Accident, fillPostgres, freezePostgres, lockSqlite, stopPostgres } from "./accidents";
import { expect, test } from "./faults";

interface Outage {
  what: string;
  database: DatabaseKind;
  accident: Accident;
  /** Whether reads still work. */
  isRead: boolean;
}

const OUTAGES: Outage[] = [
  { what: "SQLite's file is locked", database: "sqlite", accident: lockSqlite, isRead: true },
  { what: "PostgreSQL's disk is full", database: "postgresql", accident: fillPostgres, isRead: true },
  { what: "PostgreSQL is stopped", database: "postgresql", accident: stopPostgres, isRead: false },
  { what: "PostgreSQL is frozen", database: "postgresql", accident: freezePostgres, isRead: false },
];

for (const { what, database, accident, isRead } of OUTAGES) {
  test(`while ${what}, all requests get a 503 with Retry-After, and afterwards all works again`, async ({
    awayMs,
    freshPhone,
    newClient,
    page,
    postgres,
    startServer,
  }) => {
    test.slow();
    // The time of a session's last use is written each second, so that reads need a write as after idle time.
    const server = await startServer({ SESSION_SEEN_EVERY_S: 1 }, { database });
    const { url, codeFor } = server;
    const newStranger = () => newClient({ url });

    // Anna is logged in in a browser, Boris with tokens. Vera and a person by mail have codes that they have not used.
    const [anna, boris, vera] = [freshPhone(), freshPhone(), freshPhone()];
    await page.goto(`${url}/login`);
    await logIn(page, anna, codeFor);
    const inviteCode = await readInviteCode(page);
    const client = await newClient({ url });
    await post(client, "/api/auth/request_code/", { phone: boris });
    const entered = await post(client, "/api/auth/verify_code/", { phone: boris, code: await codeFor(boris) });
    // Unused tokens.
    const exchanged = await post(client, "/api/auth/refresh_token/", { refresh: (await entered.json()).refresh });
    const { access, refresh } = await exchanged.json();
    const idleFrom = Date.now() + 1000;
    const verasClient = await newClient({ url });
    await post(verasClient, "/api/enter_phone/", { phone: vera });
    const verasCode = await codeFor(vera);
    const newcomer = freshPhone();
    await post(client, "/api/verification_phone/send_code", { phone_number: newcomer });
    const contact = { phone: freshPhone(), email: freshEmail() };
    const mailClient = await newClient({ url });
    await askByMail(mailClient, contact);
    const mailCode = await codeFor(contact.email);

    const cookies = (await page.context().cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
    const [asAnna, asBoris] = [{ cookie: cookies }, bearer(access)];
    const [asVera, byMail] = [await copyCookies(verasClient), await copyCookies(mailClient)];
    const [data, code] = [{ verification_code: verasCode }, { code: inviteCode }];
    const looks: ((to: APIRequestContext) => Promise<APIResponse>)[] = [
      (to) => to.get("/api/profile/", { headers: asAnna }),
      (to) => to.get("/api/profile_back/", { headers: asBoris }),
      (to) => to.get(`/api/v1/user_profile/${anna}/`, { headers: asAnna }),
    ];
    const acts: typeof looks = [
      (to) => to.post("/api/auth/request_code/", { data: { phone: freshPhone() } }),
      (to) => to.post("/api/auth/verify_code/", { data: { phone: boris, code: "0000" } }),
      (to) => to.post("/api/auth/refresh_token/", { data: { refresh } }),
      (to) => to.post("/api/auth/logout/", { headers: asBoris }),
      (to) => to.post("/api/profile_back/activate_invite/", { headers: asBoris, data: code }),
      (to) => to.post("/api/profile/", { headers: asBoris, data: { invite_code: inviteCode } }),
      (to) => to.post("/api/enter_phone/", { data: { phone: freshPhone() } }),
      (to) => to.post("/api/enter_code/", { headers: asVera, data }),
      (to) => to.post("/api/v1/create_user/", { headers: asVera, data }),
      (to) => to.post("/api/v1/auth_user/", { headers: asVera, data }),
      (to) => to.post("/api/verification_phone/send_code", { data: { phone_number: freshPhone() } }),
      (to) => to.post("/api/verification_phone/invite_code", { data: { phone_number: newcomer, code: "0000" } }),
      (to) => askByMail(to, { phone: freshPhone(), email: freshEmail() }),
      (to) => confirmByMail(to, contact, mailCode, byMail),
    ];

    await expect.poll(() => Date.now()).toBeGreaterThan(idleFrom);
    const awayUntil = Date.now() + awayMs;
    const undo = await accident(server, postgres);
    try {
      do {
        const stranger = await newStranger();
        const [acted, looked] = await Promise.all(
          [acts, looks].map((asks) => Promise.all(asks.map(async (ask) => answerOf(await ask(stranger))))),
        );
        expect(acted).toEqual(acts.map(() => AWAY));
        expect(looked).toEqual(looks.map(() => (isRead ? expect.objectContaining({ status: 200 }) : AWAY)));
        expect((await stranger.get("/api/health/live")).status()).toBe(200);
        if (!isRead) await expectUnready(await stranger.get("/api/health/ready"));
      } while (Date.now() < awayUntil);
      if (!isRead) {
        expect(
          answerOf(await (await newStranger()).get("/oauth/authorize?client_id=0123456789abcdef01234567")),
        ).toEqual(AWAY);
        await page.goto(`${url}/oauth/authorize?client_id=0123456789abcdef01234567`);
        await expect(page.getByText("Что-то не так на нашей стороне")).toBeVisible();
        await page.goto(`${url}/profile`);
        await expect(page.getByRole("heading", { name: "У нас что-то сломалось" })).toBeVisible();
      }
    } finally {
      await undo();
    }

    await expect.poll(async () => (await client.get("/api/health/ready")).status()).toBe(200);
    for (const look of looks) expect((await look(await newStranger())).status()).toBe(200);
    if (!isRead) await page.getByRole("button", { name: "Попробовать ещё раз" }).click();
    await expect(page.getByRole("heading", { name: "Ваш профиль" })).toBeAttached();
    // Refused requests had no effect: no attempt was counted, no code used, no token exchanged, no session ended.
    await post(verasClient, "/api/enter_code/", data);
    expect((await confirmByMail(mailClient, contact, mailCode)).status()).toBe(200);
    const activated = await client.post("/api/profile_back/activate_invite/", { headers: asBoris, data: code });
    expect(activated.status()).toBe(200);
    await post(client, "/api/auth/refresh_token/", { refresh });
    await page.context().clearCookies();
    await page.goto(`${url}/login`);
    await logIn(page, freshPhone(), codeFor);
    await readInviteCode(page);
  });
}

/** Returns what an answer says about the database, and its `Retry-After`. */
function answerOf(answer: APIResponse) {
  const { "retry-after": retryAfter, "sarafan-error": error } = answer.headers();
  return { path: new URL(answer.url()).pathname, status: answer.status(), error, retryAfter };
}

const AWAY = {
  path: expect.any(String),
  status: 503,
  error: "database_away",
  retryAfter: expect.stringMatching(/^[1-9]\d*$/),
};

async function expectUnready(answer: APIResponse) {
  expect(answer.status()).toBe(503);
  expect(answer.headers()["retry-after"]).toMatch(/^[1-9]\d*$/);
  expect(await answer.json()).toMatchObject({ status: "unready", database: "away" });
}

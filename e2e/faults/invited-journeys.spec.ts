import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { openScriptless } from "../api/scriptless";
import { type Application, startApplication } from "../applications";
import { DATABASES, withDatabase } from "../databases";
import type { Server } from "../fixtures";
import { expectWhole } from "../integrity";
import { expect, test } from "./faults";

/** Journeys on each database. Core tests cut 200 more at each step, without a server. */
const JOURNEYS = 100;
const AT_ONCE = 12;
const INVITERS = 4;
/** A kill interrupts up to `AT_ONCE` journeys, each at another step. */
const KILLS_PER_ROUND = 4;
/** A server that refuses its requests for good ends the test. */
const SETBACKS_MAX = 10 * JOURNEYS;
/** How long a person waits for a code before they ask for it again. */
const CODE_WAIT_MS = 2000;
const SCOPES = "openid phone referral";

/** What an application learns at the end of a journey. */
interface Claims {
  sub: string;
  phone_number: string;
  invited_by: string | null;
}

interface Inviter {
  /** The `sub` by which the application knows the inviter. */
  sub: string;
  inviteCode: string;
}

/** A request failed for now, and the person or the application begins again. */
class Setback extends Error {}

/** The server was killed, so that it gave no answer to a request that it may have carried out. */
class NoAnswer extends Setback {}

/** Kills a server and starts it again, up to `killsMax` times, each time after some more of its answers. */
class Killer {
  readonly #server: Server;
  #killsLeft: number;
  #answersLeft = 0;
  #up: Promise<void> = Promise.resolve();

  constructor(server: Server, killsMax: number) {
    this.#server = server;
    this.#killsLeft = killsMax;
    this.#wait();
  }

  #wait() {
    this.#answersLeft = randomInt(20, 120);
  }

  /** Counts an answer of the server. */
  count() {
    this.#answersLeft -= 1;
    if (this.#answersLeft > 0 || this.#killsLeft === 0) return;
    this.#killsLeft -= 1;
    // Answers that were on their way are read while the server starts.
    this.#answersLeft = Number.POSITIVE_INFINITY;
    this.#up = this.#restart();
  }

  async #restart() {
    await this.#server.stop("SIGKILL");
    await this.#server.start();
    this.#wait();
  }

  /** Resolves when the server answers again. */
  up(): Promise<void> {
    return this.#up;
  }
}

/** An application's server and a person's browser without scripts, whose requests may get no answer. */
class Journey {
  readonly #server: Server;
  readonly #application: Application;
  readonly #browser: ReturnType<typeof openScriptless>;
  readonly #killer: Killer;
  #codesTyped = 0;

  constructor(server: Server, application: Application, killer: Killer) {
    this.#server = server;
    this.#application = application;
    this.#browser = openScriptless(server);
    this.#killer = killer;
  }

  /**
   * Logs in at the application, with the cookies that the browser has. After a setback the person loads the page again, or throws
   * the `Setback`, to begin again at the application.
   */
  async run(phone: string, parameters: Record<string, string> = {}): Promise<Claims> {
    const { address, verifier } = this.#application.begin({ scope: SCOPES, ...parameters });
    let location = address;
    while (!location.startsWith(this.#application.redirectUri)) {
      try {
        location = await this.#step(location, phone);
      } catch (error) {
        if (!(error instanceof Setback)) throw error;
        await this.#killer.up();
        if (randomInt(2)) throw error;
      }
    }
    const answer = new URL(location).searchParams;
    if (answer.get("error") === "temporarily_unavailable") throw new Setback(location);
    const code = answer.get("code");
    if (!code) throw new Error(`The login ended at ${location}`);
    const { access_token } = await this.#exchange(code, verifier);
    const headers = { authorization: `Bearer ${access_token}` };
    return (await this.#ask(() => fetch(`${this.#server.url}/oauth/userinfo`, { headers }))).json();
  }

  /** Opens the address, fills in its form if it has one, and returns the address that comes next. */
  async #step(location: string, phone: string): Promise<string> {
    const opened = await this.#ask(() => this.#browser.go(location));
    const next = opened.headers.get("location");
    if (next) return new URL(next, this.#server.url).href;
    const page = await opened.text();
    const [, onward] = /content="0;url=([^"]*)"/.exec(page) ?? [];
    if (onward) return onward.replaceAll("&amp;", "&");
    const [, field] = /name="(code)"/.exec(page) ?? /name="(phone)"/.exec(page) ?? [];
    if (!field) throw new Error(`There is no way on at ${location}: ${opened.status} ${page}`);
    const typed = field === "code" ? await this.#readCode(phone) : phone;
    // The server may have been killed before it sent the code.
    if (!typed) return location.replace("step=code", "step=phone");
    const submitted = await this.#ask(() => this.#browser.submit(location, { [field]: typed }));
    return new URL(submitted.headers.get("location") ?? location, this.#server.url).href;
  }

  /** Returns the newest code that was sent to the phone. Null if none was, or if several have turned out to be wrong. */
  async #readCode(phone: string): Promise<string | null> {
    this.#codesTyped += 1;
    if (this.#codesTyped % 4 === 0) return null;
    const deadline = Date.now() + CODE_WAIT_MS;
    while (Date.now() < deadline && this.#server.codesFor(phone).length === 0) await sleep(20);
    return this.#server.codesFor(phone).at(-1) ?? null;
  }

  async #exchange(code: string, verifier: string): Promise<{ access_token: string }> {
    const { clientId, clientSecret, redirectUri } = this.#application;
    const headers = { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` };
    const fields = { grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier };
    const body = new URLSearchParams(fields);
    const answer = await this.#ask(() => fetch(`${this.#server.url}/oauth/token`, { method: "POST", headers, body }));
    expect(answer.status).toBe(200);
    return answer.json();
  }

  /** Sends a request and reads its answer whole. */
  async #ask(send: () => Promise<Response>): Promise<Response> {
    try {
      const { status, headers, ...answer } = await readWhole(send);
      this.#killer.count();
      // A server that has just started on a busy machine may get no connection to PostgreSQL in time.
      if (status === 503) throw new Setback(`${headers.get("sarafan-error")}`);
      return new Response(answer.body, { status, headers });
    } catch (error) {
      // That is how `fetch` tells that there was no answer.
      if (error instanceof TypeError) throw new NoAnswer("no answer", { cause: error });
      throw error;
    }
  }
}

async function readWhole(send: () => Promise<Response>) {
  const answer = await send();
  const body = await answer.arrayBuffer();
  const { status, headers } = answer;
  return { status, headers, body: body.byteLength > 0 ? body : null };
}

for (const database of DATABASES) {
  test(`of ${JOURNEYS} journeys with an invitation through a server that is killed on ${database}, no invitation is lost and none counts twice`, async ({
    startServer,
    freshPhone,
    rounds,
  }) => {
    test.setTimeout(240_000 + rounds * 60_000);
    const server = await startServer({}, { database });
    const registration = { isFirstParty: true, scopes: ["openid", "phone", "referral"] };
    const application = await startApplication(server, "Tea house", registration);
    const inviters: Inviter[] = [];
    let [begun, interrupted, setbacks] = [0, 0, 0];
    /** Lets a person begin again until the application knows them. */
    const travel = async (killer: Killer, phone: string, parameters: Record<string, string> = {}): Promise<Claims> => {
      const journey = new Journey(server, application, killer);
      for (;;) {
        try {
          return await journey.run(phone, parameters);
        } catch (error) {
          setbacks += 1;
          if (!(error instanceof Setback) || setbacks > SETBACKS_MAX) throw error;
          if (error instanceof NoAnswer) interrupted += 1;
          await killer.up();
        }
      }
    };
    for (let at = 0; at < INVITERS; at += 1) {
      const phone = freshPhone();
      const { sub } = await travel(new Killer(server, 0), phone);
      inviters.push({ sub, inviteCode: await inviteCodeOf(server, phone) });
    }

    const killer = new Killer(server, rounds * KILLS_PER_ROUND);
    const ends: { phone: string; claims: Claims; inviter: Inviter }[] = [];
    const travelInTurn = async () => {
      while (begun < JOURNEYS) {
        const inviter = inviters[begun % INVITERS] as Inviter;
        begun += 1;
        const phone = freshPhone();
        ends.push({ phone, claims: await travel(killer, phone, { invite: inviter.inviteCode }), inviter });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, travelInTurn));
    await killer.up();
    application.stop();

    expect(interrupted).toBeGreaterThan(AT_ONCE);
    expect(ends.map(({ claims }) => claims)).toEqual(
      ends.map(({ phone, inviter }) => expect.objectContaining({ phone_number: phone, invited_by: inviter.sub })),
    );
    await expectWhole(server.databaseUrl);
    const counts = await withDatabase(server.databaseUrl, (query) =>
      query<{ inviteCode: string; referralCount: number }>(
        `SELECT "inviteCode", "referralCount" FROM "User" WHERE "referralCount" > 0`,
      ),
    );
    expect(new Map(counts.map(({ inviteCode, referralCount }) => [inviteCode, referralCount]))).toEqual(
      new Map(inviters.map(({ inviteCode }) => [inviteCode, JOURNEYS / INVITERS])),
    );
    expect(await server.stop()).toBe(0);
  });
}

async function inviteCodeOf({ databaseUrl }: Server, phone: string): Promise<string> {
  const [row] = await withDatabase(databaseUrl, (query) =>
    query<{ inviteCode: string }>(`SELECT "inviteCode" FROM "User" WHERE "phone" = '${phone}'`),
  );
  return row?.inviteCode ?? "";
}

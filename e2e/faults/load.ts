import { randomInt } from "node:crypto";
import { decodeJwt } from "jose";
import type { Server } from "../fixtures";
import type { Acknowledged, Ledger } from "./ledger";

const LOOPS_PER_SERVER = 4;

/** A request without an answer; it may have been carried out. */
class Lost extends Error {}
/** An answer 503: the request has to be repeated later. */
class ComeAgain extends Error {}

/**
 * Imitates people who register, invite, exchange tokens and delete their accounts, at all servers in parallel, until it is stopped.
 * Records acknowledged results in the ledger.
 */
export class Load {
  /** Answers that no fault may cause. */
  readonly complaints: string[] = [];
  /** Requests without an answer, by server. */
  readonly lost = new Map<Server, number>();
  /** Answers 503, by server. */
  readonly refused = new Map<Server, number>();
  readonly #ledger: Ledger;
  readonly #freshPhone: () => string;
  #loops: Promise<void>[] = [];
  #isEnding = false;
  #answered = 0;
  #wake = () => {};

  constructor(ledger: Ledger, freshPhone: () => string) {
    this.#ledger = ledger;
    this.#freshPhone = freshPhone;
  }

  /** Starts at these servers. A person whose server can't be reached does nothing more there. */
  begin(servers: readonly Server[]) {
    this.#isEnding = false;
    this.#loops = servers.flatMap((server) => Array.from({ length: LOOPS_PER_SERVER }, () => this.#loop(server)));
  }

  /** Resolves after that many further answers. */
  answered(count: number): Promise<void> {
    const goal = this.#answered + count;
    return this.#until(() => this.#answered >= goal);
  }

  /** Resolves after that many answers 503. */
  refusals(count: number): Promise<void> {
    return this.#until(() => [...this.refused.values()].reduce((sum, refused) => sum + refused, 0) >= count);
  }

  async #until(isReached: () => boolean): Promise<void> {
    while (!isReached()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when all people have finished what they had begun. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#loops);
  }

  async #loop(server: Server) {
    while (!this.#isEnding) {
      try {
        await this.#live(server);
      } catch (error) {
        const counts = error instanceof ComeAgain ? this.refused : error instanceof Lost ? this.lost : null;
        if (!counts) throw error;
        counts.set(server, (counts.get(server) ?? 0) + 1);
        if (error instanceof Lost) return;
      }
    }
  }

  /** One person's requests, from the first code to a possible deletion. */
  async #live(server: Server) {
    const inviters = [...this.#ledger.accounts.values()];
    const inviter = inviters[randomInt(inviters.length + 1)];
    const account = await (inviter && randomInt(2) ? this.#register(server, inviter) : this.#logIn(server));
    if (account.activated === null && inviter) await this.#activate(server, account, inviter.inviteCode);
    await this.#exchange(server, account);
    if (account.cookie !== null && randomInt(3) === 0) await this.#leave(server, account, account.cookie);
  }

  async #logIn(server: Server): Promise<Acknowledged> {
    const phone = this.#freshPhone();
    await this.#post(server, "/api/auth/request_code/", { phone });
    return this.#enter(server, phone, NOT_REGISTERED);
  }

  async #register(server: Server, { inviteCode }: Acknowledged): Promise<Acknowledged> {
    const phone = this.#freshPhone();
    await this.#post(server, "/api/verification_phone/send_code", { phone_number: phone });
    this.#ledger.registrations.set(phone, inviteCode);
    const data = { phone_number: phone, code: await server.codeFor(phone) };
    const { status, cookie } = await this.#post(server, `/api/verification_phone/${inviteCode}`, data, [
      "invite_unknown",
    ]);
    const isInvited = status === 201;
    if (!isInvited) this.#ledger.registrations.delete(phone);
    await this.#post(server, "/api/auth/request_code/", { phone });
    return this.#enter(server, phone, isInvited ? { activated: inviteCode, cookie } : NOT_REGISTERED);
  }

  async #enter(server: Server, phone: string, registered: Pick<Acknowledged, "activated" | "cookie">) {
    const data = { phone, code: await server.codeFor(phone) };
    const { body } = await this.#post(server, "/api/auth/verify_code/", data);
    const {
      access,
      refresh,
      invite_code: inviteCode,
    } = body as { access: string; refresh: string; invite_code: string };
    const id = Number(decodeJwt(access).sub);
    const account: Acknowledged = { phone, id, inviteCode, access, refresh, ...registered };
    this.#ledger.accounts.set(phone, account);
    return account;
  }

  async #activate(server: Server, account: Acknowledged, code: string) {
    account.activated = undefined;
    const { status } = await this.#post(
      server,
      "/api/profile_back/activate_invite/",
      { code },
      ["invite_unknown"],
      account,
    );
    account.activated = status === 200 ? code : null;
  }

  async #exchange(server: Server, account: Acknowledged) {
    const { refresh } = account;
    account.refresh = null;
    const { body } = await this.#post(server, "/api/auth/refresh_token/", { refresh });
    Object.assign(account, body);
  }

  async #leave(server: Server, account: Acknowledged, cookie: string) {
    this.#ledger.accounts.delete(account.phone);
    this.#ledger.unsure.add(account.phone);
    await this.#ask(server, `/api/users/${account.id}/`, { method: "DELETE", headers: { cookie } });
    this.#ledger.unsure.delete(account.phone);
    this.#ledger.deleted.add(account.phone);
  }

  #post(server: Server, path: string, data: object, refusals: string[] = [], account?: Acknowledged) {
    const headers = { "content-type": "application/json", ...(account && tokenOf(account)) };
    return this.#ask(server, path, { method: "POST", headers, body: JSON.stringify(data) }, refusals);
  }

  /** Sends a request. Resolves to the answer, which must be a success or one of the named `refusals`. */
  async #ask({ url, output }: Server, path: string, request: RequestInit, refusals: string[] = []) {
    let status: number;
    let headers: Headers;
    let text: string;
    try {
      const answer = await fetch(url + path, { ...request, redirect: "manual" });
      ({ status, headers } = answer);
      text = await answer.text();
    } catch (error) {
      throw new Lost("no answer", { cause: error });
    }
    this.#answered += 1;
    setImmediate(this.#wake);
    const failure = headers.get("sarafan-error");
    if (failure === "database_away" && status === 503 && /^\d+$/.test(headers.get("retry-after") ?? "")) {
      throw new ComeAgain();
    }
    const isExpected = failure === null ? status < 300 : refusals.includes(failure);
    if (!isExpected) {
      this.complaints.push(`${request.method} ${path}: ${status} ${failure} ${text}\n${output().slice(-1500)}`);
      throw new ComeAgain();
    }
    const cookie = headers
      .getSetCookie()
      .map((set) => set.replace(/;.*/, ""))
      .join("; ");
    return { status, cookie, body: text && JSON.parse(text) };
  }
}

const NOT_REGISTERED = { activated: null, cookie: null };

const tokenOf = ({ access }: Acknowledged) => ({ authorization: `Bearer ${access}` });

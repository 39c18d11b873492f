import { withDatabase } from "../databases";
import { expect, type Server } from "../fixtures";
import { expectWhole } from "../integrity";

/** An account as the answers have told of it. */
export interface Acknowledged {
  phone: string;
  id: number;
  inviteCode: string;
  access: string;
  /** Null when its successor may or may not be in use already. */
  refresh: string | null;
  /** The cookie of the session that registered it; null for an account that was made with tokens. */
  cookie: string | null;
  /** The invite code that it activated; undefined when an answer to that was lost. */
  activated: string | null | undefined;
}

/** What servers have acknowledged, and so must be there whatever happened next. */
export class Ledger {
  readonly accounts = new Map<string, Acknowledged>();
  /** Phones whose accounts are gone for good. */
  readonly deleted = new Set<string>();
  /** Phones of which it is not known whether there is an account, since the answer was lost. */
  readonly unsure = new Set<string>();
  /** Which code a phone was registered with, answered or not: account and activation are made together. */
  readonly registrations = new Map<string, string>();

  /** How many accounts and activations there are in it. */
  get size(): number {
    return [...this.accounts.values()].reduce((sum, { activated }) => sum + (activated ? 2 : 1), this.deleted.size);
  }

  /** All of it is in the server's database, which is whole. */
  async expectStored(server: Server): Promise<void> {
    await expectWhole(server.databaseUrl);
    const rows = await withDatabase(server.databaseUrl, (query) =>
      query<Row>(`
        SELECT u."id", u."phone", u."inviteCode", a."code" FROM "User" u
        LEFT JOIN "Activation" a ON a."inviteeId" = u."id"`),
    );
    const found = new Map(rows.map((row) => [row.phone, row]));
    for (const { phone, id, inviteCode, activated } of this.accounts.values()) {
      const row = found.get(phone);
      expect(row && { ...row, code: activated === undefined ? undefined : row.code }, phone).toEqual({
        id,
        phone,
        inviteCode,
        code: activated,
      });
    }
    for (const phone of this.deleted) expect(found.has(phone), `${phone} is gone`).toBe(false);
    for (const [phone, code] of this.registrations) {
      const row = found.get(phone);
      if (row) expect(row.code, `${phone} came by an invitation`).toBe(code);
    }
    await this.#expectCodesKept(server, new Set(found.keys()));
  }

  /** The server says so, too. */
  async expectKept(server: Server): Promise<void> {
    await this.expectStored(server);
    await this.#expectSessionsKept(server);
  }

  /** No code is used up without the account that it opened. */
  async #expectCodesKept({ databaseUrl }: Server, phones: Set<string>) {
    const used = await withDatabase(databaseUrl, (query) =>
      query<{ recipient: string }>(`SELECT "recipient" FROM "Challenge" WHERE "state" = 'used'`),
    );
    const spentInVain = used
      .map(({ recipient }) => recipient)
      .filter((phone) => !phones.has(phone) && !this.deleted.has(phone) && !this.unsure.has(phone));
    expect(spentInVain, "codes that are used up and opened nothing").toEqual([]);
  }

  /** The newest sessions are good, and their refresh tokens as well. */
  async #expectSessionsKept({ url }: Server) {
    for (const account of [...this.accounts.values()].slice(-8)) {
      const profile = await fetch(`${url}/api/profile_back/`, {
        headers: { authorization: `Bearer ${account.access}` },
      });
      expect([profile.status, await profile.json()]).toEqual([
        200,
        expect.objectContaining({ phone_number: account.phone, invite_code: account.inviteCode }),
      ]);
      if (account.refresh === null) continue;
      const exchanged = await fetch(`${url}/api/auth/refresh_token/`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ refresh: account.refresh }),
      });
      expect(exchanged.status, "a refresh token that was handed out is good").toBe(200);
      Object.assign(account, await exchanged.json());
    }
  }
}

type Row = { id: number; phone: string; inviteCode: string; code: string | null };

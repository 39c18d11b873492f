import { withDatabase } from "../databases";
import { expect, type Server } from "../fixtures";
import { expectWhole } from "../integrity";

/** An account as acknowledged by answers. */
export interface Acknowledged {
  phone: string;
  id: number;
  inviteCode: string;
  access: string;
  /** Null when it is unknown whether its successor was issued. */
  refresh: string | null;
  /** The cookie of the session that registered it; null for an account that was made with tokens. */
  cookie: string | null;
  /** The invite code that it activated; undefined when an answer to that was lost. */
  activated: string | null | undefined;
}

/** Everything that servers have acknowledged, and that must exist after any fault. */
export class Ledger {
  readonly accounts = new Map<string, Acknowledged>();
  /** Phones whose accounts were deleted. */
  readonly deleted = new Set<string>();
  /** Phones that may have an account: the answer was lost. */
  readonly unsure = new Set<string>();
  /** The invite code of each registration, even without an answer: account and activation are made together. */
  readonly registrations = new Map<string, string>();

  /** The number of recorded accounts and activations. */
  get size(): number {
    return [...this.accounts.values()].reduce((sum, { activated }) => sum + (activated ? 2 : 1), this.deleted.size);
  }

  /** Expects all records in the server's database, and no inconsistency there. */
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

  /** Expects the server's answers to agree. */
  async expectKept(server: Server): Promise<void> {
    await this.expectStored(server);
    await this.#expectSessionsKept(server);
  }

  /** Expects no used code without the account that it opened. */
  async #expectCodesKept({ databaseUrl }: Server, phones: Set<string>) {
    const used = await withDatabase(databaseUrl, (query) =>
      query<{ recipient: string }>(`SELECT "recipient" FROM "Challenge" WHERE "state" = 'used'`),
    );
    const spentInVain = used
      .map(({ recipient }) => recipient)
      .filter((phone) => !phones.has(phone) && !this.deleted.has(phone) && !this.unsure.has(phone));
    expect(spentInVain, "codes that are used up and opened nothing").toEqual([]);
  }

  /** Expects the newest sessions and their refresh tokens to be valid. */
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

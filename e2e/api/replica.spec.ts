import { expect, test } from "../fixtures";
import { logInWithTokens } from "./clients";

const [PROFILE, ACTIVATE_INVITE] = ["/api/profile_back/", "/api/profile_back/activate_invite/"] as const;

test("a client sees its own writes even if the replica lags; lists are read from the replica", async ({
  postgres,
  emptyDatabase,
  startServer,
  newClient,
  freshPhone,
}) => {
  const { createDatabase } = await postgres();
  // The replica has the tables and never gets any rows.
  const replica = await createDatabase(await emptyDatabase("postgresql"));
  const server = await startServer({ DATABASE_READ_URL: replica }, { database: "postgresql" });

  const inviter = await logInWithTokens(newClient, freshPhone(), server);
  const invitee = await logInWithTokens(newClient, freshPhone(), server);
  const activate = () => invitee.client.post(ACTIVATE_INVITE, { data: { code: inviter.inviteCode } });
  expect((await activate()).status()).toBe(200);
  expect((await activate()).headers()["sarafan-error"]).toBe("invite_already_activated");
  expect(JSON.stringify(await (await invitee.client.get(PROFILE)).json())).toContain(inviter.inviteCode);

  const listed = async (url: string) =>
    JSON.stringify(await (await inviter.client.get(new URL(PROFILE, url).href)).json());
  const withoutReplica = await startServer({ DATABASE_READ_URL: "" }, { beside: server });
  expect(await listed(withoutReplica.url)).toContain(invitee.phone);
  expect(await listed(server.url)).not.toContain(invitee.phone);

  const readNumbers = async () => {
    // Connections that are not used for ten seconds are closed.
    await listed(server.url);
    return (await fetch(`${server.url}/api/metrics`)).text();
  };
  for (const pool of ["primary", "replica"]) {
    const isIdle = new RegExp(`^sarafan_database_connections\\{pool="${pool}",state="idle"\\} [1-9]`, "m");
    await expect.poll(readNumbers).toMatch(isIdle);
  }
});

test("while the replica is away, the primary is read", async ({ startServer, newClient, freshPhone }) => {
  const DATABASE_READ_URL = "postgresql://nobody:nothing@127.0.0.1:1/nowhere";
  const server = await startServer({ DATABASE_READ_URL }, { database: "postgresql" });
  const inviter = await logInWithTokens(newClient, freshPhone(), server);
  const invitee = await logInWithTokens(newClient, freshPhone(), server);
  await invitee.client.post(ACTIVATE_INVITE, { data: { code: inviter.inviteCode } });
  expect(JSON.stringify(await (await inviter.client.get(PROFILE)).json())).toContain(invitee.phone);
  expect((await fetch(`${server.url}/api/health/ready`)).status).toBe(200);
});

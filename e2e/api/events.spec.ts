import { z } from "zod";
import { startGateway } from "../../gateway/gateway";
import { DATABASES } from "../databases";
import { expect, type Server, test } from "../fixtures";
import { makeKey, V1 } from "./backends";
import { logInWithTokens, post } from "./clients";

interface Event {
  type: string;
  accountId: number | null;
  sequence: number | null;
  data: Record<string, unknown>;
}

/** Reads all events of the server. Checks each by the schema that the reference has of its type. */
async function readEvents(server: Server, key: string): Promise<Event[]> {
  const ask = async (path: string) => {
    const answer = await fetch(`${server.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(200);
    return answer.json();
  };
  const { components, webhooks } = await ask("/api/openapi.json");
  const events: Event[] = [];
  for (let [next, isMore] = ["", true]; isMore; ) {
    const page = await ask(`${V1}/events?limit=3&${next && `after=${next}`}`);
    events.push(...page.events);
    [next, isMore] = [page.next, page.isMore];
  }
  const refByType: Record<string, string> = components.schemas.Event.discriminator.mapping;
  for (const event of events) {
    const schema = components.schemas[refByType[event.type]?.split("/").at(-1) ?? ""];
    expect(z.fromJSONSchema(schema).safeParse(event).error, event.type).toBeUndefined();
    expect(webhooks[event.type].post.requestBody.content["application/json"].schema.$ref).toBe(refByType[event.type]);
  }
  for (const id of new Set(events.flatMap(({ accountId }) => accountId ?? []))) {
    const own = events.filter(({ accountId }) => accountId === id);
    expect((await ask(`${V1}/accounts/${id}`)).sequence, "the account has what its events say").toBe(own.length);
  }
  return events;
}

for (const database of DATABASES) {
  test(`the events of a run on ${database} are as the reference describes them, those of the service among them`, async ({
    freshPhone,
    newClient,
    startServer,
  }) => {
    const gateway = await startGateway();
    const url = `${gateway.url}/smsru`;
    const senders = { SENDERS: "smsru,console", SMSRU_URL: url, SMSRU_API_ID: "an-id", SENDER_FAILURES_MAX: 2 };
    const server = await startServer(senders, { database });
    gateway.set("smsru", { answer: "500" });
    try {
      const inviter = await logInWithTokens(newClient, freshPhone(), server);
      const invitee = await logInWithTokens(newClient, freshPhone(), server);
      await post(invitee.client, "/api/profile_back/activate_invite/", { code: inviter.inviteCode });
      await logInWithTokens(newClient, freshPhone(), server);
      const { key } = await makeKey(server, "events:read,accounts:read");
      const expected = ["account.created", "session.opened", "invite.activated", "sender.resting"];
      // On PostgreSQL an open transaction delays the events after it, which the account counts already.
      await expect(async () => {
        const events = await readEvents(server, key);
        expect(events.map(({ type }) => type)).toEqual(expect.arrayContaining(expected));
        const resting = events.filter(({ type }) => type === "sender.resting");
        expect(resting).toMatchObject([{ accountId: null, sequence: null, data: { sender: "smsru" } }]);
      }).toPass();
    } finally {
      await gateway.stop();
    }
  });
}

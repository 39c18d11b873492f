import { DATABASES } from "../databases";
import { expect, test } from "../fixtures";
import { type Ask, askAtOnce, countOutcomes } from "./at-once";
import { copyCookies, post, wrong } from "./clients";

const TRIES_PER_CODE = 3;
const [SENDS_PER_PHONE_PER_HOUR, SENDS_PER_IP_PER_HOUR] = [9, 7];
/** The settings of the servers that the tests of a database share. */
const SETTINGS = {
  TRUSTED_PROXIES: 1,
  TRIES_PER_CODE,
  LONGER_CODES_AFTER_WRONG: "5,20",
  SENDS_PER_PHONE_PER_HOUR,
  SENDS_PER_IP_PER_HOUR,
};
const BROWSERS = 8;
const from = (network: string) => ({ "x-forwarded-for": network });

// One worker runs all tests, so that one pair of servers for each database is enough.
test.describe.configure({ mode: "default" });

for (const database of DATABASES) {
  test(`of many parallel guesses through two servers on ${database}, five guesses are compared at four digits`, async ({
    newClient,
    phone,
    freshNetwork,
    sharedServer,
  }) => {
    // Two servers, and on a busy machine each takes its time to start.
    test.slow();
    const one = await sharedServer(SETTINGS, { database });
    const servers = [one, await sharedServer({}, { beside: one })] as const;
    const guesses: Ask[] = [];
    const rights: Ask[] = [];
    for (let at = 0; at < BROWSERS; at += 1) {
      const network = from(freshNetwork());
      const browser = await newClient({ url: one.url, headers: network });
      await post(browser, "/api/enter_phone/", { phone });
      const code = await one.codeFor(phone);
      expect(code).toHaveLength(4);
      const ask = { path: "/api/enter_code/", headers: { ...(await copyCookies(browser)), ...network } };
      const guess = { ...ask, data: { verification_code: wrong(code) } };
      guesses.push(...Array.from({ length: TRIES_PER_CODE }, () => guess));
      rights.push({ ...ask, data: { verification_code: code } });
    }
    const answers = countOutcomes(await askAtOnce(servers, guesses));
    expect(answers).toEqual({ code_wrong: 5, code_expired: BROWSERS * TRIES_PER_CODE - 5 });
    // Shorter codes are void by now, even those without an attempt.
    expect(countOutcomes(await askAtOnce(servers, rights))).toEqual({ code_expired: BROWSERS });
    const another = await newClient({ url: servers[1].url, headers: from(freshNetwork()) });
    const sent = await post(another, "/api/enter_phone/", { phone });
    expect(sent.headers()["sarafan-code-length"]).toBe("6");
  });

  test(`with many parallel requests through two servers on ${database}, a phone and a network get only the codes that they have left`, async ({
    freshPhone,
    freshNetwork,
    sharedServer,
  }) => {
    test.slow();
    const one = await sharedServer(SETTINGS, { database });
    const servers = [one, await sharedServer({}, { beside: one })] as const;
    const asking = (phone: string, network: string): Ask => ({
      path: "/api/enter_phone/",
      headers: from(network),
      data: { phone },
    });
    const phone = freshPhone();
    const many = Array.from({ length: 20 }, () => asking(phone, freshNetwork()));
    const ofPhone = { 200: SENDS_PER_PHONE_PER_HOUR, budget_spent: 20 - SENDS_PER_PHONE_PER_HOUR };
    expect(countOutcomes(await askAtOnce(servers, many))).toEqual(ofPhone);
    await expect.poll(() => one.codesFor(phone)).toHaveLength(SENDS_PER_PHONE_PER_HOUR);
    const network = freshNetwork();
    const sameNetwork = Array.from({ length: 20 }, () => asking(freshPhone(), network));
    const ofNetwork = { 200: SENDS_PER_IP_PER_HOUR, budget_spent: 20 - SENDS_PER_IP_PER_HOUR };
    expect(countOutcomes(await askAtOnce(servers, sameNetwork))).toEqual(ofNetwork);
  });
}

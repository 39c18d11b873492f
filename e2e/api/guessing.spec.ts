import { DATABASES } from "../databases";
import { expect, test } from "../fixtures";
import { type Ask, askAtOnce, countOutcomes } from "./at-once";
import { copyCookies, post, wrong } from "./clients";

const TRIES_PER_CODE = 3;
const BROWSERS = 8;
const from = (network: number) => ({ "x-forwarded-for": `192.0.2.${network}` });

for (const database of DATABASES) {
  test(`of many parallel guesses through two servers on ${database}, five guesses are compared at four digits`, async ({
    newClient,
    phone,
    startServer,
  }) => {
    // Two servers, and on a busy machine each takes its time to start.
    test.slow();
    const settings = { TRUSTED_PROXIES: 1, TRIES_PER_CODE, LONGER_CODES_AFTER_WRONG: "5,20" };
    const one = await startServer(settings, { database });
    const servers = [one, await startServer({}, { beside: one })] as const;
    const guesses: Ask[] = [];
    const rights: Ask[] = [];
    for (let at = 0; at < BROWSERS; at += 1) {
      const browser = await newClient({ url: one.url });
      await post(browser, "/api/enter_phone/", { phone });
      const code = await one.codeFor(phone);
      expect(code).toHaveLength(4);
      const ask = { path: "/api/enter_code/", headers: { ...(await copyCookies(browser)), ...from(at) } };
      const guess = { ...ask, data: { verification_code: wrong(code) } };
      guesses.push(...Array.from({ length: TRIES_PER_CODE }, () => guess));
      rights.push({ ...ask, data: { verification_code: code } });
    }
    const answers = countOutcomes(await askAtOnce(servers, guesses));
    expect(answers).toEqual({ code_wrong: 5, code_expired: BROWSERS * TRIES_PER_CODE - 5 });
    // Shorter codes are void by now, even those without an attempt.
    expect(countOutcomes(await askAtOnce(servers, rights))).toEqual({ code_expired: BROWSERS });
    const sent = await post(await newClient({ url: servers[1].url }), "/api/enter_phone/", { phone });
    expect(sent.headers()["sarafan-code-length"]).toBe("6");
  });

  test(`with many parallel requests through two servers on ${database}, a phone and a network get only the codes that they have left`, async ({
    freshPhone,
    startServer,
  }) => {
    test.slow();
    const budgets = { SENDS_PER_PHONE_PER_HOUR: 5, SENDS_PER_IP_PER_HOUR: 7, RESEND_AFTER_S: 0 };
    const one = await startServer({ TRUSTED_PROXIES: 1, ...budgets }, { database });
    const servers = [one, await startServer({}, { beside: one })] as const;
    const asking = (phone: string, network: number): Ask => ({
      path: "/api/enter_phone/",
      headers: from(network),
      data: { phone },
    });
    const phone = freshPhone();
    const many = Array.from({ length: 20 }, (_, at) => asking(phone, at));
    expect(countOutcomes(await askAtOnce(servers, many))).toEqual({ 200: 5, budget_spent: 15 });
    expect(one.codesFor(phone)).toHaveLength(5);
    const sameNetwork = Array.from({ length: 20 }, () => asking(freshPhone(), 99));
    expect(countOutcomes(await askAtOnce(servers, sameNetwork))).toEqual({ 200: 7, budget_spent: 13 });
  });
}

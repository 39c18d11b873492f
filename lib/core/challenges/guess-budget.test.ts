import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { phoneLoginCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import {
  CLOSED_NETWORK_DIGITS,
  CODE_TTL_MS,
  SENDS_PER_IP_PER_HOUR,
  TRIES_PER_CODE,
  WRONG_CODES_PER_IP_PER_HOUR,
} from "@/lib/core/policy";
import { write } from "@/lib/db/database";
import { SettingsError } from "@/lib/env";
import {
  after,
  anybody,
  failureOf,
  freshOwner,
  freshPhone,
  receiveCode,
  senderOf,
  wrongCode,
} from "@/lib/testing/people";
import { guessBudget, refuseGuessableCodes } from "./guess-budget";
import type { OneTimeCode } from "./one-time-code";
import { requestCode } from "./request-code";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

test("the computed guess budget has the numbers that SECURITY.md states", () => {
  const budget = guessBudget();
  const { guesses, probability, accountsPerNetwork, accountsPerIpv6Site, accountsBelowAlarm } = budget;
  expect(guesses).toEqual([
    { digits: 4, max: 5 },
    { digits: 6, max: 20 },
    { digits: 8, max: 90 },
  ]);
  expect(probability).toBeCloseTo(0.0005157, 12);
  expect(budget.guessesAtConsole).toEqual({ digits: 8, max: 540 });
  expect(budget.consoleProbability).toBeCloseTo(0.0000054, 12);
  expect(budget.guessesPerNetwork).toEqual([
    { digits: 4, max: 750 },
    { digits: 8, max: 2310 },
  ]);
  expect(accountsPerNetwork).toBeCloseTo(0.0750156, 12);
  expect(accountsPerIpv6Site).toBeCloseTo(0.6001248, 12);
  // The settings of the tests raise the alarm at 1000 wrong codes in ten minutes. 145 windows of ten minutes overlap a day.
  expect(accountsBelowAlarm).toBeCloseTo(14.5, 12);
  expect(refuseGuessableCodes).not.toThrow(SettingsError);
});

// So many wrong codes would raise the alarm in later tests.
test.afterEach(() => write((tx) => tx.wrongCode.deleteMany()));

/** An attacker with any number of browsers and networks, who types only wrong codes. */
class Attacker {
  readonly phone = freshPhone();
  /** The guesses that were compared: the time of each, and the length of the code. */
  readonly guesses: { at: number; digits: number }[] = [];
  #codes: { owner: ReturnType<typeof freshOwner>; code: OneTimeCode; sentAt: Date }[] = [];

  /** Requests this many codes in parallel, each in a browser and a network of its own. */
  async ask(count: number, now: Date): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async () => {
        const owner = freshOwner(this.phone);
        const sender = senderOf(async ({ code }) => {
          this.#codes.push({ owner, code: code as OneTimeCode, sentAt: now });
          return true;
        });
        await requestCode(phoneLoginCode(owner), anybody(), { now, sender });
      }),
    );
  }

  /** Guesses in parallel at this many of the codes that have not expired, at each as often as it allows and once more. */
  async guess(count: number, now: Date): Promise<void> {
    this.#codes = this.#codes.filter(({ sentAt }) => after(sentAt, CODE_TTL_MS) > now);
    await Promise.all(
      this.#codes.slice(-count).flatMap(({ owner, code }) =>
        Array.from({ length: TRIES_PER_CODE + 1 }, async () => {
          const result = await signInByPhone({ ...owner, code: wrongCode(code) }, anybody(), { now });
          if (failureOf(result) === "code_wrong") this.guesses.push({ at: now.getTime(), digits: code.length });
        }),
      ),
    );
  }

  /** Returns the largest number of guesses in any 24 hours at codes of up to this many digits. */
  mostInADay(digits: number): number {
    const times = this.guesses.filter((guess) => guess.digits <= digits).map(({ at }) => at);
    return Math.max(0, ...times.map((from) => times.filter((at) => at >= from && at < from + DAY_MS).length));
  }
}

function expectWithinBudget(attacker: Attacker): void {
  for (const { digits, max } of guessBudget().guesses) expect(attacker.mostInADay(digits)).toBeLessThanOrEqual(max);
}

test("an attacker who uses every chance for three days has five guesses a day at four digits and twenty at six", async () => {
  const attacker = new Attacker();
  const start = new Date();
  for (let ms = 0; ms < 3 * DAY_MS; ms += 45 * MINUTE_MS) {
    const now = after(start, ms);
    await attacker.ask(2, now);
    await attacker.guess(2, now);
  }
  expectWithinBudget(attacker);
  expect(attacker.mostInADay(4)).toBe(5);
  expect(attacker.mostInADay(6)).toBe(20);
  expect(attacker.mostInADay(8)).toBeGreaterThan(20);
});

test("no order of requests and guesses, parallel or not, exceeds the guess budget", async () => {
  const step = fc.record({
    waitMs: fc.oneof(fc.nat(10 * MINUTE_MS), fc.nat(14 * 60 * MINUTE_MS)),
    asks: fc.nat(4),
    guessesAt: fc.nat(4),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      const attacker = new Attacker();
      let now = new Date();
      for (const { waitMs, asks, guessesAt } of steps) {
        now = after(now, waitMs);
        await Promise.all([attacker.ask(asks, now), attacker.guess(guessesAt, now)]);
        await attacker.guess(guessesAt, now);
      }
      expectWithinBudget(attacker);
    }),
    { numRuns: 15 },
  );
});

test("one network has thirty guesses an hour at short codes of many phones, and sixty at the long codes that it requests", async () => {
  const start = new Date();
  const attacker = anybody();
  const compared = { short: 0, long: 0 };
  /**
   * Guesses at a code as often as it allows. One more attempt would find no live code, and would cost the network a short
   * guess.
   */
  const guessAt = async (owner: ReturnType<typeof freshOwner>, code: OneTimeCode, now: Date) => {
    for (let tries = 0; tries < TRIES_PER_CODE; tries += 1) {
      const guess = await signInByPhone({ ...owner, code: wrongCode(code) }, attacker, { now });
      if (failureOf(guess) === "code_wrong") compared[code.length < CLOSED_NETWORK_DIGITS ? "short" : "long"] += 1;
    }
  };
  const hours = 2;
  for (let hour = 0; hour < hours; hour += 1) {
    const now = after(start, hour * 60 * MINUTE_MS);
    // Codes that the owners of the phones requested. In an API without cookies the attacker shares their holder.
    for (let owners = 0; owners < WRONG_CODES_PER_IP_PER_HOUR / TRIES_PER_CODE + 2; owners += 1) {
      const owner = freshOwner();
      await guessAt(owner, await receiveCode(owner, now), now);
    }
    for (let asks = 0; asks < SENDS_PER_IP_PER_HOUR + 2; asks += 1) {
      const owner = freshOwner();
      let received = "" as OneTimeCode;
      const sender = senderOf(async ({ code }) => {
        received = code as OneTimeCode;
        return true;
      });
      const sent = await requestCode(phoneLoginCode(owner), attacker, { now, sender });
      if (sent.ok) await guessAt(owner, received, now);
    }
  }
  expect(compared).toEqual({
    short: hours * WRONG_CODES_PER_IP_PER_HOUR,
    long: hours * SENDS_PER_IP_PER_HOUR * TRIES_PER_CODE,
  });
});

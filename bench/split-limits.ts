import { dayCurve, wrongCodesPerDay } from "./large-town";
import { type Random, seededRandom } from "./random";

type Policy = typeof import("../lib/core/policy");

const DAY_S = 24 * 3600;
const SEED = 20_261_128;

/** A daily limit that all shards share: the messages that may be sent, and those that are requested. */
const MESSAGES_MAX = 4_000_000;
const MESSAGES_ASKED = 4_200_000;
/** The messages of one lease that a shard takes from the common counter. */
const LEASE = 100;
/** The seconds between the shards' reports of their counts. */
const REPORT_EVERY_S = 10;

/** One way to keep the limit on `shards` shards. */
interface Keeping {
  name: string;
  /** The most messages that are sent beyond the limit or refused too early. */
  bound: (busiestPerSecond: number) => number;
  /** Whether a shard may send one more message now. */
  take(shard: number): boolean;
  /** Called once a second. */
  tick?(second: number): void;
}

function oneCounter(): Keeping {
  let sent = 0;
  return { name: "one counter", bound: () => 0, take: () => sent++ < MESSAGES_MAX };
}

function fixedShares(shards: number): Keeping {
  const share = Math.floor(MESSAGES_MAX / shards);
  const sent = new Int32Array(shards);
  return {
    name: "a share for each shard",
    // The number of messages at a shard has the deviation √(limit / shards). The part above its share is 0.40 of that on average.
    // The sum of these parts deviates by 0.58 √limit; three times this is added.
    bound: () => 0.4 * Math.sqrt(MESSAGES_MAX * shards) + 3 * 0.58 * Math.sqrt(MESSAGES_MAX),
    take: (shard) => {
      const own = sent[shard] ?? 0;
      sent[shard] = own + 1;
      return own < share;
    },
  };
}

function leases(shards: number): Keeping {
  let left = MESSAGES_MAX;
  const held = new Int32Array(shards);
  return {
    name: `leases of ${LEASE}`,
    bound: () => shards * (LEASE - 1),
    take: (shard) => {
      let own = held[shard] ?? 0;
      if (own === 0) {
        own = Math.min(LEASE, left);
        left -= own;
      }
      if (own === 0) return false;
      held[shard] = own - 1;
      return true;
    },
  };
}

function reportedSums(shards: number): Keeping {
  let reported = 0;
  const unreported = new Int32Array(shards);
  return {
    name: `sums reported every ${REPORT_EVERY_S} s`,
    bound: (busiestPerSecond) => busiestPerSecond * REPORT_EVERY_S,
    take: (shard) => {
      const own = unreported[shard] ?? 0;
      if (reported + own >= MESSAGES_MAX) return false;
      unreported[shard] = own + 1;
      return true;
    },
    tick: (second) => {
      if (second % REPORT_EVERY_S !== 0) return;
      reported += unreported.reduce((sum, own) => sum + own, 0);
      unreported.fill(0);
    },
  };
}

/**
 * Simulates a day's messages under a limit that is kept in each of these ways, with the same messages each time. Returns a row for each
 * way and number of shards: the messages sent beyond the limit, those refused before a single counter would refuse any, the bound of
 * both, and how many minutes after a single counter's the first refusal was.
 */
export function splitBudget(shardCounts: readonly number[]): string[][] {
  const keepings = [
    { shards: 1, keeping: oneCounter() },
    ...[fixedShares, leases, reportedSums].flatMap((keep) =>
      shardCounts.map((shards) => ({ shards, keeping: keep(shards) })),
    ),
  ].map((one) => ({ ...one, sent: 0, early: 0, firstRefusalS: Number.POSITIVE_INFINITY }));
  const [single] = keepings;
  const random = seededRandom(SEED);
  const meanPerSecond = MESSAGES_ASKED / DAY_S;
  let busiestPerSecond = 0;
  for (let second = 0; second < DAY_S; second += 1) {
    for (const { keeping } of keepings) keeping.tick?.(second);
    const messages = random.count(meanPerSecond * dayCurve(second));
    busiestPerSecond = Math.max(busiestPerSecond, messages);
    for (let message = 0; message < messages; message += 1) {
      // The recipient's hash chooses the shard.
      const hash = random.next();
      for (const one of keepings) {
        if (one.keeping.take(Math.floor(hash * one.shards))) {
          one.sent += 1;
          continue;
        }
        one.firstRefusalS = Math.min(one.firstRefusalS, second);
        if (single?.firstRefusalS === Number.POSITIVE_INFINITY) one.early += 1;
      }
    }
  }
  return keepings.map(({ shards, keeping, sent, early, firstRefusalS }) => [
    keeping.name,
    String(shards),
    whole(sent - MESSAGES_MAX),
    whole(early),
    whole(keeping.bound(busiestPerSecond)),
    ((firstRefusalS - (single?.firstRefusalS ?? 0)) / 60).toFixed(1),
  ]);
}

/** An attack that guesses codes of many phones, and the time of day when it begins. */
interface Attack {
  name: string;
  perSecond: number;
  beginsS: number;
}
const ATTACKS: readonly Attack[] = [
  { name: "20 a second at night", perSecond: 20, beginsS: 4 * 3600 },
  { name: "100 a second at night", perSecond: 100, beginsS: 4 * 3600 },
  { name: "20 a second by day", perSecond: 20, beginsS: 16 * 3600 },
];
export const ATTACK_NAMES = ATTACKS.map(({ name }) => name);
/** How long an attack is simulated, and how often it is repeated. */
const WATCHED_S = 3600;
const PLAYED = 5;
/** Where wrong codes are sampled, one of this many is reported. */
const SAMPLED = 16;

/** A way to detect an attack: it gets each wrong code, and returns the part of the shards that are alarmed. */
interface Watching {
  name: string;
  shards: number;
  /** Called once a second, before its wrong codes. */
  tick(second: number): void;
  hear(hash: number, second: number): void;
  alarmedPart(): number;
}

type Watch = (policy: Policy, random: Random) => Watching;

function oneAlarm(policy: Policy): Watching {
  const window = countWindow([thresholdOf(policy, usualOf(policy), policy.ALARM_AFTER_WRONG)], policy);
  return {
    name: "one counter",
    shards: 1,
    tick: (second) => window.tick(second),
    hear: (_, second) => window.add(0, second),
    alarmedPart: () => window.alarmedPart(),
  };
}

/** Another rule: the usual number at this time of day plus some of its standard deviations. */
function noiseAlarm(policy: Policy): Watching {
  const window = countWindow([0], policy);
  let usual = 0;
  return {
    name: `one counter, the hour's mean and ${DEVIATIONS} of its roots`,
    shards: 1,
    tick: (second) => {
      window.tick(second);
      usual = usualOf(policy) * dayCurve(second - policy.ALARM_MS / 1000 / 2);
    },
    hear: (_, second) => window.add(0, second),
    alarmedPart: () => Number(window.at(0) > Math.max(policy.ALARM_AFTER_WRONG, usual + DEVIATIONS * Math.sqrt(usual))),
  };
}
const DEVIATIONS = 6;

/** Each shard compares its count with its own week, and with a minimum that is the common one or the shard's part of it. */
function ownAlarms(shards: number, isLeastShared: boolean): Watch {
  return (policy, random) => {
    const windows = policy.ALARM_MEAN_MS / policy.ALARM_MS;
    const least = isLeastShared ? Math.ceil(policy.ALARM_AFTER_WRONG / shards) : policy.ALARM_AFTER_WRONG;
    const thresholds = Array.from({ length: shards }, () => {
      const usual = random.count((usualOf(policy) * windows) / shards) / windows;
      return thresholdOf(policy, usual, least);
    });
    const window = countWindow(thresholds, policy);
    return {
      name: `an alarm for each shard, from ${isLeastShared ? `${policy.ALARM_AFTER_WRONG} / N` : least} wrong codes`,
      shards,
      tick: (second) => window.tick(second),
      hear: (hash, second) => window.add(Math.floor(hash * shards), second),
      alarmedPart: () => window.alarmedPart(),
    };
  };
}

/** The shards' counts are added up regularly. The sum doesn't depend on the number of shards. */
function reportedAlarm(policy: Policy): Watching {
  const { hear, tick, alarmedPart } = oneAlarm(policy);
  let isAlarmed = 0;
  return {
    name: `sums reported every ${REPORT_EVERY_S} s`,
    shards: Number.NaN,
    hear,
    tick: (second) => {
      if (second % REPORT_EVERY_S === 0) isAlarmed = alarmedPart();
      tick(second);
    },
    alarmedPart: () => isAlarmed,
  };
}

/** One process gets a sample of the wrong codes and multiplies. */
function sampledAlarm(policy: Policy, random: Random): Watching {
  const threshold = thresholdOf(policy, usualOf(policy), policy.ALARM_AFTER_WRONG);
  const window = countWindow([threshold / SAMPLED], policy);
  return {
    name: `one wrong code of ${SAMPLED} reported`,
    shards: Number.NaN,
    tick: (second) => window.tick(second),
    hear: (_, second) => {
      if (random.next() * SAMPLED < 1) window.add(0, second);
    },
    alarmedPart: () => window.alarmedPart(),
  };
}

/**
 * Simulates a quiet day and the attacks with each of these alarms. Returns a row for each way and number of shards: the percentage of the
 * shards that were alarmed on the quiet day, and the seconds from an attack's beginning until half of the shards were alarmed, as the
 * median and the maximum of some repetitions.
 */
export function splitAlarm(policy: Policy, shardCounts: readonly number[]): string[][] {
  const watches: Watch[] = [
    oneAlarm,
    ...[false, true].flatMap((isLeastShared) => shardCounts.map((shards) => ownAlarms(shards, isLeastShared))),
    reportedAlarm,
    sampledAlarm,
    noiseAlarm,
  ];
  const random = seededRandom(SEED);
  const quiet = watchQuietDay(
    watches.map((watch) => watch(policy, random)),
    random,
  );
  const delays = ATTACKS.map((attack) => {
    const plays = Array.from({ length: PLAYED }, () =>
      watchAttack(
        watches.map((watch) => watch(policy, random)),
        attack,
        policy,
        random,
      ),
    );
    return watches.map((_, at) => spellDelays(plays.map((play) => play[at] ?? Number.NaN)));
  });
  return quiet.map(({ name, shards, alarmedPart }, at) => [
    name,
    Number.isNaN(shards) ? "any" : String(shards),
    (100 * alarmedPart).toFixed(2),
    ...delays.map((ofAttack) => ofAttack[at] ?? ""),
  ]);
}

/** The seconds between two readings of the alarms on a quiet day. */
const LOOK_EVERY_S = 10;

function watchQuietDay(watchings: Watching[], random: Random) {
  const alarmed = watchings.map(() => 0);
  for (let second = 0; second < DAY_S; second += 1) {
    if (second % LOOK_EVERY_S === 0) {
      for (const [at, watching] of watchings.entries()) alarmed[at] = (alarmed[at] ?? 0) + watching.alarmedPart();
    }
    playSecond(watchings, second, 0, random);
  }
  const looks = DAY_S / LOOK_EVERY_S;
  return watchings.map(({ name, shards }, at) => ({ name, shards, alarmedPart: (alarmed[at] ?? 0) / looks }));
}

/** Returns the seconds until half of the shards are alarmed, for each way; infinite when they are not alarmed in time. */
function watchAttack(watchings: Watching[], { perSecond, beginsS }: Attack, policy: Policy, random: Random): number[] {
  const delays = watchings.map(() => Number.POSITIVE_INFINITY);
  for (let second = beginsS - policy.ALARM_MS / 1000; second < beginsS + WATCHED_S; second += 1) {
    if (!delays.includes(Number.POSITIVE_INFINITY)) break;
    playSecond(watchings, second, second < beginsS ? 0 : perSecond, random);
    for (const [at, watching] of watchings.entries()) {
      if (second >= beginsS && delays[at] === Number.POSITIVE_INFINITY && watching.alarmedPart() >= 0.5) {
        delays[at] = second + 1 - beginsS;
      }
    }
  }
  return delays;
}

function playSecond(watchings: Watching[], second: number, attacks: number, random: Random) {
  for (const watching of watchings) watching.tick(second);
  const wrongCodes = random.count((wrongCodesPerDay / DAY_S) * dayCurve(second) + attacks);
  for (let wrongCode = 0; wrongCode < wrongCodes; wrongCode += 1) {
    const hash = random.next();
    for (const watching of watchings) watching.hear(hash, second);
  }
}

/** Returns the average number of wrong codes in the alarm's window. */
function usualOf(policy: Policy): number {
  return (wrongCodesPerDay * policy.ALARM_MS) / (DAY_S * 1000);
}

function thresholdOf(policy: Policy, usual: number, least: number): number {
  return Math.max(least, policy.ALARM_FACTOR * usual);
}

/** Counts each shard's wrong codes in the alarm's window, and the shards above their thresholds. */
function countWindow(thresholds: readonly number[], { ALARM_MS }: Policy) {
  const counts = new Int32Array(thresholds.length);
  const log: number[][] = Array.from({ length: ALARM_MS / 1000 }, () => []);
  let above = 0;
  const at = (shard: number) => counts[shard] ?? 0;
  function change(shard: number, by: 1 | -1) {
    const before = at(shard);
    const threshold = thresholds[shard] ?? 0;
    counts[shard] = before + by;
    above += Number(before + by > threshold) - Number(before > threshold);
  }
  return {
    at,
    alarmedPart: () => above / thresholds.length,
    add(shard: number, second: number) {
      log[second % log.length]?.push(shard);
      change(shard, 1);
    },
    /** Removes the wrong codes that are older than the window at this second. */
    tick(second: number) {
      const old = log[second % log.length] ?? [];
      for (const shard of old) change(shard, -1);
      old.length = 0;
    },
  };
}

/** Returns the median and the maximum of an odd number of delays. */
function spellDelays(delays: number[]): string {
  const sorted = delays.toSorted((one, other) => one - other);
  const [middle = Number.NaN, last = Number.NaN] = [sorted[(sorted.length - 1) / 2], sorted.at(-1)];
  if (middle === Number.POSITIVE_INFINITY) return "not within an hour";
  return `${whole(middle)} (${last === Number.POSITIVE_INFINITY ? "–" : whole(last)})`;
}

function whole(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 0 });
}

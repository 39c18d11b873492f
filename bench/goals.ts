import { BARE_NEXT } from "./bare-next";
import { betterAuthOn } from "./better-auth";
import type { Options, Part } from "./options";
import { type Figures, medianOf, memoryOf, type Result } from "./rounds";
import { pastLabel, pastSarafansOn, profileLabel, sarafanOn, WEBHOOK_LABELS } from "./sarafan";
import { pastOf, type Town } from "./seed";
import { median } from "./statistics";
import type { StoreName } from "./stores";

/** The bound of a value: `least` or `most` must be met, `reach` is the further goal. */
interface Bound {
  least?: number;
  most?: number;
  reach?: number;
}

/** A goal and this run's result. */
export interface Goal {
  text: string;
  bound: Bound;
  /** The value that is compared with the bound. */
  value: number;
  /** The value as text, where a number with two decimals is not enough. */
  measured?: string;
  /** The ratio by processor time, which varies less than that of rates; above 1 when Sarafan uses less. */
  byCpu?: number;
}

/** The ratio of Sarafan's rate to another server's. */
interface Comparison {
  database: StoreName;
  part: Part;
  /** The same row of better-auth on the same database, or the route of Next.js alone. */
  to: "better-auth" | "next";
  bound: Bound;
}

const COMPARISONS: Comparison[] = [
  { database: "sqlite", part: "login", to: "better-auth", bound: { least: 1.5 } },
  { database: "sqlite", part: "session", to: "better-auth", bound: { least: 1, reach: 1.2 } },
  { database: "sqlite", part: "profile", to: "next", bound: { least: 0.6, reach: 0.75 } },
  { database: "sqlite", part: "refresh", to: "next", bound: { least: 0.5 } },
  { database: "sqlite", part: "activation", to: "next", bound: { least: 0.5 } },
  { database: "postgresql", part: "login", to: "better-auth", bound: { least: 1 } },
  { database: "postgresql", part: "session", to: "better-auth", bound: { least: 1 } },
  { database: "postgresql", part: "activation", to: "next", bound: { least: 0.3 } },
];
const EMPTY_BY_CPU: Bound = { least: 0.9 };
const P50_RATIO: Bound = { most: 1.3 };
const PAST_P50_RATIO: Bound = { most: 1.2 };
const MEMORY_RATIO: Bound = { most: 1.5 };
const TODAY_MS: Bound = { most: 300 };
const WEBHOOKS_RATIO: Bound = { least: 0.75 };

/** Returns the goals that the measured parts can decide. Throws when a row that a goal needs is missing. */
export function compareRows(results: Result[], { parts, databases }: Options, town: Town): Goal[] {
  const { people } = town;
  const past = pastOf(town);
  const [events, deliveries] = [past.events, past.deliveries].map((count) => count.toLocaleString("en"));
  const rowOf = (contestant: string, part: Part, label?: string) => {
    const isMeant = (result: Result) =>
      result.contestant === contestant && result.part === part && (label ?? result.label) === result.label;
    const row = results.find(isMeant);
    if (!row) throw new Error(`${contestant} has no row ${label ?? part}.`);
    return row;
  };
  const isChosen = (...wanted: Part[]) => wanted.every((part) => parts.includes(part));
  const bare = isChosen("empty") ? rowOf(BARE_NEXT, "empty") : null;

  const ofRates = COMPARISONS.flatMap(({ database, part, to, bound }): Goal[] => {
    if (!databases.includes(database) || !isChosen(part)) return [];
    const own = rowOf(sarafanOn(database), part);
    const other = to === "next" ? bare : rowOf(betterAuthOn(database), part);
    if (!other) return [];
    return [
      {
        text: `${own.contestant}: ${own.label} to ${to === "next" ? "the empty route" : "that"} of ${other.contestant}`,
        bound,
        value: ratioOf("perSecond", own, other),
        byCpu: ratioOf("cpuMs", other, own),
      },
    ];
  });
  const ofEach = databases.flatMap((database): Goal[] => {
    const name = sarafanOn(database);
    const empty = bare && rowOf(name, "empty");
    const [quiet, busy] = [WEBHOOK_LABELS.without, WEBHOOK_LABELS.with];
    const [one, all] = [profileLabel(people.one.referrals), profileLabel(people.all.referrals)];
    return [
      ...(bare && empty
        ? [
            {
              text: `${name}: empty route to that of ${BARE_NEXT}, by processor time`,
              bound: EMPTY_BY_CPU,
              value: ratioOf("cpuMs", bare, empty),
            },
            {
              text: `${name}: memory to that of ${BARE_NEXT}`,
              bound: MEMORY_RATIO,
              value: memoryOf(name, results) / memoryOf(BARE_NEXT, results),
            },
          ]
        : []),
      ...(isChosen("scale")
        ? [
            {
              text: `${name}: p50 of a ${all} to that of a ${one}`,
              bound: P50_RATIO,
              value: ratioOf("p50Ms", rowOf(name, "scale", all), rowOf(name, "scale", one)),
            },
            {
              text: `${name}: p50 of a full login with ${events} audit events and ${deliveries} deliveries to that without`,
              bound: PAST_P50_RATIO,
              value: ratioOf(
                "p50Ms",
                rowOf(pastSarafansOn(database).with, "scale", pastLabel(past.events)),
                rowOf(pastSarafansOn(database).without, "scale", pastLabel(0)),
              ),
            },
          ]
        : []),
      ...(isChosen("console")
        ? [
            {
              text: `${name}: p95 of the console's page Today, in ms`,
              bound: TODAY_MS,
              value: medianOf("p95Ms", rowOf(name, "console")),
            },
          ]
        : []),
      ...(isChosen("events")
        ? [
            {
              text: `${name}: ${busy} to a ${quiet}`,
              bound: WEBHOOKS_RATIO,
              value: ratioOf("perSecond", rowOf(name, "events", busy), rowOf(name, "events", quiet)),
              byCpu: ratioOf("cpuMs", rowOf(name, "events", quiet), rowOf(name, "events", busy)),
            },
          ]
        : []),
    ];
  });
  return [...ofRates, ...ofEach];
}

/** Returns the median over the rounds of the ratio between two rows' figures in the same round. */
function ratioOf(figure: keyof Figures, one: Result, other: Result): number {
  return median(one.rounds.map((figures, round) => figures[figure] / (other.rounds[round]?.[figure] ?? Number.NaN)));
}

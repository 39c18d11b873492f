import { parseArgs } from "node:util";
import { Refusal } from "../scripts/tool.mjs";
import { STORE_NAMES, type StoreName } from "./stores";

/**
 * What can be measured: `scale` is the profile for different numbers of referrals, `secrecy` how long a code takes to be
 * asked for by people with and without an account.
 */
export const PARTS = ["empty", "session", "profile", "login", "activation", "scale", "startup", "secrecy"] as const;
const PROFILED = ["empty", "session", "profile", "login", "activation", "scale"] as const satisfies Part[];
export type Part = (typeof PARTS)[number];

/** What to measure, and for how long. */
export interface Options {
  accounts: number;
  connections: number;
  /** How long each row is driven in each round. */
  seconds: number;
  rounds: number;
  parts: Part[];
  databases: StoreName[];
  /** The part of which a CPU profile is made; then nothing else is measured. */
  profile: Part | null;
}

/** Reads the arguments of `npm run bench -- …`. */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      accounts: { type: "string", default: "1000000" },
      connections: { type: "string", default: "10" },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      only: { type: "string", default: PARTS.join(",") },
      databases: { type: "string", default: STORE_NAMES.join(",") },
      profile: { type: "string" },
    },
  });
  return {
    accounts: numberOf("accounts", values.accounts),
    connections: numberOf("connections", values.connections),
    seconds: numberOf("seconds", values.seconds),
    rounds: numberOf("rounds", values.rounds),
    parts: values.only.split(",").map((name) => choiceOf("only", name, PARTS)),
    databases: values.databases.split(",").map((name) => choiceOf("databases", name, STORE_NAMES)),
    profile: values.profile === undefined ? null : choiceOf("profile", values.profile, PROFILED),
  };
}

function numberOf(option: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new Refusal(`--${option} wants a whole number above 0.`);
  return number;
}

function choiceOf<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((name) => name === text);
  if (!choice)
    throw new Refusal(
      `--${option} wants one of ${choices.join(", ")}, or where it takes several, some of them with commas between.`,
    );
  return choice;
}

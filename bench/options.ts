import { parseArgs } from "node:util";
import { Refusal } from "../scripts/internal/tool.mjs";
import { STORES, type StoreName } from "./stores";

/** What is driven, row by row: `scale` is the profile for few and many referrals, and a login in towns with and without a past. */
const DRIVEN = ["empty", "session", "profile", "login", "refresh", "activation", "scale"] as const;
/** And what is measured besides: `secrecy` is how long people with and without an account wait when they ask for a code. */
const PARTS = [...DRIVEN, "startup", "secrecy"] as const;
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
      rounds: { type: "string", default: "5" },
      only: { type: "string", default: PARTS.join(",") },
      databases: { type: "string", default: Object.keys(STORES).join(",") },
      profile: { type: "string" },
    },
  });
  const databases = Object.keys(STORES) as StoreName[];
  return {
    accounts: numberOf("accounts", values.accounts, ACCOUNTS_MIN),
    connections: numberOf("connections", values.connections),
    seconds: numberOf("seconds", values.seconds),
    rounds: numberOf("rounds", values.rounds),
    parts: values.only.split(",").map((name) => choiceOf("only", name, PARTS)),
    databases: values.databases.split(",").map((name) => choiceOf("databases", name, databases)),
    profile: values.profile === undefined ? null : choiceOf("profile", values.profile, DRIVEN),
  };
}

/** So many known phones are asked for a code that each is asked for once. */
const ACCOUNTS_MIN = 1000;

function numberOf(option: string, text: string, min = 1): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < min) {
    throw new Refusal(`--${option} wants a whole number, ${min} or more.`);
  }
  return number;
}

function choiceOf<Choice extends string>(option: string, text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((name) => name === text);
  if (!choice) {
    throw new Refusal(
      `--${option} wants one of ${choices.join(", ")}, or where it takes several, some of them with commas between.`,
    );
  }
  return choice;
}

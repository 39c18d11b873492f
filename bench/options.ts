import { parseArgs } from "node:util";
import { Refusal } from "../scripts/internal/tool.mjs";
import { STORES, type StoreName } from "./stores";

/**
 * The measured parts: `scale` is the profile with few and many referrals, and a login in towns with and without a history; `console`
 * is the first page of the admin console; `events` is a login while webhooks are delivered, and without.
 */
const DRIVEN = ["empty", "session", "profile", "login", "refresh", "activation", "scale", "console", "events"] as const;
/**
 * Further measurements. `secrecy` compares how long people with an account, without one and with a blocked one wait when they
 * request a code.
 */
const PARTS = [...DRIVEN, "startup", "secrecy"] as const;
export type Part = (typeof PARTS)[number];

/** The options of a run. */
export interface Options {
  accounts: number;
  connections: number;
  /** The duration of each row in each round. */
  seconds: number;
  rounds: number;
  parts: Part[];
  databases: StoreName[];
  /** The part to make a CPU profile of; nothing else is then measured. */
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
    seconds: secondsOf(values.seconds),
    rounds: numberOf("rounds", values.rounds),
    parts: values.only.split(",").map((name) => choiceOf("only", name, PARTS)),
    databases: values.databases.split(",").map((name) => choiceOf("databases", name, databases)),
    profile: values.profile === undefined ? null : choiceOf("profile", values.profile, DRIVEN),
  };
}

/** The number of phones with an account; each requests one code. */
const ACCOUNTS_MIN = 1000;

function numberOf(option: string, text: string, min = 1): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < min) {
    throw new Refusal(`--${option} wants a whole number, ${min} or more.`);
  }
  return number;
}

const SECONDS_MIN = 0.1;

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= SECONDS_MIN)) throw new Refusal(`--seconds wants a number, ${SECONDS_MIN} or more.`);
  return seconds;
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

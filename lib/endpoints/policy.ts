import { z } from "zod";
import { address, reply } from "@/lib/apis/engine";
import { guessBudget } from "@/lib/core/challenges/guess-budget";
import { demonstrationState } from "@/lib/core/demonstration";
import { IPV6_PREFIXES } from "@/lib/core/networks";
import * as policy from "@/lib/core/policy";
import { env } from "@/lib/env";
import { CACHED_FIVE_MINUTES, service } from "./service";

const Count = z.int();
const Seconds = z.number();
const Policy = z.object({
  codes: z.object({
    digits: Count,
    ttl_s: Seconds,
    tries: Count,
    resend_after_s: z.array(Seconds),
    longer: z.array(z.object({ wrong_codes: Count, digits: Count })),
    wrong_codes_count_for_s: Seconds,
    longer_in_network: z.object({ wrong_codes: Count, within_s: Seconds, digits: Count }).meta({
      description:
        "After this many wrong codes from one network, only codes of this length are sent to it and accepted from it.",
    }),
    alarm: z.object({
      wrong_codes: Count,
      wrong_codes_per_network_max: Count,
      times_usual: z.number(),
      within_s: Seconds,
      digits: Count,
    }),
    revealed: z.boolean().meta({ description: "Whether this is a demonstration, which shows codes." }),
  }),
  budgets: z.object({
    sends_per_phone_per_hour: Count,
    sends_per_phone_per_day: Count,
    sends_per_phone_and_network_per_hour: Count,
    sends_per_phone_and_network_per_day: Count,
    sends_per_network_per_hour: Count,
    verified_sends_per_network_per_hour: Count.meta({
      description: "How many codes that were verified are refunded to the network that asked for them.",
    }),
    ipv6: z.array(z.object({ prefix: Count, times: Count })).meta({
      description: "The prefixes that an IPv6 address is counted by, and by how much they multiply a network's limit.",
    }),
    sends_per_known_browser_per_day: Count,
    wrong_codes_per_network_per_hour: Count,
    activations_per_user_per_hour: Count,
    invite_lookups_per_network_per_hour: Count,
  }),
  guessing: z.object({
    guesses_per_phone_per_day: z
      .array(z.object({ digits: Count, max: Count }))
      .meta({ description: "Guesses at one phone or mailbox, at codes of this many digits or fewer." }),
    probability_per_phone_per_day: z
      .number()
      .meta({ description: "For one phone or mailbox; an account with both has twice that." }),
    probability_per_phone_per_day_max: z.number(),
    guesses_per_network_per_day: z.array(z.object({ digits: Count, max: Count })).meta({
      description: "Guesses of one network at all phones and mailboxes, at codes of this many digits or fewer.",
    }),
    accounts_per_network_per_day: z
      .number()
      .meta({ description: "Accounts that one network opens on average by guessing at all phones." }),
    accounts_per_ipv6_site_per_day: z
      .number()
      .meta({ description: "Accounts that one IPv6 /48 opens on average by guessing at all phones." }),
    accounts_per_day_below_alarm: z.number().meta({
      description:
        "Accounts that all networks together open on average by guessing, with `codes.alarm.wrong_codes` wrong codes in each `codes.alarm.within_s`. This is no upper bound: where more wrong codes are usual, the alarm begins only at `codes.alarm.times_usual` times the usual number, and codes that were sent before it can still be guessed.",
    }),
  }),
});

/** Serves the security policy of this server: its limits, and the guess probabilities that follow from them. */
export const policyDocument = address(service, "/api/policy", (endpoint) => ({
  GET: endpoint({
    summary: "The limits for codes, and the probability of guessing one within them",
    who: "anybody",
    answer: { body: Policy },
    run: async () => {
      const budget = guessBudget();
      const { guesses, probability, guessesPerNetwork, accountsPerNetwork, accountsPerIpv6Site } = budget;
      const body: z.input<typeof Policy> = {
        codes: {
          digits: policy.CODE_DIGITS,
          ttl_s: policy.CODE_TTL_MS / 1000,
          tries: policy.TRIES_PER_CODE,
          resend_after_s: policy.RESEND_AFTER_MS.map((ms) => ms / 1000),
          longer: policy.LONGER_CODES.map(({ wrongCodes, digits }) => ({ wrong_codes: wrongCodes, digits })),
          wrong_codes_count_for_s: policy.WRONG_CODES_MS / 1000,
          longer_in_network: {
            wrong_codes: policy.WRONG_CODES_PER_IP_PER_HOUR,
            within_s: 3600,
            digits: policy.CLOSED_NETWORK_DIGITS,
          },
          alarm: {
            wrong_codes: policy.ALARM_AFTER_WRONG,
            wrong_codes_per_network_max: policy.ALARM_WRONG_CODES_PER_NETWORK_MAX,
            times_usual: policy.ALARM_FACTOR,
            within_s: policy.ALARM_MS / 1000,
            digits: policy.ALARM_DIGITS,
          },
          revealed: env.REVEAL_CODES && (await demonstrationState()) === "open",
        },
        budgets: {
          sends_per_phone_per_hour: policy.SENDS_PER_PHONE_PER_HOUR,
          sends_per_phone_per_day: policy.SENDS_PER_PHONE_PER_DAY,
          sends_per_phone_and_network_per_hour: policy.SENDS_PER_PHONE_AND_IP_PER_HOUR,
          sends_per_phone_and_network_per_day: policy.SENDS_PER_PHONE_AND_IP_PER_DAY,
          sends_per_network_per_hour: policy.SENDS_PER_IP_PER_HOUR,
          verified_sends_per_network_per_hour: policy.VERIFIED_SENDS_PER_IP_PER_HOUR,
          ipv6: IPV6_PREFIXES.map(({ bits, times }) => ({ prefix: bits, times })),
          sends_per_known_browser_per_day: policy.SENDS_PER_KNOWN_BROWSER_PER_DAY,
          wrong_codes_per_network_per_hour: policy.WRONG_CODES_PER_IP_PER_HOUR,
          activations_per_user_per_hour: policy.ACTIVATIONS_PER_USER_PER_HOUR,
          invite_lookups_per_network_per_hour: policy.INVITE_LOOKUPS_PER_IP_PER_HOUR,
        },
        guessing: {
          guesses_per_phone_per_day: [...guesses],
          probability_per_phone_per_day: probability,
          probability_per_phone_per_day_max: policy.GUESS_PROBABILITY_PER_DAY_MAX,
          guesses_per_network_per_day: [...guessesPerNetwork],
          accounts_per_network_per_day: accountsPerNetwork,
          accounts_per_ipv6_site_per_day: accountsPerIpv6Site,
          accounts_per_day_below_alarm: budget.accountsBelowAlarm,
        },
      };
      return reply(body, CACHED_FIVE_MINUTES);
    },
    failures: {},
  }),
}));

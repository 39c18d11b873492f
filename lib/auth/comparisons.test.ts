import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import { expect, test } from "playwright/test";
import { Holder, isSealedCode, OneTimeCode, sealCode } from "@/lib/core/challenges/one-time-code";
import { Phone } from "@/lib/core/identity/phone";
import { phoneRecipient } from "@/lib/core/identity/recipient";
import { env } from "@/lib/env";
import { maySeeMetrics } from "./demonstration";

/** What `compare` has compared in constant time, in bytes. */
async function listComparisons(compare: () => Promise<void>): Promise<number[]> {
  const { timingSafeEqual } = crypto;
  const lengths: number[] = [];
  const replace = (by: typeof timingSafeEqual) => {
    crypto.timingSafeEqual = by;
    syncBuiltinESMExports();
  };
  replace((one, other) => {
    lengths.push(one.byteLength);
    return timingSafeEqual(one, other);
  });
  try {
    await compare();
  } finally {
    replace(timingSafeEqual);
  }
  return lengths;
}

test("a one-time code is compared in constant time, wherever it is wrong", async () => {
  const owner = {
    recipient: phoneRecipient(Phone.parse("+79451234567")),
    purpose: "login",
    holder: Holder.parse(crypto.randomUUID()),
  } as const;
  const sealed = sealCode(OneTimeCode.parse("1234"), owner);
  const found: boolean[] = [];
  const lengths = await listComparisons(async () => {
    for (const code of ["1234", "9234", "1239", "123456"]) {
      found.push(isSealedCode(sealed, OneTimeCode.parse(code), owner));
    }
  });
  expect(found).toEqual([true, false, false, false]);
  expect(lengths).toEqual([43, 43, 43, 43]);
});

test("the operator's token is compared in constant time, whatever its length", async () => {
  const given = { METRICS_TOKEN: env.METRICS_TOKEN };
  Object.assign(env, { METRICS_TOKEN: "a-token-of-the-operator" });
  const found: boolean[] = [];
  try {
    const lengths = await listComparisons(async () => {
      for (const token of ["a-token-of-the-operator", "b-token-of-the-operator", "a", "a-token-of-the-operator2", ""]) {
        found.push(await maySeeMetrics(new Headers({ authorization: `Bearer ${token}` })));
      }
    });
    expect(lengths).toEqual([32, 32, 32, 32, 32]);
  } finally {
    Object.assign(env, given);
  }
  expect(found).toEqual([true, false, false, false, false]);
});

import { z } from "zod";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import { newHolder, readPendingLogin } from "./pending-login";
import { seal, unseal } from "./sealed-cookie";

const Stamp = z.object({ holder: Holder, at: z.number() });
const SEAL = { purpose: "form", schema: Stamp, ttlMs: PENDING_LOGIN_TTL_MS };

/** Who a form asks for, and since when: so that one that is sent twice is known to be the same. */
export interface FormStamp {
  /** A browser that has no name yet gets it with the form, before its first cookie. */
  holder: Holder;
  askedAt: Date;
}

/** What a form that has a code sent carries along in a hidden field. */
export async function stampForm(): Promise<string> {
  const holder = (await readPendingLogin())?.holder ?? newHolder();
  return seal(SEAL, { holder, at: Date.now() });
}

/** The stamp of a form that was sent; null for one that carries none of ours. */
export async function readFormStamp(form: FormData): Promise<FormStamp | null> {
  const stamp = await unseal(SEAL, String(form.get("stamp") ?? ""));
  return stamp && { holder: stamp.holder, askedAt: new Date(stamp.at) };
}

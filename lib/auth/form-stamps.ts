import { z } from "zod";
import { Holder } from "@/lib/core/challenges/one-time-code";
import { PENDING_LOGIN_TTL_MS } from "@/lib/core/policy";
import { newHolder } from "./pending-login";
import { readPendingLogin } from "./pending-login-cookie";
import { decryptToken, encryptToken } from "./sealed-cookie";

const Stamp = z.object({ holder: Holder, at: z.number() });
const TOKEN_KIND = { purpose: "form", schema: Stamp, ttlMs: PENDING_LOGIN_TTL_MS };

/**
 * Makes the value of the hidden field `stamp` of a form that requests a code. It identifies one rendering of the form, so that a
 * form that is sent twice sends one code.
 */
export async function stampForm(): Promise<string> {
  const holder = (await readPendingLogin())?.holder ?? newHolder();
  return encryptToken(TOKEN_KIND, { holder, at: Date.now() });
}

/**
 * Reads the stamp of a submitted form: when the form was rendered, and the browser's random name, under which its challenges are
 * stored. The login cookie contains that name. For a browser without the cookie the form contains a new name, which the cookie
 * gets when the form is submitted. Returns null if the field is missing, forged or older than `PENDING_LOGIN_TTL_MS`.
 */
export async function readFormStamp(form: FormData): Promise<{ holder: Holder; askedAt: Date } | null> {
  const stamp = decryptToken(TOKEN_KIND, String(form.get("stamp") ?? ""));
  return stamp && { holder: stamp.holder, askedAt: new Date(stamp.at) };
}

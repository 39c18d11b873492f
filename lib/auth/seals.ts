import { decode, encode } from "next-auth/jwt";
import type { z } from "zod";
import { env } from "@/lib/env";

interface Seal<Schema extends z.ZodObject> {
  /** What the token is for; one sealed for something else does not open. */
  purpose: string;
  schema: Schema;
  ttlMs: number;
}

/** Encrypts and signs `payload` so that only this server can read it, for `ttlMs` at most. */
export function seal<Schema extends z.ZodObject>(
  { purpose, ttlMs }: Seal<Schema>,
  payload: z.input<Schema>,
): Promise<string> {
  return encode({ token: payload, secret: env.AUTH_SECRET, salt: purpose, maxAge: ttlMs / 1000 });
}

/** The payload that was sealed, or null when the token is missing, forged, too old or of another shape. */
export async function unseal<Schema extends z.ZodObject>(
  { purpose, schema }: Seal<Schema>,
  token: string | undefined,
): Promise<z.output<Schema> | null> {
  if (!token) return null;
  // `decode` throws on whatever it can't open, which is anything that somebody may send as a cookie.
  const payload = await decode({ token, secret: env.AUTH_SECRET, salt: purpose }).catch(() => null);
  return schema.safeParse(payload).data ?? null;
}

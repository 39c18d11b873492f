import { z } from "zod";

/**
 * What an application may learn (RFC 6749 §3.3): `openid`, that the person logged in; `phone` and `email`, what they have proven;
 * `referral`, who invited them; `offline_access`, a refresh token (OpenID Connect Core §11).
 */
export const Scope = z.enum(["openid", "phone", "email", "referral", "offline_access"]);
export type Scope = z.output<typeof Scope>;

/** Returns the scopes of a text in which spaces separate them, without duplicates. Unknown ones are left out (OpenID Connect Core §3.1.2.1). */
export function readScopes(text: string): Scope[] {
  const named = new Set(text.split(" "));
  return Scope.options.filter((scope) => named.has(scope));
}

/** Returns the text of scopes as `readScopes` reads it. */
export function spellScopes(scopes: readonly Scope[]): string {
  return Scope.options.filter((scope) => scopes.includes(scope)).join(" ");
}

import { env } from "@/lib/env";
import { readOnlyVerbs, refuse } from "./verbs";

const DAY_MS = 24 * 60 * 60 * 1000;
/** For how many days a copy of the file may be used. RFC 9116 §2.5.5 recommends less than a year. */
const VALID_DAYS = 90;

/**
 * Serves `/.well-known/security.txt`, which says how to report a vulnerability (RFC 9116). Failure: `address_unknown` without
 * SECURITY_CONTACT.
 */
export const securityTxt = readOnlyVerbs(() => {
  if (env.SECURITY_CONTACT.length === 0) return refuse("address_unknown");
  return new Response(composeSecurityTxt(new Date()), {
    headers: { "Cache-Control": "public, max-age=86400", "Content-Type": "text/plain; charset=utf-8" },
  });
});

/** Makes the file's text. It expires at the end of a day (UTC), so that it is the same for all requests of a day. */
function composeSecurityTxt(now: Date): string {
  const expiresAt = new Date((Math.floor(now.getTime() / DAY_MS) + VALID_DAYS + 1) * DAY_MS);
  const fields = [
    ...env.SECURITY_CONTACT.map((contact) => ["Contact", contact]),
    ["Expires", expiresAt.toISOString().replace(/\.\d+/, "")],
    ["Encryption", env.SECURITY_KEY],
    ["Policy", env.SECURITY_POLICY],
    ["Preferred-Languages", env.SECURITY_LANGUAGES?.join(", ")],
    // RFC 9116 §2.5.2 requires https.
    ["Canonical", env.APP_URL.startsWith("https:") ? `${env.APP_URL}/.well-known/security.txt` : undefined],
  ];
  return fields.flatMap(([name, value]) => (value ? [`${name}: ${value}\n`] : [])).join("");
}

import { readCredentials } from "@/lib/auth/credentials";
import { exportAccount } from "@/lib/core/accounts/export";
import { isFromCorsOrigin } from "@/lib/http/cross-origin";
import { isForeignRequest } from "@/lib/http/origin";
import { retryAfter } from "@/lib/http/retry-after";
import { streamOf } from "./stream";
import { readOnlyVerbs, refuse } from "./verbs";

/**
 * Serves `/account/export`: the data of the requester's account as a JSON file (GDPR art. 20). Refuses requests by pages of
 * other origins, because each export writes an audit event. Failures: `origin_foreign`, `credentials_missing`, `budget_spent`.
 */
export const accountExport = readOnlyVerbs(async ({ headers }) => {
  const isForeign = isForeignRequest({ method: "POST", headers }) && !isFromCorsOrigin(headers);
  if (isForeign) return refuse("origin_foreign");
  const { session } = await readCredentials(headers);
  const now = new Date();
  const exported = session && (await exportAccount(session.userId, now));
  if (exported?.ok === false && exported.failure.name === "budget_spent") {
    return refuse("budget_spent", retryAfter(exported.failure.retryAfterMs));
  }
  if (!exported?.ok) return refuse("credentials_missing");
  return new Response(streamOf(exported.value), {
    headers: {
      "Cache-Control": "private, no-store",
      "Content-Type": "application/json",
      "Content-Disposition": `attachment; filename="sarafan-${now.toISOString().slice(0, 10)}.json"`,
    },
  });
});

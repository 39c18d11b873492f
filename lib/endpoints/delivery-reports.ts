import { readForm } from "@/lib/apis/body";
import { recordReports } from "@/lib/core/challenges/deliveries";
import type { SenderName } from "@/lib/env";
import { NO_STORE } from "@/lib/http/caching";
import { type DeliveryReports, reportsOfSmsru, reportsOfTwilio } from "@/lib/senders/delivery-reports";
import { refuse, verbs } from "./verbs";

// The providers that deliver codes call these addresses. The API reference does not describe them.

/** Receives Twilio's delivery reports. Failures: `signature_invalid`, `body_too_large`, and `address_unknown` if Twilio is not in use. */
export const twilioReports = receiveReports(
  "twilio",
  (fields, { headers }) => reportsOfTwilio(fields, headers.get("x-twilio-signature") ?? ""),
  () => new Response(null, { status: 204, headers: NO_STORE }),
);

/** Receives SMS.ru's delivery reports. Fails as `twilioReports` does. SMS.ru repeats a report until it gets `100`. */
export const smsruReports = receiveReports(
  "smsru",
  (fields) => reportsOfSmsru(fields),
  () => new Response("100", { headers: { ...NO_STORE, "Content-Type": "text/plain" } }),
);

function receiveReports(
  sender: SenderName,
  read: (fields: Record<string, string>, request: Request) => DeliveryReports,
  acknowledge: () => Response,
) {
  const receive = async (request: Request) => {
    const fields = await readForm(request);
    if (!fields) return refuse("body_too_large");
    const reports = read(fields, request);
    if (reports === "unexpected") return refuse("address_unknown");
    if (reports === "forged") return refuse("signature_invalid");
    await recordReports(sender, reports);
    return acknowledge();
  };
  return verbs({ POST: receive });
}

import { readForm } from "@/lib/apis/body";
import { recordReports } from "@/lib/core/challenges/deliveries";
import type { SenderName } from "@/lib/env";
import { type DeliveryReports, reportsOfSmsru, reportsOfTwilio } from "@/lib/senders/delivery-reports";
import { FRESH, refuse, verbs } from "./verbs";

// For the providers that bring codes, not for clients of the APIs: none of this is described in the reference.

/** Where Twilio reports what became of a message. */
export const twilioReports = reportsTo(
  "twilio",
  (fields, { headers }) => reportsOfTwilio(fields, headers.get("x-twilio-signature") ?? ""),
  () => new Response(null, { status: 204, headers: FRESH }),
);

/** Where SMS.ru does; it asks again until it is answered `100`. */
export const smsruReports = reportsTo(
  "smsru",
  (fields) => reportsOfSmsru(fields),
  () => new Response("100", { headers: { ...FRESH, "Content-Type": "text/plain" } }),
);

function reportsTo(
  sender: SenderName,
  read: (fields: Record<string, string>, request: Request) => DeliveryReports,
  thank: () => Response,
) {
  const receive = async (request: Request) => {
    const fields = await readForm(request);
    if (!fields) return refuse("body_too_large");
    const reports = read(fields, request);
    if (reports === "unexpected") return refuse("address_unknown");
    if (reports === "forged") return refuse("signature_invalid");
    await recordReports(sender, reports);
    return thank();
  };
  return verbs({ POST: receive });
}

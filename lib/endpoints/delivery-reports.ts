import { readForm } from "@/lib/apis/body";
import { noteSmsruReports, noteTwilioReport, type Reported } from "@/lib/core/challenges/deliveries";
import { FRESH, refuse, verbs } from "./verbs";

// For the providers that bring codes, not for clients of the APIs: none of this is described in the reference.

/** Where Twilio reports what became of a message. */
export const twilioReports = reportsTo(
  (fields, { headers }) => noteTwilioReport(fields, headers.get("x-twilio-signature") ?? ""),
  () => new Response(null, { status: 204, headers: FRESH }),
);

/** Where SMS.ru does; it asks again until it is answered `100`. */
export const smsruReports = reportsTo(
  (fields) => noteSmsruReports(fields),
  () => new Response("100", { headers: { ...FRESH, "Content-Type": "text/plain" } }),
);

function reportsTo(
  note: (fields: Record<string, string>, request: Request) => Promise<Reported>,
  thank: () => Response,
) {
  const receive = async (request: Request) => {
    const fields = await readForm(request);
    if (!fields) return refuse("body_too_large");
    const reported = await note(fields, request);
    if (reported === "noted") return thank();
    return reported === "forged" ? refuse("signature_invalid") : refuse("address_unknown");
  };
  return verbs({ POST: receive });
}

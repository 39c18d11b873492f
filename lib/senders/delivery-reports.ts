import { env } from "@/lib/env";
import { TWILIO_STATUS_PATH } from "./phone";
import type { DeliveryReport } from "./report";
import { readSmsruReports } from "./smsru";
import { readTwilioReport } from "./twilio";

/** The reports in a provider's request; `forged` without a valid signature, `unexpected` if no chain has the provider. */
export type DeliveryReports = DeliveryReport[] | "forged" | "unexpected";

/** Reads Twilio's request to `/api/delivery/twilio`. The list is empty while the message's final state is not known. */
export function reportsOfTwilio(fields: Record<string, string>, signature: string): DeliveryReports {
  const authToken = env.SENDERS_NAMED.includes("twilio") ? env.TWILIO_AUTH_TOKEN : undefined;
  if (!authToken) return "unexpected";
  const url = `${env.APP_URL}${TWILIO_STATUS_PATH}`;
  const report = readTwilioReport({ url, authToken }, fields, signature);
  return report === "forged" ? report : report ? [report] : [];
}

/** Reads SMS.ru's request to `/api/delivery/smsru`, which is signed by a hash among its fields. */
export function reportsOfSmsru(fields: Record<string, string>): DeliveryReports {
  const apiId = env.SENDERS_NAMED.includes("smsru") ? env.SMSRU_API_ID : undefined;
  return apiId ? readSmsruReports({ apiId }, fields) : "unexpected";
}

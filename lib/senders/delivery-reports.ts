import { env } from "@/lib/env";
import { TWILIO_STATUS_PATH } from "./phone";
import type { Report } from "./report";
import { readSmsruReports } from "./smsru";
import { readTwilioReport } from "./twilio";

/** The reports in a request of a provider; `forged` without its signature, `unexpected` where this provider is not set up. */
export type Reports = Report[] | "forged" | "unexpected";

/** The report in a request of Twilio's: an empty list while the message's last state is not known. */
export function reportsOfTwilio(fields: Record<string, string>, signature: string): Reports {
  const authToken = env.SENDERS_NAMED.includes("twilio") ? env.TWILIO_AUTH_TOKEN : undefined;
  if (!authToken) return "unexpected";
  const url = `${env.APP_URL}${TWILIO_STATUS_PATH}`;
  const report = readTwilioReport({ url, authToken }, fields, signature);
  return report === "forged" ? report : report ? [report] : [];
}

/** The reports in a request of SMS.ru's, which is signed by a hash among its fields. */
export function reportsOfSmsru(fields: Record<string, string>): Reports {
  const apiId = env.SENDERS_NAMED.includes("smsru") ? env.SMSRU_API_ID : undefined;
  return apiId ? readSmsruReports({ apiId }, fields) : "unexpected";
}

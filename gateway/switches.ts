import { z } from "zod";

/** The providers that the gateway imitates. */
export const PROVIDERS = ["twilio", "smsru", "smsc", "telegram", "http", "mail"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

export const isProvider = (name: string): name is ProviderName => (PROVIDERS as readonly string[]).includes(name);

/** A duration; in the page's form it is text. */
const DelayMs = z.coerce.number().int().min(0).max(600_000);

/** How a provider behaves, as tests and the page set it. */
export const Switches = z.strictObject({
  /**
   * `accept` delivers; the others don't. `refuse`: refuses the number. `429` and `500`: answers with that status. `silence`: never
   * answers. `garbage`: answers unreadably.
   */
  answer: z.enum(["accept", "refuse", "429", "500", "silence", "garbage"]).default("accept"),
  /** How long the provider waits before it answers. It delivers the message even if the client has disconnected by then. */
  delayMs: DelayMs.default(0),
  /** The delivery report of Twilio and SMS.ru: none, delivered, undelivered, or delivered with a wrong signature. */
  report: z.enum(["none", "delivered", "undelivered", "forged"]).default("delivered"),
  /** How long after the message the report is sent. */
  reportDelayMs: DelayMs.default(1000),
  /** The address of SMS.ru's reports. The real SMS.ru has it in the account's settings; Twilio gets an address with each message. */
  callbackUrl: z.union([z.literal(""), z.url()]).default("http://localhost:3000/api/delivery/smsru"),
});
export type Switches = z.output<typeof Switches>;

/** The possible values of the switches that are chosen from a list. */
export const CHOICES = {
  answer: Switches.shape.answer.unwrap().options,
  report: Switches.shape.report.unwrap().options,
};

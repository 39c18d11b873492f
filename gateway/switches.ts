/** The providers that the gateway imitates. */
export const PROVIDERS = ["twilio", "smsru", "smsc", "telegram", "http", "mail"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

export const isProvider = (name: string): name is ProviderName => (PROVIDERS as readonly string[]).includes(name);

/** How a provider behaves, as tests and the page set it. */
export interface Switches {
  /**
   * `accept` delivers; the others don't. `refuse`: refuses the number. `429` and `500`: answers with that status. `silence`: never
   * answers. `garbage`: answers unreadably.
   */
  answer: (typeof CHOICES)["answer"][number];
  /** How long the provider waits before it answers. It delivers the message even if the client has disconnected by then. */
  delayMs: number;
  /** The delivery report of Twilio and SMS.ru: none, delivered, undelivered, or delivered with a wrong signature. */
  report: (typeof CHOICES)["report"][number];
  /** How long after the message the report is sent. */
  reportDelayMs: number;
  /** The address of SMS.ru's reports. The real SMS.ru has it in the account's settings; Twilio gets an address with each message. */
  callbackUrl: string;
}

/** The possible values of the switches that are chosen from a list. */
export const CHOICES = {
  answer: ["accept", "refuse", "429", "500", "silence", "garbage"],
  report: ["none", "delivered", "undelivered", "forged"],
} as const;

const DELAY_MS_MAX = 600_000;

export const DEFAULT_SWITCHES: Switches = {
  answer: "accept",
  delayMs: 0,
  report: "delivered",
  reportDelayMs: 1000,
  callbackUrl: "http://localhost:3000/api/delivery/smsru",
};

/** Returns `switches` with `changes`, whose values may be text. Throws a `RangeError` that names an unknown switch or value. */
export function changeSwitches(switches: Switches, changes: Record<string, unknown>): Switches {
  const changed: Switches & Record<string, unknown> = { ...switches };
  for (const [name, value] of Object.entries(changes)) {
    if (!isValidSwitch(name, value))
      throw new RangeError(`The switch ${name} does not exist, or can't have that value.`);
    changed[name] = typeof switches[name as keyof Switches] === "number" ? Number(value) : String(value);
  }
  return changed;
}

function isValidSwitch(name: string, value: unknown): boolean {
  if (name === "answer" || name === "report") return (CHOICES[name] as readonly string[]).includes(String(value));
  if (name === "delayMs" || name === "reportDelayMs") {
    return /^\d+$/.test(String(value)) && Number(value) <= DELAY_MS_MAX;
  }
  return name === "callbackUrl" && (value === "" || URL.canParse(String(value)));
}

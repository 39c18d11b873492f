/** Whom the gateway can be. */
export const PROVIDERS = ["twilio", "smsru", "smsc", "telegram", "http", "mail"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

export const isProvider = (name: string): name is ProviderName => (PROVIDERS as readonly string[]).includes(name);

/** How a provider behaves, until told otherwise. */
export interface Switches {
  /**
   * `accept`; `refuse`: says that it takes no message for this number; `429` and `500`; `silence`: never answers;
   * `garbage`: answers what is no answer. Only `accept` delivers.
   */
  answer: "accept" | "refuse" | "429" | "500" | "silence" | "garbage";
  /** How long it takes over a message; it delivers even when nobody waits for its answer any more. */
  delayMs: number;
  /** What Twilio and SMS.ru report of a message: nothing, the truth, that it was lost, or the truth with a false signature. */
  report: "none" | "delivered" | "undelivered" | "forged";
  /** How long after the message the report comes. */
  reportDelayMs: number;
  /** Where SMS.ru reports to, as its settings say there; Twilio is told with each message. */
  callbackUrl: string;
}

export const CHOICES = {
  answer: ["accept", "refuse", "429", "500", "silence", "garbage"],
  report: ["none", "delivered", "undelivered", "forged"],
} as const satisfies { [Name in "answer" | "report"]: readonly Switches[Name][] };

const DELAY_MS_MAX = 600_000;

export const PRESET: Switches = {
  answer: "accept",
  delayMs: 0,
  report: "delivered",
  reportDelayMs: 1000,
  callbackUrl: "http://localhost:3000/api/delivery/smsru",
};

/** `switches` with what `changes` has of them, as text or not; throws a `RangeError` that names what can't be. */
export function turn(switches: Switches, changes: Record<string, unknown>): Switches {
  const turned: Switches & Record<string, unknown> = { ...switches };
  for (const [name, value] of Object.entries(changes)) {
    if (!canBe(name, value)) throw new RangeError(`There is no switch ${name}, or it can't be like that.`);
    turned[name] = typeof switches[name as keyof Switches] === "number" ? Number(value) : String(value);
  }
  return turned;
}

function canBe(name: string, value: unknown): boolean {
  if (name === "answer" || name === "report") return (CHOICES[name] as readonly string[]).includes(String(value));
  if (name === "delayMs" || name === "reportDelayMs") {
    return /^\d+$/.test(String(value)) && Number(value) <= DELAY_MS_MAX;
  }
  return name === "callbackUrl" && (value === "" || URL.canParse(String(value)));
}

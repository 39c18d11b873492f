import { getTranslations } from "next-intl/server";
import { Countdown } from "./countdown";

interface Delivery {
  sender: string | null;
  state: "sending" | "sent" | "delivered" | "undelivered" | "uncertain";
}

/** How a message comes, by the sender that took it; the demonstration's console brings none. */
const CHANNELS: Record<string, "sms" | "telegram" | "mail" | null> = {
  smsru: "sms",
  smsc: "sms",
  twilio: "sms",
  http: "sms",
  telegram: "telegram",
  mail: "mail",
  console: null,
};

/** How soon the page looks again what has become of a message that is on its way. */
const LOOK_AGAIN_AFTER_MS = { sending: 3000, sent: 15_000 };

/** Says what is known of the message with the code: whether it is on its way, and by what, or has come, or has not. */
export async function DeliveryNote({ delivery: { sender, state } }: { delivery: Delivery }) {
  const t = await getTranslations("delivery");
  const channel = sender === null ? "unknown" : CHANNELS[sender];
  if (!channel) return null;
  const isOnItsWay = state === "sending" || state === "sent";
  return (
    <>
      <p className="mb-4 text-small text-soft" role="status">
        {isOnItsWay ? t("onItsWay", { channel }) : t(state)}
      </p>
      {isOnItsWay && <Countdown hidden key={`delivery ${Date.now()}`} ms={LOOK_AGAIN_AFTER_MS[state]} />}
    </>
  );
}

import { getTranslations } from "next-intl/server";
import { Countdown } from "./countdown";

interface Delivery {
  sender: string | null;
  state: "sending" | "sent" | "delivered" | "undelivered" | "uncertain";
}

/** How a message arrives, by the name of its sender. Null for the console of a demonstration, which delivers nothing. */
const MESSAGE_KINDS: Record<string, "sms" | "telegram" | "mail" | null> = {
  smsru: "sms",
  smsc: "sms",
  twilio: "sms",
  http: "sms",
  telegram: "telegram",
  mail: "mail",
  console: null,
};

/** After how long the page asks again for the state of a delivery that is not finished. */
const LOOK_AGAIN_AFTER_MS = { sending: 3000, sent: 15_000 };

/** Says what became of the message with the code: on its way (and how it arrives), delivered, not delivered, or uncertain. */
export async function DeliveryNote({ delivery: { sender, state } }: { delivery: Delivery }) {
  const t = await getTranslations("delivery");
  const channel = sender === null ? "unknown" : MESSAGE_KINDS[sender];
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

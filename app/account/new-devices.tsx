import { getTranslations } from "next-intl/server";
import { Moment } from "@/components/moment";
import { Notice } from "@/components/notice";
import { listNewSignIns, type NewSignIn } from "@/lib/core/sessions/session-list";
import type { Session } from "@/lib/core/sessions/sessions";
import { deviceName } from "@/lib/core/sessions/user-agent";
import { confirmDevice, endDevice, rejectDevice } from "./actions";

/** Lists sign-ins from new devices that no trusted device has confirmed or rejected yet, without the present session's own sign-in. */
export async function NewDevices({ session }: { session: Session }) {
  const signIns = await listNewSignIns(session);
  if (signIns.length === 0) return null;
  return (
    <div className="mb-8 space-y-3">
      {signIns.map((one) => (
        <NewDevice key={one.id} mayAnswer={!session.isNew} signIn={one} />
      ))}
    </div>
  );
}

async function NewDevice({
  signIn: { id, device, network, at, isOpen },
  mayAnswer,
}: {
  signIn: NewSignIn;
  /** Whether the present session may confirm or reject the device. A session of a new device may not: it could be a stranger's. */
  mayAnswer: boolean;
}) {
  const [t, words] = await Promise.all([getTranslations("newDevice"), getTranslations("device")]);
  return (
    <Notice>
      <p className="font-semibold">{t("title", { device: deviceName(device, words) })}</p>
      <p>
        {t.rich("details", {
          time: () => <Moment at={at} isExact />,
          network: network ?? words("networkUnknown"),
        })}
        {!isOpen && ` ${t("over")}`}
      </p>
      <form className="flex flex-wrap gap-x-6">
        <input name="session" type="hidden" value={id} />
        {mayAnswer ? (
          <>
            <button className="link font-semibold" formAction={confirmDevice} type="submit">
              {t("confirm")}
            </button>
            <button className="link" formAction={rejectDevice} type="submit">
              {isOpen ? t("end") : t("reject")}
            </button>
          </>
        ) : (
          <button className="link" formAction={endDevice} type="submit">
            {t("endOnly")}
          </button>
        )}
      </form>
    </Notice>
  );
}

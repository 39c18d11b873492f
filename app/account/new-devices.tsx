import { getLocale, getTimeZone, getTranslations } from "next-intl/server";
import { Moment } from "@/components/moment";
import { Notice } from "@/components/notice";
import { deviceName } from "@/lib/core/devices";
import { type ListedSession, listNewSessions } from "@/lib/core/session-list";
import type { Session } from "@/lib/core/sessions";
import { confirmDevice, endDevice } from "./actions";

/** Warns of sign-ins from devices that nobody has confirmed yet, in every session but their own. */
export async function NewDevices({ session }: { session: Session }) {
  const sessions = await listNewSessions(session);
  if (sessions.length === 0) return null;
  return (
    <div className="mb-8 space-y-3">
      {sessions.map((one) => (
        <NewDevice key={one.id} mayConfirm={!session.isNew} session={one} />
      ))}
    </div>
  );
}

async function NewDevice({
  session: { id, device, network, createdAt },
  mayConfirm,
}: {
  session: ListedSession;
  /** Whether whoever looks is beyond doubt: one stranger must not vouch for another. */
  mayConfirm: boolean;
}) {
  const [t, words, locale, timeZone] = await Promise.all([
    getTranslations("newDevice"),
    getTranslations("device"),
    getLocale(),
    getTimeZone(),
  ]);
  return (
    <Notice>
      <p className="font-semibold">{t("title", { device: deviceName(device, words) })}</p>
      <p>
        {t.rich("details", {
          time: () => <Moment at={createdAt} isExact locale={locale} now={new Date()} timeZone={timeZone} />,
          network: network ?? words("networkUnknown"),
        })}
      </p>
      <form className="flex flex-wrap gap-x-6">
        <input name="session" type="hidden" value={id} />
        {mayConfirm && (
          <button className="link font-semibold" formAction={confirmDevice} type="submit">
            {t("confirm")}
          </button>
        )}
        <button className="link" formAction={endDevice} type="submit">
          {mayConfirm ? t("end") : t("endOnly")}
        </button>
      </form>
    </Notice>
  );
}

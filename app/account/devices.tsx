import { getTranslations } from "next-intl/server";
import { Moment } from "@/components/moment";
import { SubmitButton } from "@/components/submit-button";
import { type ListedSession, listSessions } from "@/lib/core/sessions/session-list";
import type { Session } from "@/lib/core/sessions/sessions";
import { deviceName } from "@/lib/core/sessions/user-agent";
import { endDevice, endOtherDevices } from "./actions";

/** Lists the sessions of the account with the present one marked, and buttons to end the others. */
export async function Devices({ session }: { session: Session }) {
  const [t, { sessions, isCut }] = await Promise.all([getTranslations("account"), listSessions(session)]);
  return (
    <section aria-labelledby="devices" className="min-w-0">
      <h2 id="devices">{t("devices")}</h2>
      {isCut && <p className="mt-2 text-small text-soft">{t("devicesCut", { count: sessions.length })}</p>}
      <ul className="mt-4 border-t border-line">
        {sessions.map((one) => (
          <DeviceRow key={one.id} session={one} />
        ))}
      </ul>
      {sessions.length > 1 && (
        <form action={endOtherDevices} className="mt-5">
          <SubmitButton pending={t("ending")} quiet>
            {t("endOthers")}
          </SubmitButton>
        </form>
      )}
    </section>
  );
}

async function DeviceRow({ session }: { session: ListedSession }) {
  const [t, words] = await Promise.all([getTranslations("account"), getTranslations("device")]);
  const { id, device, network, createdAt, seenAt, isNew, isOwn } = session;
  const name = deviceName(device, words);
  const moment = (at: Date) => () => <Moment at={at} isExact />;
  return (
    <li className="flex items-start justify-between gap-x-4 border-b border-line py-4">
      <div className="min-w-0">
        <p className="flex flex-wrap items-center gap-x-2.5 font-semibold">
          <span className="min-w-0 break-words">{name}</span>
          {isOwn && <Tag>{t("thisDevice")}</Tag>}
          {isNew && !isOwn && <Tag>{t("newDevice")}</Tag>}
        </p>
        <p className="mt-1 text-small text-soft">
          {words(`kind.${device.kind}`)}, {t("from", { network: network ?? words("networkUnknown") })}
        </p>
        <p className="text-small text-soft">{t.rich("signedInAt", { time: moment(createdAt) })}</p>
        <p className="text-small text-soft">{t.rich("seenAt", { time: moment(seenAt) })}</p>
      </div>
      {!isOwn && (
        <form action={endDevice} className="-mt-2 shrink-0">
          <input name="session" type="hidden" value={id} />
          <button aria-label={t("endNamed", { device: name })} className="link text-small" type="submit">
            {t("end")}
          </button>
        </form>
      )}
    </li>
  );
}

function Tag({ children }: { children: string }) {
  return <span className="panel rounded-full bg-wash px-2.5 text-tiny">{children}</span>;
}

import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { MaskedIdentity } from "@/components/masked-identity";
import { Moment } from "@/components/moment";
import { Notice } from "@/components/notice";
import { currentSession } from "@/lib/auth/nextauth";
import { applyNowCodes } from "@/lib/core/accounts/apply-now";
import { type DelayedChange, listDelayedChanges } from "@/lib/core/accounts/delayed-changes";
import { deviceName } from "@/lib/core/sessions/user-agent";
import { nullIfDatabaseAway } from "../database-away";
import { cancelChange } from "./actions";

/** Lists the account's delayed changes. All pages show the list, in each session of the account, so that the owner notices a change. */
export async function DelayedChanges() {
  const found = await findChanges().catch(nullIfDatabaseAway);
  if (!found || found.changes.length === 0) return null;
  return (
    <div className="mb-8 space-y-3">
      {found.changes.map((change) => (
        <DelayedChangeNotice change={change} key={change.action} mayApplyNow={found.mayApplyNow} />
      ))}
    </div>
  );
}

/** Finds the account's delayed changes. `mayApplyNow`: it has two factors, and codes to both would apply a change without the wait. */
async function findChanges(): Promise<{ changes: DelayedChange[]; mayApplyNow: boolean }> {
  const session = await currentSession();
  const changes = session ? await listDelayedChanges(session) : [];
  return { changes, mayApplyNow: changes.length > 0 && session !== null && (await applyNowCodes(session)) !== null };
}

async function DelayedChangeNotice({ change, mayApplyNow }: { change: DelayedChange; mayApplyNow: boolean }) {
  const t = await getTranslations("delayed");
  const { action, isOwn, mayCancel } = change;
  return (
    <ChangeNotice change={change}>
      <div className="flex flex-wrap gap-x-6">
        {mayCancel && (
          <form action={cancelChange}>
            <input name="action" type="hidden" value={action} />
            <button className="link font-semibold" type="submit">
              {t("cancel")}
            </button>
          </form>
        )}
        {mayApplyNow && (mayCancel ? isOwn : true) && (
          <Link className="link inline-flex items-center" href={`/account/delayed/${action}`}>
            {t("applyNow")}
          </Link>
        )}
      </div>
    </ChangeNotice>
  );
}

/** Shows one delayed change: what will change, when, and which device asked for it. */
export async function ChangeNotice({
  change: { action, next, device, network, requestedAt, dueAt, isOwn, mayCancel },
  children,
}: {
  change: DelayedChange;
  children?: React.ReactNode;
}) {
  const [t, words] = await Promise.all([getTranslations("delayed"), getTranslations("device")]);
  const moment = (at: Date) => () => <Moment at={at} isExact />;
  return (
    <Notice>
      <p className="font-semibold">
        {t.rich("title", { what: action, time: moment(dueAt), next: () => next && <MaskedIdentity masked={next} /> })}
      </p>
      <p>
        {t.rich("by", {
          device: deviceName(device, words),
          network: network ?? words("networkUnknown"),
          time: moment(requestedAt),
        })}{" "}
        {t(isOwn ? "own" : mayCancel ? "question" : "others")}
      </p>
      {children}
    </Notice>
  );
}

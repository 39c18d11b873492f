import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { MaskedIdentity } from "@/components/masked-identity";
import type { SignalState } from "@/lib/core/invites/signals";
import { SignalMark } from "./signal-words";

/** A link to a person's page, followed by what marks the account: that it is a test number's, that it is blocked, its signals. */
export async function PersonLink({
  id,
  masked,
  isTest = false,
  isBlocked = false,
  mark = null,
}: {
  id: number;
  masked: string;
  isTest?: boolean;
  isBlocked?: boolean;
  mark?: SignalState | null;
}) {
  const t = await getTranslations("admin.people");
  return (
    <span className="inline-flex flex-wrap items-baseline gap-x-2">
      <Link className="link" href={`/admin/people/${id}`} prefetch={false}>
        <MaskedIdentity masked={masked} />
      </Link>
      {isTest && <strong className="font-semibold text-soft">{t("isTest")}</strong>}
      {isBlocked && <strong className="text-red">{t("isBlocked")}</strong>}
      <SignalMark mark={mark} />
    </span>
  );
}

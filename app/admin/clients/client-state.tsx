import { getTranslations } from "next-intl/server";
import type { OAuthClient } from "@/lib/core/oauth/clients";
import { ConsoleMoment } from "../console-moment";

/** Whether people can log in to an application, in words; red if they can't. */
export async function ClientState({ client: { disabledAt } }: { client: OAuthClient }) {
  const t = await getTranslations("admin.clients");
  if (!disabledAt) return t("enabled");
  return (
    <span className="font-semibold text-red">
      {t.rich("disabled", { at: () => <ConsoleMoment at={disabledAt} /> })}
    </span>
  );
}

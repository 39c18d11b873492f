import { getTranslations } from "next-intl/server";
import { z } from "zod";
import type { ActField } from "@/app/admin/act-form";
import type { Administrator } from "@/lib/core/administration/accounts";
import type { Act, ActFailure } from "@/lib/core/administration/acts";
import { endSessions, listSessionsOf } from "@/lib/core/administration/end-sessions";
import type { Result } from "@/lib/core/result";
import { SessionId } from "@/lib/core/sessions/session-list";
import { deviceName } from "@/lib/core/sessions/user-agent";

/** The acts on a person, as the addresses of their pages name them, in the order of the person's page. */
export const ActName = z.enum(["end-sessions"]);
export type ActName = z.output<typeof ActName>;

/** The acts that take something away from the person. Their buttons are red. */
export const TAKING_ACTS: readonly ActName[] = [];

/** Does an act on a person, with what was typed in the form of its page. Fails with the failures of the acts. */
export function doAct(
  name: ActName,
  administrator: Administrator,
  act: Act,
  form: FormData,
): Promise<Result<unknown, ActFailure>> {
  switch (name) {
    case "end-sessions": {
      const sessionId = SessionId.safeParse(form.get("session")).data ?? null;
      return endSessions(administrator, { ...act, sessionId });
    }
  }
}

/** Returns the fields of the act's form, besides the reason. */
export async function fieldsOf(name: ActName, userId: number): Promise<ActField[]> {
  switch (name) {
    case "end-sessions": {
      const [t, words] = await Promise.all([getTranslations("admin.acts.end-sessions"), getTranslations("device")]);
      const sessions = await listSessionsOf(userId);
      const all = { value: "all", label: t("all", { count: sessions.length }) };
      const single = sessions.map(({ id, device, network }) => ({
        value: id,
        label: network
          ? t("one", { device: deviceName(device, words), network })
          : t("oneWithoutNetwork", { device: deviceName(device, words) }),
      }));
      return [{ name: "session", label: t("which"), options: [all, ...single] }];
    }
  }
}

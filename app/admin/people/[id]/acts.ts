import { getTranslations } from "next-intl/server";
import { z } from "zod";
import type { ActField } from "@/app/admin/act-form";
import { notifyChange, notifyDeletion } from "@/lib/auth/security-notices";
import { changeAccount } from "@/lib/core/administration/accounts";
import { moveInvitation, undoInvitation } from "@/lib/core/administration/activations";
import type { Administrator } from "@/lib/core/administration/actor";
import { type Act, type ActFailure, deletePerson } from "@/lib/core/administration/acts";
import { blockAccount, unblockAccount } from "@/lib/core/administration/block";
import { endSessions, listSessionsOf } from "@/lib/core/administration/end-sessions";
import { liftLimits } from "@/lib/core/administration/lift-limits";
import type { Person } from "@/lib/core/administration/people";
import { type ReviewFailure, reviewSignals, type Signal, Verdict } from "@/lib/core/administration/signal-list";
import { Email } from "@/lib/core/identity/email";
import { Phone } from "@/lib/core/identity/phone";
import type { MoveActivationFailure } from "@/lib/core/invites/activation";
import { InviteCode } from "@/lib/core/invites/invite-code";
import { fail, type Result, succeed } from "@/lib/core/result";
import { SessionId } from "@/lib/core/sessions/session-list";
import { deviceName } from "@/lib/core/sessions/user-agent";

/** The acts on a person, as the addresses of their pages name them, in the order of the person's page. */
export const ActName = z.enum([
  "lift-limits",
  "end-sessions",
  "review-signals",
  "block",
  "unblock",
  "change-phone",
  "change-email",
  "move-invitation",
  "undo-invitation",
  "delete",
]);
export type ActName = z.output<typeof ActName>;

/** Returns the acts that make sense for this account. */
export function actsOn(
  { activatedCode, blockedAt, isTest }: Pick<Person, "activatedCode" | "blockedAt" | "isTest">,
  signals: readonly Signal[],
): ActName[] {
  const senseless: ActName[] = [
    blockedAt === null ? "unblock" : "block",
    ...(signals.length === 0 ? (["review-signals"] as const) : []),
    ...(isTest ? (["change-phone", "change-email"] as const) : []),
    ...(activatedCode === null ? (["move-invitation", "undo-invitation"] as const) : []),
  ];
  return ActName.options.filter((name) => !senseless.includes(name));
}

/** The acts that take something away from the person. Their buttons are red. */
export const TAKING_ACTS: readonly ActName[] = ["block", "delete"];

type Failure =
  | ActFailure
  | MoveActivationFailure
  | { name: `${"phone" | "email"}_${"missing" | "kept" | "invalid" | "taken"}` | "identity_missing" }
  | { name: "phone_test" | "account_test" }
  | ReviewFailure
  | { name: "account_blocked" | "account_not_blocked" };

/** Does an act on a person, with what was typed in the form of its page. */
export async function doAct(
  name: ActName,
  administrator: Administrator,
  act: Act,
  form: FormData,
): Promise<Result<unknown, Failure>> {
  const typed = (field: string) => String(form.get(field) ?? "").trim();
  switch (name) {
    case "lift-limits":
      return liftLimits(administrator, act);
    case "block":
      return blockAccount(administrator, act);
    case "unblock":
      return unblockAccount(administrator, act);
    case "change-phone": {
      const phone = readChange(typed("phone"), form, (text) => Phone.safeParse(text).data);
      return phone.ok
        ? change(administrator, act, { phone: phone.value })
        : fail({ name: `phone_${phone.failure.name}` });
    }
    case "change-email": {
      const email = readChange(typed("email"), form, (text) => Email.safeParse(text).data);
      return email.ok
        ? change(administrator, act, { email: email.value })
        : fail({ name: `email_${email.failure.name}` });
    }
    case "move-invitation":
      return moveInvitation(administrator, { ...act, code: InviteCode.safeParse(typed("code")).data ?? null });
    case "undo-invitation":
      return undoInvitation(administrator, act);
    case "delete": {
      const deleted = await deletePerson(administrator, act);
      if (deleted.ok) notifyDeletion(deleted.value.email);
      return deleted;
    }
    case "review-signals": {
      const verdict = Verdict.safeParse(form.get("verdict")).data;
      if (!verdict) return fail({ name: "signals_changed" });
      return reviewSignals(administrator, { ...act, verdict, version: typed("version") });
    }
    case "end-sessions": {
      const sessionId = SessionId.safeParse(form.get("session")).data ?? null;
      return endSessions(administrator, { ...act, sessionId });
    }
  }
}

/**
 * Reads the field of a new phone or mailbox, and the box that removes the old one. Returns null for a removal. So a field that was
 * left empty by mistake removes nothing. Fails with `missing` if there is neither a text nor a tick, with `kept` if there are both,
 * and with `invalid` for other text.
 */
function readChange<Value>(
  text: string,
  form: FormData,
  parse: (text: string) => Value | undefined,
): Result<Value | null, { name: "missing" | "kept" | "invalid" }> {
  const isRemoved = form.get("remove") === "on";
  if (text === "") return isRemoved ? succeed(null) : fail({ name: "missing" });
  if (isRemoved) return fail({ name: "kept" });
  const parsed = parse(text);
  return parsed === undefined ? fail({ name: "invalid" }) : succeed(parsed);
}

async function change(
  administrator: Administrator,
  { userId, reason }: Act,
  changes: { phone: Phone | null } | { email: Email | null },
): Promise<Result<unknown, Failure>> {
  const changed = await changeAccount(administrator, userId, { ...changes, reason });
  if (changed.ok) for (const each of changed.value.changed) notifyChange(each);
  return changed;
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
    case "review-signals": {
      const t = await getTranslations("admin.acts.review-signals");
      return [
        { name: "verdict", label: t("verdict"), options: Verdict.options.map((value) => ({ value, label: t(value) })) },
      ];
    }
    case "change-phone": {
      const t = await getTranslations("admin.acts.change-phone");
      return [
        { name: "phone", label: t("phone"), type: "tel" },
        { name: "remove", label: t("remove"), type: "checkbox" },
      ];
    }
    case "change-email": {
      const t = await getTranslations("admin.acts.change-email");
      return [
        { name: "email", label: t("email"), type: "email" },
        { name: "remove", label: t("remove"), type: "checkbox" },
      ];
    }
    case "move-invitation": {
      const t = await getTranslations("admin.acts.move-invitation");
      return [{ name: "code", label: t("code"), isRequired: true }];
    }
    case "lift-limits":
    case "block":
    case "unblock":
    case "undo-invitation":
    case "delete":
      return [];
  }
}

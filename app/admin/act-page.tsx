import type { Route } from "next";
import { redirect } from "next/navigation";
import { getTranslations } from "next-intl/server";
import type { ReactNode } from "react";
import { Sheet } from "@/components/sheet";
import { type ConsolePath, consoleEntry, type OpenConsole } from "@/lib/auth/console";
import { mayChange } from "@/lib/core/administration/actor";
import { type ActField, ActForm, type ActFormState } from "./act-form";

/**
 * The content of a page on which an administrator does something: what will happen, the form with the reason, and a link back.
 * If the administrator's codes are too old for a change, redirects to the page for new ones, and then back to `path`.
 */
export async function ActPage({
  open: { administrator },
  path,
  back,
  title,
  children,
  submit,
  ...form
}: {
  open: OpenConsole;
  path: ConsolePath;
  back: { href: Route; label: string };
  title: string;
  /** What will happen, in sentences. */
  children: ReactNode;
  submit: string;
  action: (state: ActFormState, form: FormData) => Promise<ActFormState>;
  hidden: Record<string, string>;
  fields: ActField[];
  takesAway: boolean;
}) {
  if (!mayChange(administrator, new Date())) redirect(consoleEntry(path));
  const [t, code] = await Promise.all([getTranslations("admin.act"), getTranslations("code")]);
  const words = {
    submit,
    pending: t("pending"),
    offline: code("offline"),
    reason: t("reason"),
    reasonHint: t("reasonHint"),
  };
  return (
    <Sheet>
      <ActForm {...form} back={back} words={words}>
        <h1 className="break-words">{title}</h1>
        <div className="mt-3 mb-6 space-y-3 text-soft">{children}</div>
      </ActForm>
    </Sheet>
  );
}

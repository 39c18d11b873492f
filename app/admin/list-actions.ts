"use server";

import type { Route } from "next";
import { notFound, redirect } from "next/navigation";
import { requireConsole } from "@/lib/auth/console";
import { ExportedList, readFilter } from "@/lib/core/administration/list-export";
import { addressOf } from "./list-address";

/** Redirects to the list with the filter of the form. Fields that it doesn't understand are left out, and only named. */
export async function applyFilter(form: FormData): Promise<void> {
  const list = ExportedList.safeParse(form.get("list"));
  if (!list.success) notFound();
  await requireConsole(`/admin/${list.data}`);
  const { filter, malformed } = readFilter(list.data, Object.fromEntries(form));
  redirect(addressOf(list.data, { ...filter, malformed: malformed.join(".") }) as Route);
}

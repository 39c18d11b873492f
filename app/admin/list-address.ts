import type { ExportedList } from "@/lib/core/administration/list-export";

/** Returns the address of a list with these fields in its query. Empty ones are left out. */
export function addressOf(list: ExportedList, fields: Record<string, string | undefined>) {
  const filled = Object.entries(fields).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return filled.length === 0 ? (`/admin/${list}` as const) : (`/admin/${list}?${new URLSearchParams(filled)}` as const);
}

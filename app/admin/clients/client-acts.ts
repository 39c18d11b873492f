import type { Route } from "next";
import { z } from "zod";
import type { OAuthClient } from "@/lib/core/oauth/clients";

/** The acts on an application, as the addresses of their pages name them, in the order of its page. */
export const ActName = z.enum(["change", "renew-secret", "disable", "enable", "remove"]);
export type ActName = z.output<typeof ActName>;

/** The acts that take something away from people. Their buttons are red. */
export const TAKING_ACTS: readonly ActName[] = ["disable", "remove"];

/** Returns the acts that make sense for this application. */
export function actsOn({ isPublic, disabledAt }: OAuthClient): ActName[] {
  const senseless: ActName[] = [disabledAt ? "disable" : "enable", ...(isPublic ? ["renew-secret" as const] : [])];
  return ActName.options.filter((name) => !senseless.includes(name));
}

/** Returns the address of an application's page, or of the page of an act on it. `done` names what the page says was done. */
export function clientAddress(id: string, { act, done }: { act?: ActName; done?: string } = {}) {
  return `/admin/clients/${id}${act ? `/${act}` : ""}${done ? `?done=${done}` : ""}` as Route & `/admin${string}`;
}

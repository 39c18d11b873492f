import { z } from "zod";
import type { WebhookEndpoint } from "@/lib/core/events/webhook-endpoints";

/** The acts on an endpoint, as the addresses of their pages name them, in the order of its page. */
export const ActName = z.enum(["change", "pause", "resume", "rotate", "replay", "delete"]);
export type ActName = z.output<typeof ActName>;

/** The acts that can't be undone. Their buttons are red. */
export const TAKING_ACTS: readonly ActName[] = ["delete"];

/** The id of a delivery, as an address has it. */
export const DeliveryId = z.string().regex(/^msg_[\w-]{22}$/);

/** Returns the acts that make sense for this endpoint. */
export function actsOn({ state }: WebhookEndpoint): ActName[] {
  return ActName.options.filter((name) => name !== (state === "active" ? "resume" : "pause") && name !== "replay");
}

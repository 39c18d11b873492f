import { resumeImportsInBackground } from "@/lib/core/administration/import-work";
import { publishServiceEventsInBackground } from "@/lib/core/events/service-events";
import { findSignalsInBackground } from "@/lib/core/invites/signals";
import { computeSumsInBackground } from "@/lib/core/statistics/sums";
import { sweepInBackground } from "./sweeping";

/**
 * Starts the regular work that is due: sweeping, the sums, the look for signals, imports that were interrupted, and events of the
 * service. Each starts at most once a minute in a process. Requests that come often call this function, outside of their transactions,
 * because there is no timer, except for events of the service, which the loop of deliveries looks for as well.
 */
export function startBackgroundWork(): void {
  sweepInBackground();
  void computeSumsInBackground();
  findSignalsInBackground();
  resumeImportsInBackground();
  publishServiceEventsInBackground();
}

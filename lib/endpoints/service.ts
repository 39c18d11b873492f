import type { Api } from "@/lib/apis/engine";
import { ENGLISH } from "@/lib/apis/messages";

/** What the service says of itself. */
export const service: Api = {
  title: "service",
  description: "What the service says of itself.",
  messages: ENGLISH,
  error: (detail) => ({ detail }),
  credentials: "cookie",
  // Readers of documents add parameters to get past caches.
  ignoresParameters: true,
};

/** Nothing of it changes while the server runs, but that a demonstration may end. */
export const CACHED = { "Cache-Control": "public, max-age=300" };

import type { Api } from "@/lib/apis/engine";
import { ENGLISH_MESSAGES } from "@/lib/apis/messages";

/** The addresses that describe this service itself, in the form that the engine serves. */
export const service: Api = {
  title: "service",
  description: "Descriptions of the service itself.",
  messages: ENGLISH_MESSAGES,
  error: (detail) => ({ detail }),
  credentials: "cookie",
  // Clients add parameters to these addresses to bypass caches, so unknown ones are not refused.
  ignoresParameters: true,
};

/** The header that lets clients cache the documents. While the server runs, only the end of a demonstration changes them. */
export const CACHED_FIVE_MINUTES = { "Cache-Control": "public, max-age=300" };

import type { Route } from "next";
import { z } from "zod";

/**
 * Why a request for authorization ends at a page of this server. The first ones are those of `UntrustedRequest`; `expired`: the browser
 * has no cookie of the request any more; `outdated`: the application was changed while the person logged in; `unavailable`: the server failed.
 */
export const RefusalReason = z.enum([
  "client_id_missing",
  "client_id_repeated",
  "client_unknown",
  "client_disabled",
  "redirect_uri_missing",
  "redirect_uri_repeated",
  "redirect_uri_unknown",
  "expired",
  "outdated",
  "unavailable",
]);
export type RefusalReason = z.output<typeof RefusalReason>;

/** The page that asks the person for consent to the request of this id. */
export const consentPage = (id: string) => `/oauth/consent/${id}` as Route;
/** The page that takes the answer to the request of this id to the application. */
export const answerPage = (id: string) => `/oauth/return/${id}` as Route;
/** The page that says why a request ends here. */
export const refusalPage = (reason: RefusalReason) => `/oauth/refused?reason=${reason}` as Route;

import { refuse, verbs } from "./verbs";

/** Answers as an address that doesn't exist. */
export const refuseAddress = () => refuse("address_unknown");

/** The verbs of an address that doesn't exist. */
export const UNKNOWN_VERBS = {
  GET: refuseAddress,
  POST: refuseAddress,
  PUT: refuseAddress,
  PATCH: refuseAddress,
  DELETE: refuseAddress,
};

/** Answers addresses below `/api/` that don't exist. Next.js would render the not-found page, which takes forms. */
export const notFound = { ...verbs(UNKNOWN_VERBS), OPTIONS: refuseAddress };

import { everyVerb, refuse } from "./verbs";

/** Answers addresses below `/api/` that don't exist. Next.js would render the not-found page, to which forms can be posted. */
export const notFound = everyVerb(() => refuse("address_unknown"));

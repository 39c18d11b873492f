import { everyVerb, refuse } from "./verbs";

/** Answers addresses below `/api/` that don't exist. Next.js would render the not-found page, which takes forms. */
export const notFound = everyVerb(() => refuse("address_unknown"));

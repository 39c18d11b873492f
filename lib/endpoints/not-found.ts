import { everyVerb, refuse } from "./verbs";

/** What no API has. Next.js would answer with a page of ours, and wherever there is a page, forms can be posted to it. */
export const nothing = everyVerb(() => refuse("address_unknown"));

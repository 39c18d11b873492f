import { refuse, verbs } from "./verbs";

const refuseAddress = () => refuse("address_unknown");
const ofAnyVerb = {
  GET: refuseAddress,
  POST: refuseAddress,
  PUT: refuseAddress,
  PATCH: refuseAddress,
  DELETE: refuseAddress,
};

/** Answers addresses below `/api/` that don't exist. Next.js would render the not-found page, which takes forms. */
export const notFound = { ...verbs(ofAnyVerb), OPTIONS: refuseAddress };

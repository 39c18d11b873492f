import { respondWithFailure } from "@/lib/apis/engine";
import type { Handler } from "@/lib/apis/handlers";
import { manageApi, problem } from "@/lib/apis/manage";
import { refuse, verbs } from "./verbs";

const everyVerb = (answer: Handler<unknown>) => ({
  GET: answer,
  POST: answer,
  PUT: answer,
  PATCH: answer,
  DELETE: answer,
});

/** Answers as an address that doesn't exist. */
export const refuseAddress = () => refuse("address_unknown");

/** The verbs of an address that doesn't exist. */
export const UNKNOWN_VERBS = everyVerb(refuseAddress);

/** Answers addresses below `/api/` that don't exist. Next.js would render the not-found page, which takes forms. */
export const notFound = { ...verbs(UNKNOWN_VERBS), OPTIONS: refuseAddress };

const refuseManaged = () => {
  const name = "address_unknown";
  return respondWithFailure({
    name,
    ...problem(404, name, "There is no such address."),
    type: manageApi.errorType,
  });
};

/** Answers addresses below `/api/manage/` that don't exist, by a problem as the management API's own addresses do. */
export const manageNotFound = { ...verbs(everyVerb(refuseManaged)), OPTIONS: refuseManaged };

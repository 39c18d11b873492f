import { z } from "zod";
import { Reason } from "@/lib/core/administration/acts";
import { ListCursor } from "@/lib/core/administration/list";
import {
  ACCOUNT_ID_MAX,
  ACCOUNTS_PER_PAGE,
  ACCOUNTS_PER_PAGE_MAX,
  CLIENT_NAME_LENGTH_MAX,
  FIXED_CODE_DIGITS_MIN,
  REASON_LENGTH_MAX,
  REDIRECT_URI_LENGTH_MAX,
  REDIRECT_URIS_MAX,
  WEBHOOK_DESCRIPTION_LENGTH_MAX,
} from "@/lib/core/policy";
import { type Api, absoluteUrl, ENGINE_STATUSES, type EngineFailure, type ErrorResponse, type Json } from "./engine";
import { type IfMatch, KEY_FAILURES, type KeyFailure } from "./keys";
import { ENGLISH_MESSAGES } from "./messages";

/*
 * The management API, for backends of the operator. A resource has a file lib/apis/manage-<resource>.ts, which declares its addresses
 * by `address(manageApi, "/api/manage/v1/…", …)`, and routes of one line in app/api/manage/v1. lib/apis/openapi.ts lists the addresses.
 *
 * What an endpoint needs, with lib/apis/manage-accounts.ts as the example:
 * - `who: "key"` and a `scope` of lib/core/keys/api-keys.ts. The engine checks the key, its limit and its scope.
 * - A change is made by `call.key.deed(act, replyOf)`, with a function of the core that takes an `Actor` and locks it (`lockActor`). With
 *   POST the function ends by `settle`, so that `Idempotency-Key` works: `replyOf` makes the reply only of its value. The reply has
 *   neither phones nor mailboxes, because it is stored; secrets are named in `answer.secrets`, and their schema is nullable.
 * - `failures` has a `problem` for each failure of the core. The engine has the responses to `KEY_FAILURES`, `key_revoked` included.
 * - An act on a person has `reason: ReasonText` in its body, and `...ACT_PROBLEMS` among its failures.
 * - A resource with a version: the reply to GET has `ETag: etagOf(version)`. A change whose effect does not depend on the earlier fields
 *   (block, delete) has `ifMatch: "optional"`. A change that writes fields which the client has read (PATCH) has `"required"`: only there
 *   could a client overwrite a later change unseen. The deed gets `versionsOf(call.key.ifMatch)` and fails with `version_changed`, worded
 *   by `VERSION_CHANGED`.
 * - A list has `PAGE_QUERY` or `TIME_PAGE_QUERY`, `next: cursor | null` in the body, and `Link` by `nextLink` or `nextOf`.
 * - Phones and mailboxes are in an answer only if `call.key.has("phones:read")`, and then the read is recorded (`recordAccountReads`).
 */

/** Makes an error response as problem details (RFC 9457). Its `type` leads to the reference and ends in the failure's name. */
export function problem(status: number, name: string, detail: string): ErrorResponse {
  return { status, body: problemBody(status, name, detail) };
}

function problemBody(status: number, name: string, detail: string): { [name: string]: Json } {
  const words = name.replaceAll("_", " ");
  return { type: absoluteUrl(`/docs#${name}`), title: words.charAt(0).toUpperCase() + words.slice(1), status, detail };
}

const statusOf = (name: EngineFailure | KeyFailure) =>
  name in KEY_FAILURES ? KEY_FAILURES[name as KeyFailure][0] : ENGINE_STATUSES[name as EngineFailure];

const FIELDS = {
  ...ENGLISH_MESSAGES.fields,
  code_malformed: `A fixed code has ${FIXED_CODE_DIGITS_MIN} to 10 digits, as text.`,
  code_guessable: "Strangers try this code first.",
  note_too_long: `A note has ${REASON_LENGTH_MAX} characters at most.`,
  reason_missing: "Say why, for the audit log.",
  reason_too_long: `A reason has ${REASON_LENGTH_MAX} characters at most.`,
  name_missing: "An application has a name.",
  name_too_long: `A name has ${CLIENT_NAME_LENGTH_MAX} characters at most.`,
  name_invalid: "A name has no line breaks and no control characters.",
  redirect_uri_missing: "An application has a redirect URI at least.",
  redirect_uris_too_many: `There can be ${REDIRECT_URIS_MAX} URIs of a kind at most.`,
  redirect_uri_invalid: `A URI begins with https://, or on a person's own device with http://127.0.0.1 or a private scheme; it is spelled as browsers spell it, without a fragment, and has ${REDIRECT_URI_LENGTH_MAX} characters at most.`,
  back_channel_uri_refused:
    "Sessions that ended are told to https addresses on public networks: see WEBHOOK_PRIVATE_RANGES for others.",
  scope_unknown: "No such scope.",
  scope_openid_missing: "The scopes begin with openid.",
  algorithm_unknown: "No such algorithm.",
  event_type_unknown: "No such type of event.",
  event_type_missing: "Name at least one type of event, or leave the field out for all types.",
  description_too_long: `A description has ${WEBHOOK_DESCRIPTION_LENGTH_MAX} characters at most.`,
};

export const manageApi: Api = {
  title: "manage",
  description:
    "The management API, for backends of the operator: API keys with scopes, JSON bodies, problem details (RFC 9457), `Idempotency-Key` on each POST, `ETag` and `If-Match` on changes, and pages by cursors.",
  messages: {
    ...ENGLISH_MESSAGES,
    failures: { ...ENGLISH_MESSAGES.failures, media_type_unsupported: "The body has to be JSON." },
    fields: FIELDS,
  },
  error: (sentence, failure) => problemBody(statusOf(failure), failure, sentence),
  fieldErrors: (errors) => ({
    ...problemBody(ENGINE_STATUSES.field_invalid, "field_invalid", "Fields of the request are wrong: see errors."),
    errors,
  }),
  errorType: "application/problem+json",
  credentials: "key",
};

/** A reason for an act on a person, for the audit log. */
export const ReasonText = Reason.meta({ examples: ["asked by the owner in ticket 4711"] });

/** Text of a request that both databases can store: in PostgreSQL a text has no NUL. */
export const StorableText = z.string().refine((text) => !text.includes("\0"));

/** A time in an answer. */
export const Time = z.iso.datetime();

/** A moment in a request, in UTC. Its year is one that both databases can store. */
export const Moment = z.iso
  .datetime()
  .refine((text) => /^(?:19|2\d)/.test(text))
  .transform((text) => new Date(text));

/** A parameter that is a whole number from 1 to `max`. */
export const limitParameter = (max: number, usual: number) =>
  z
    .string()
    .refine((text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= max, "malformed")
    .transform(Number)
    .optional()
    .meta({ description: `A whole number from 1 to ${max}; without it, ${usual}.`, examples: [String(usual)] });

/** The id after which a page begins, as text. Other text fails with the zod issue `cursor_malformed`. */
export const IdCursor = z
  .string()
  .regex(/^\d{1,10}$/, "cursor_malformed")
  .transform(Number)
  .refine((id) => id <= ACCOUNT_ID_MAX, "cursor_malformed");

/** The parameters of a page of a list that is in the order of ids. */
export const PAGE_QUERY = {
  cursor: IdCursor.optional().meta({ description: "`next` of the page before." }),
  limit: limitParameter(ACCOUNTS_PER_PAGE_MAX, ACCOUNTS_PER_PAGE),
};

/** The parameters of a page of a list that has the newest first, and the moments between which its rows lie. */
export const TIME_PAGE_QUERY = {
  from: Moment.optional().meta({ description: "The earliest moment." }),
  until: Moment.optional().meta({ description: "The moment before which all are." }),
  cursor: ListCursor.optional().meta({ description: "`next` of the page before." }),
  limit: limitParameter(ACCOUNTS_PER_PAGE_MAX, ACCOUNTS_PER_PAGE),
};

/** Makes `next` and the header `Link` of a page of such a list. */
export function nextOf(request: Request, next: ListCursor | null) {
  const cursor = next && ListCursor.encode(next);
  return { next: cursor, headers: nextLink(request, cursor === null ? null : { cursor }) };
}

/**
 * Makes the header `Link` (RFC 8288) to the next page: the address of the request with the parameters in `changes`. Returns no header
 * if there is no next page.
 */
export function nextLink(request: Request, changes: Record<string, string | number> | null): Record<string, string> {
  if (!changes) return {};
  const { pathname, searchParams } = new URL(request.url);
  for (const [name, value] of Object.entries(changes)) searchParams.set(name, String(value));
  return { Link: `<${absoluteUrl(`${pathname}?${searchParams}`)}>; rel="next"` };
}

/** Returns the value of the header `ETag` for a version. */
export const etagOf = (version: string | number) => `"${version}"`;

/** Returns the versions that a change may be made to; undefined if the client named none, or any. */
export const versionsOf = (ifMatch: IfMatch) => (ifMatch === "any" || ifMatch === null ? undefined : ifMatch);

export const VERSION_CHANGED = problem(
  412,
  "version_changed",
  "It was changed since you read it. Read it again, and decide again.",
);
export const ACCOUNT_UNKNOWN = problem(404, "account_unknown", "There is no such account.");

/** The problems of acts on a person, besides the failures of the act itself. */
export const ACT_PROBLEMS = {
  account_unknown: ACCOUNT_UNKNOWN,
  account_administrator: problem(403, "account_administrator", "Backends act on no administrator."),
  version_changed: VERSION_CHANGED,
};

import { parseMultipart, readBytes } from "./body";

/** Why a POST to a page is refused. */
export type FormFault = "body_too_large" | "body_malformed" | "action_unknown";

const MULTIPART_PATTERN = /^multipart\/form-data\b/i;

/**
 * Checks a POST to a page before Next.js reads it, because Next.js answers a malformed one with status 500. Returns
 * `body_too_large` above `bytesMax` bytes; `body_malformed` for a form that can't be parsed, or a call of a server action with
 * wrong arguments; `action_unknown` for an id that no action can have; else null. Next.js checks that the action exists.
 */
export async function findFormFault(request: Request, bytesMax: number): Promise<FormFault | null> {
  const action = request.headers.get("next-action");
  const contentType = request.headers.get("content-type") ?? "";
  const bytes = await readBytes(request, bytesMax);
  if (!bytes) return "body_too_large";
  if (action !== null && !ACTION_ID_PATTERN.test(action)) return "action_unknown";
  try {
    const form = MULTIPART_PATTERN.test(contentType) ? await parseMultipart(bytes, contentType) : null;
    const isWellFormed = action === null ? form === null || isFormOfAction(form) : isActionCall(action, form ?? bytes);
    return isWellFormed ? null : "body_malformed";
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return "body_malformed";
    throw error;
  }
}

/** The id of a server action as Next.js makes it: two hexadecimal digits for its arguments, then the hash of its name. */
const ACTION_ID_PATTERN = /^[\da-f]{42}$/;
/** How React encodes an argument that is a form. */
const FORM_PATTERN = /^\$K[\da-f]+$/;

/** Returns how many arguments an action has. Each of the bits 6 to 1 of its id's first byte stands for one argument. */
function countArguments(action: string): number {
  const bits = (Number.parseInt(action.slice(0, 2), 16) >> 1) & 0b111111;
  return bits.toString(2).replaceAll("0", "").length;
}

/** Whether a script's call has as many arguments as its server action, and ends in a form, which each of our actions takes last. */
function isActionCall(action: string, body: FormData | Uint8Array): boolean {
  const call: unknown = JSON.parse(body instanceof FormData ? String(body.get("0")) : new TextDecoder().decode(body));
  const count = countArguments(action);
  return Array.isArray(call) && call.length === count && (count === 0 || FORM_PATTERN.test(String(call.at(-1))));
}

/** Whether a form submitted without JavaScript carries as many arguments as its action has, not counting the form itself. */
function isFormOfAction(form: FormData): boolean {
  return [...form.keys()].every((name) => {
    const [, kind, rest = ""] = /^\$ACTION_(ID|REF)_(.*)$/.exec(name) ?? [];
    if (kind === undefined) return true;
    const read = (part: number): unknown => JSON.parse(String(form.get(`$ACTION_${rest}:${part}`)));
    const { id, bound } = kind === "ID" ? { id: rest, bound: null } : (read(0) as { id: unknown; bound: unknown });
    const given = bound === null ? [] : read(1);
    return Array.isArray(given) && given.length + 1 === Math.max(1, countArguments(String(id)));
  });
}

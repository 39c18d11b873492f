import { parseMultipart, readBytes } from "./body";

/** What is wrong with a request that posts to a page. */
export type FormFault = "body_too_large" | "body_malformed" | "action_unknown";

const MULTIPART = /^multipart\/form-data\b/i;

/**
 * What is wrong with what was posted to a page, where Next.js would answer with an error of its own: a form of more than `bytesMax`
 * bytes or that can't be read, or a call of a server action that no page of ours makes. Null where nothing is. Whether there is such an action
 * is for Next.js to say.
 */
export async function findFormFault(request: Request, bytesMax: number): Promise<FormFault | null> {
  const action = request.headers.get("next-action");
  const contentType = request.headers.get("content-type") ?? "";
  const bytes = await readBytes(request, bytesMax);
  if (!bytes) return "body_too_large";
  if (action !== null && !ACTION_ID.test(action)) return "action_unknown";
  try {
    const form = MULTIPART.test(contentType) ? await parseMultipart(bytes, contentType) : null;
    const isMeant = action === null ? form === null || isOfOurPages(form) : isCallOf(action, form ?? bytes);
    return isMeant ? null : "body_malformed";
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return "body_malformed";
    throw error;
  }
}

/** Two hexadecimal digits that say which arguments an action has, and the hash of its name. */
const ACTION_ID = /^[\da-f]{42}$/;
/** How React writes an argument that is a form. */
const FORM = /^\$K[\da-f]+$/;

/** How many arguments an action has: the bits 6 to 1 of its id's first byte stand for them, from the first on. */
function countArguments(action: string): number {
  const bits = (Number.parseInt(action.slice(0, 2), 16) >> 1) & 0b111111;
  return bits.toString(2).replaceAll("0", "").length;
}

/** Whether a call by a script has as many arguments as the action; the last argument of ours is the form that was sent. */
function isCallOf(action: string, body: FormData | Uint8Array): boolean {
  const call: unknown = JSON.parse(body instanceof FormData ? String(body.get("0")) : new TextDecoder().decode(body));
  const count = countArguments(action);
  return Array.isArray(call) && call.length === count && (count === 0 || FORM.test(String(call.at(-1))));
}

/** Whether a form that was sent without a script has as many arguments for its action as that has, besides itself. */
function isOfOurPages(form: FormData): boolean {
  return [...form.keys()].every((name) => {
    const [, kind, rest = ""] = /^\$ACTION_(ID|REF)_(.*)$/.exec(name) ?? [];
    if (kind === undefined) return true;
    const read = (part: number): unknown => JSON.parse(String(form.get(`$ACTION_${rest}:${part}`)));
    const { id, bound } = kind === "ID" ? { id: rest, bound: null } : (read(0) as { id: unknown; bound: unknown });
    const given = bound === null ? [] : read(1);
    return Array.isArray(given) && given.length + 1 === Math.max(1, countArguments(String(id)));
  });
}

import { z } from "zod";
import { failed, type Sending, unanswered } from "./sender";

/** The answer to one message is a few hundred bytes; what is longer than this is none. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** An amount of money, as a number or as text; what isn't one is none. */
export const Amount = z
  .union([
    z.number().nonnegative(),
    z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform(Number),
  ])
  .optional()
  .catch(undefined);

/** What is asked of a provider; always by POST, so that neither phone nor secret stands in an address. */
interface Question<Answer> {
  url: string;
  headers?: HeadersInit;
  /** A form, or text of the media type that `headers` name. */
  body: URLSearchParams | string;
  /** What an answer looks like, be it a yes or a no; null when only its status counts. */
  shape: z.ZodType<Answer> | null;
}

/** An answer that could be read, or what went wrong with the provider. */
type Asked<Answer> = { status: number; answer: Answer; sending: null } | { sending: Sending };

/**
 * Asks a provider once. Redirects are not followed: they would carry secrets elsewhere. A time-out (`signal`), no answer,
 * 429, 5xx and what nobody can read are outcomes, not errors, so that no error of `fetch` gets into a log.
 */
export async function ask<Answer>(
  { url, headers = {}, body, shape }: Question<Answer>,
  signal: AbortSignal,
): Promise<Asked<Answer>> {
  try {
    const response = await fetch(url, { method: "POST", redirect: "manual", headers, body, signal });
    const { status } = response;
    const fault = faultOf(status);
    if (fault || !shape) {
      await response.body?.cancel();
      return fault ? { sending: fault } : { status, answer: undefined as Answer, sending: null };
    }
    const read = shape.safeParse(parseJson(await readText(response)));
    if (read.success) return { status, answer: read.data, sending: null };
    return { sending: response.ok ? unanswered("garbage", status) : failed("garbage", status) };
  } catch (error) {
    if (signal.aborted) return { sending: unanswered("timeout") };
    const code = codeOf(error);
    return { sending: CUT.test(code) ? unanswered("unreachable", code) : failed("unreachable", code) };
  }
}

/** How a connection ends that was there: by then the question may have been heard. */
const CUT = /^(ECONNRESET|EPIPE|UND_ERR_(SOCKET|HEADERS_\w+|BODY_\w+)|HPE_\w+)$/;

function faultOf(status: number): Sending | null {
  // Whoever stands in front of the provider has waited for it in vain.
  if (status === 504) return unanswered("server_error", status);
  if (status === 429) return failed("overloaded", status);
  if (status >= 500) return failed("server_error", status);
  return status >= 300 && status < 400 ? failed("redirected", status) : null;
}

/** The body, as far as an answer may be long: a longer one is cut, and so can't be read. */
async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > ANSWER_BYTES_MAX) break;
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The system's name for why a connection failed, such as `ECONNREFUSED`; the error's sentence may hold an address. */
function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const name = String(cause?.code ?? code ?? "");
  return /^[A-Z][A-Z_]{1,40}$/.test(name) ? name : "";
}

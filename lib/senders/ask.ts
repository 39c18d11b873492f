import { z } from "zod";
import { failed, type Sending, unanswered } from "./sender";

/** The longest answer that is read: most have a few hundred bytes. A longer answer counts as unreadable. */
const ANSWER_BYTES_MAX = 64 * 1024;

/** An amount of money, as a number or as text; undefined for any other value. */
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

/** A request to a provider. It is always a POST, so that no address contains a phone or a secret. */
interface ProviderRequest<Answer> {
  url: string;
  headers?: HeadersInit;
  /** A form, or text whose media type `headers` names. */
  body: URLSearchParams | string;
  /** The shape of all answers, positive and negative; null if only the HTTP status counts. */
  shape: z.ZodType<Answer> | null;
}

/** A readable answer; or in `sending` what became of a message whose request got none. */
type ProviderAnswer<Answer> = { status: number; answer: Answer; sending: null } | { sending: Sending };

/**
 * Sends one request to a provider. Redirects are not followed, because they would send secrets to another host. A time-out (`signal`),
 * no answer, 429, 5xx and an unreadable answer are outcomes (`sending`), not exceptions, so that no error of `fetch` reaches the log.
 */
export async function askProvider<Answer>(
  { url, headers = {}, body, shape }: ProviderRequest<Answer>,
  signal: AbortSignal,
): Promise<ProviderAnswer<Answer>> {
  try {
    const response = await fetch(url, { method: "POST", redirect: "manual", headers, body, signal });
    const { status } = response;
    const fault = faultOfStatus(status);
    if (fault || !shape) {
      await response.body?.cancel();
      return fault ? { sending: fault } : { status, answer: undefined as Answer, sending: null };
    }
    const read = shape.safeParse(parseJson(await readText(response)));
    if (read.success) return { status, answer: read.data, sending: null };
    return { sending: response.ok ? unanswered("garbage", status) : failed("garbage", status) };
  } catch (error) {
    if (signal.aborted) return { sending: unanswered("timeout") };
    const code = errorCodeOf(error);
    return {
      sending: CUT_CONNECTION_ERROR_CODE_PATTERN.test(code)
        ? unanswered("unreachable", code)
        : failed("unreachable", code),
    };
  }
}

/** Codes of a connection that ended after it was made: the provider may have received the request. */
const CUT_CONNECTION_ERROR_CODE_PATTERN = /^(ECONNRESET|EPIPE|UND_ERR_(SOCKET|HEADERS_\w+|BODY_\w+)|HPE_\w+)$/;

/** Returns how the sending failed if the status alone says so; null if the provider's answer has to be read. */
function faultOfStatus(status: number): Sending | null {
  // A proxy in front of the provider has timed out: the provider may have taken the message.
  if (status === 504) return unanswered("server_error", status);
  if (status === 429) return failed("overloaded", status);
  if (status >= 500) return failed("server_error", status);
  return status >= 300 && status < 400 ? failed("redirected", status) : null;
}

/** Reads the body up to `ANSWER_BYTES_MAX`. A longer body is cut, and is then no valid JSON. */
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

/** The system's code for a failed connection, such as `ECONNREFUSED`. The error's message is not used: it may contain an address. */
function errorCodeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } };
  const name = String(cause?.code ?? code ?? "");
  return /^[A-Z][A-Z_]{1,40}$/.test(name) ? name : "";
}

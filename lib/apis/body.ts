import { BODY_BYTES_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { parseMultipart, readBytes } from "@/lib/http/body";

/** The fields of a body or query, by name. */
export type Fields = Record<string, unknown>;

type BodyFailure = { name: "body_malformed" | "body_too_large" | "media_type_unsupported" };

/**
 * Reads the fields of a JSON, form-encoded or multipart body, without those whose value is empty text: forms also send the fields that
 * are not filled in. With `isJsonAlone` only JSON is read, and empty text is kept as a value: if it were left out, a client that sends an
 * empty session id by mistake would end all sessions. A request without a body has no fields.
 */
export async function readBody(request: Request, { isJsonAlone = false } = {}): Promise<Result<Fields, BodyFailure>> {
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  if (!bytes) return fail({ name: "body_too_large" });
  if (isCompressed(request.headers)) return fail({ name: "media_type_unsupported" });
  const contentType = request.headers.get("content-type");
  if (bytes.length === 0 && contentType === null) return succeed({});
  const [mediaType = ""] = (contentType ?? "").split(";");
  const name = mediaType.trim().toLowerCase();
  const isRead = isJsonAlone ? name === "application/json" : Object.hasOwn(READERS, name);
  const read = isRead ? READERS[name] : undefined;
  if (!read) return fail({ name: "media_type_unsupported" });
  try {
    const fields = bytes.length === 0 ? {} : await read(bytes, contentType ?? "");
    return succeed(isJsonAlone ? fields : dropEmptyFields(fields));
  } catch (error) {
    // The readers throw these for a body that is malformed for its media type.
    if (error instanceof SyntaxError || error instanceof TypeError) return fail({ name: "body_malformed" });
    throw error;
  }
}

/**
 * Reads the fields of a form-encoded body, including empty fields, because a provider's signature covers all fields. Returns
 * null if the body is longer than `BODY_BYTES_MAX`.
 */
export async function readForm(request: Request): Promise<Record<string, string> | null> {
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  return bytes && Object.fromEntries(new URLSearchParams(new TextDecoder().decode(bytes)));
}

/**
 * Reads the parameters of a query, such as `?limit=20`. An empty parameter is kept, because a filter that is left out would match
 * everything. A parameter that occurs twice becomes a list, which each schema refuses, so that no value is ignored silently.
 */
export function readQuery(request: Request): Fields {
  const { searchParams } = new URL(request.url);
  const readOne = (name: string) => {
    const values = searchParams.getAll(name);
    return values.length === 1 ? values[0] : values;
  };
  return Object.fromEntries([...searchParams.keys()].map((name) => [name, readOne(name)]));
}

const READERS: Record<string, ((bytes: Uint8Array<ArrayBuffer>, contentType: string) => Promise<Fields>) | undefined> =
  {
    "application/json": async (bytes) => {
      const value: unknown = JSON.parse(decode(bytes));
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("no object");
      return value as Fields;
    },
    "application/x-www-form-urlencoded": async (bytes) => Object.fromEntries(new URLSearchParams(decode(bytes))),
    "multipart/form-data": async (bytes, contentType) => Object.fromEntries(await parseMultipart(bytes, contentType)),
  };

/** Whether the body has a content coding such as gzip (RFC 9110 §8.4), which is not supported. */
function isCompressed(headers: Headers): boolean {
  return !/^(identity)?$/i.test(headers.get("content-encoding") ?? "");
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function dropEmptyFields(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

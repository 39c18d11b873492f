import { BODY_BYTES_MAX } from "@/lib/core/policy";
import { fail, type Result, succeed } from "@/lib/core/result";
import { parseMultipart, readBytes } from "@/lib/http/body";

/** What a request carries, by name. A field left empty is as good as none. */
export type Fields = Record<string, unknown>;

type BodyFailure = { name: "body_malformed" | "body_too_large" | "media_type_unsupported" };

/** The fields of a body in JSON, form-encoded or multipart; a request without a body has none. */
export async function readBody(request: Request): Promise<Result<Fields, BodyFailure>> {
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  if (!bytes) return fail({ name: "body_too_large" });
  if (isPacked(request.headers)) return fail({ name: "media_type_unsupported" });
  const contentType = request.headers.get("content-type");
  if (bytes.length === 0 && contentType === null) return succeed({});
  const [mediaType = ""] = (contentType ?? "").split(";");
  const name = mediaType.trim().toLowerCase();
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined;
  if (!read) return fail({ name: "media_type_unsupported" });
  try {
    const fields = bytes.length === 0 ? {} : await read(bytes, contentType ?? "");
    return succeed(tidy(fields));
  } catch (error) {
    // What the readers throw at bytes that are not what they say they are.
    if (error instanceof SyntaxError || error instanceof TypeError) return fail({ name: "body_malformed" });
    throw error;
  }
}

/** The fields of a form as they were sent, empty ones too, as whoever signed them knows them; null for what is none. */
export async function readForm(request: Request): Promise<Record<string, string> | null> {
  const bytes = await readBytes(request, BODY_BYTES_MAX);
  return bytes && Object.fromEntries(new URLSearchParams(new TextDecoder().decode(bytes)));
}

/**
 * The fields of an address, `?limit=20`; an empty one is there, so that what is looked for by it is not everything. One that is
 * there twice is the list of its values, which no schema takes, so that none of them is left out unseen.
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

/** Whether the body is sent in another coding than its own, such as gzip, which nothing here unpacks (RFC 9110 §8.4). */
function isPacked(headers: Headers): boolean {
  return !/^(identity)?$/i.test(headers.get("content-encoding") ?? "");
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
}

function tidy(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ""));
}

/** How many bytes of a body that is too long are read before the connection is given up. */
const DISCARDED_BYTES_MAX = 2 * 1024 * 1024;

/** Reads the whole body. Returns null if it is longer than `bytesMax`. */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const announced = request.headers.get("content-length");
  // Node.js itself discards a body that is not read, and never delivers more bytes than `Content-Length` says.
  if (announced !== null) return Number(announced) > bytesMax ? null : new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length <= bytesMax) chunks.push(chunk);
    // A body that is a little too long is read to its end: stopping would close the connection before the response.
    if (length > Math.max(bytesMax, DISCARDED_BYTES_MAX)) break;
  }
  return length <= bytesMax ? new Uint8Array(Buffer.concat(chunks, length)) : null;
}

/** Parses a multipart body. Throws a `TypeError` if it is malformed. */
export function parseMultipart(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FormData> {
  return new Response(bytes, { headers: { "Content-Type": contentType } }).formData();
}

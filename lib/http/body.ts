/** How much of a body that is too long is read, for the sake of the answer. */
const DISCARDED_BYTES_MAX = 2 * 1024 * 1024;

/** The whole body, or null when it is longer than `bytesMax`. */
export async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const announced = request.headers.get("content-length");
  // Node drops by itself what nobody began to read, and gives no more than was announced.
  if (announced !== null) return Number(announced) > bytesMax ? null : new Uint8Array(await request.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length <= bytesMax) chunks.push(chunk);
    // What is somewhat too long is read to its end: leaving early ends the connection, and with it the answer.
    if (length > DISCARDED_BYTES_MAX) break;
  }
  return length <= bytesMax ? new Uint8Array(Buffer.concat(chunks, length)) : null;
}

/** The fields of a multipart body; throws a `TypeError` for one that is none. */
export function parseMultipart(bytes: Uint8Array<ArrayBuffer>, contentType: string): Promise<FormData> {
  return new Response(bytes, { headers: { "Content-Type": contentType } }).formData();
}

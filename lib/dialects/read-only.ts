/** Asked for anew each time. */
export const FRESH = { "Cache-Control": "no-store" };
const ALLOWED = { Allow: "GET, HEAD, OPTIONS" };

/** An address that can be read and no more. */
export function readOnly(GET: (request: Request) => Response | Promise<Response>) {
  const refuseVerb = () => refuse(405, "method_not_allowed", ALLOWED);
  return { ...everyVerb(refuseVerb), GET, OPTIONS: () => new Response(null, { status: 204, headers: ALLOWED }) };
}

/** One answer to whatever is asked. */
export function everyVerb(answer: () => Response) {
  return { GET: answer, POST: answer, PUT: answer, PATCH: answer, DELETE: answer, OPTIONS: answer };
}

/** A refusal in no API's words. */
export function refuse(status: number, name: string, headers: Record<string, string> = {}): Response {
  return Response.json({ detail: name }, { status, headers: { ...FRESH, ...headers, "Sarafan-Error": name } });
}

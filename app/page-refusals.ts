import { notFound } from "next/navigation";
import { retryAfter } from "@/lib/http/retry-after";
import { currentResponse } from "@/lib/ops/request-ids";

/**
 * Gives the page that is being rendered the status 429 (RFC 6585 §4) and says when to come again. Next.js 16.4 has functions
 * for 401, 403 and 404 only, and an error that is thrown would need a script to be shown; but it keeps the status that the
 * response has. It has to be called before the page begins to be sent, so outside Suspense. Where a host tells
 * instrumentation.ts nothing of a request, the page says the same with status 200.
 */
export function refusePage(retryAfterMs: number): void {
  const response = currentResponse();
  if (!response) return;
  response.statusCode = 429;
  for (const [name, value] of Object.entries(retryAfter(retryAfterMs))) response.setHeader(name, value);
}

/**
 * Gives the page that is being rendered the status 404; the page then says itself that there is nothing. Next.js's `notFound`
 * shows its content by a script only. The same holds as for `refusePage`, but that where a host tells instrumentation.ts nothing
 * of a request `notFound` is called, which throws.
 */
export function answerNotFound(): void {
  const response = currentResponse();
  if (!response) notFound();
  response.statusCode = 404;
}

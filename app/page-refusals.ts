import { notFound } from "next/navigation";
import { retryAfter } from "@/lib/http/retry-after";
import { currentResponse } from "@/lib/ops/request-ids";

/**
 * Sets the page that is being rendered to status 429 (RFC 6585 §4) and its header `Retry-After` to `retryAfterMs` in seconds.
 * Next.js 16.4 has functions for 401, 403 and 404 only, but keeps a status that is set on the response. Must be called before the
 * page begins to be sent, so outside Suspense. On a host where before-next.ts doesn't run, the page keeps status 200.
 */
export function answerTooManyRequests(retryAfterMs: number): void {
  const response = currentResponse();
  if (!response) return;
  response.statusCode = 429;
  for (const [name, value] of Object.entries(retryAfter(retryAfterMs))) response.setHeader(name, value);
}

/**
 * Sets the status of the page that is being rendered to 404. The page renders its own message: Next.js's `notFound` needs a script
 * to show one. Must be called before the page begins to be sent. On a host where before-next.ts doesn't run, calls `notFound`,
 * which throws.
 */
export function answerNotFound(): void {
  const response = currentResponse();
  if (!response) notFound();
  response.statusCode = 404;
}

/** Sets the page that is being rendered to status 400. Must be called before the page begins to be sent. */
export function answerBadRequest(): void {
  const response = currentResponse();
  if (response) response.statusCode = 400;
}

/** Makes the header `Retry-After` from milliseconds: whole seconds, rounded up, at least 1 (RFC 9110 §10.2.3). */
export function retryAfter(ms: number) {
  return { "Retry-After": String(Math.max(1, Math.ceil(ms / 1000))) };
}

/** The header that says when to come again; never at once. */
export function retryAfter(ms: number) {
  return { "Retry-After": String(Math.max(1, Math.ceil(ms / 1000))) };
}

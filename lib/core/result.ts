/**
 * The result of a function of the core: a value, or a named failure that the caller must expect. A bug throws an error instead.
 */
export type Result<Value, Failure extends { name: string }> =
  | { ok: true; value: Value }
  | { ok: false; failure: Failure };

/** Returns a successful result with this value. */
export function succeed<Value>(value: Value): { ok: true; value: Value } {
  return { ok: true, value };
}

/** Returns a failed result with this failure. */
export function fail<const Failure extends { name: string }>(failure: Failure): { ok: false; failure: Failure } {
  return { ok: false, failure };
}

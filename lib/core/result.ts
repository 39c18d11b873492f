/** The result of a function of the core: a value, or one of the failures that its callers must expect. Bugs throw. */
export type Result<Value, Failure extends { name: string }> =
  | { ok: true; value: Value }
  | { ok: false; failure: Failure };

/** Returns the result that holds this value. */
export function succeed<Value>(value: Value): { ok: true; value: Value } {
  return { ok: true, value };
}

/** Returns the result that holds this failure; `name` is its stable name. */
export function fail<const Failure extends { name: string }>(failure: Failure): { ok: false; failure: Failure } {
  return { ok: false, failure };
}

/**
 * Returns the state that this process keeps once under `name`, which must be unique in the project. `make` makes it at the first call.
 *
 * Next.js compiles this project into several bundles, and each evaluates its own copy of a module; development evaluates a module
 * again after an edit. So a variable of a module exists once for each copy. Only a cache of values that can be computed again may
 * be such a variable.
 */
export function perProcess<Value>(name: string, make: () => Value): Value {
  if (!states.has(name)) states.set(name, make());
  return states.get(name) as Value;
}

const kept = globalThis as { sarafanStates?: Map<string, unknown> };
kept.sarafanStates ??= new Map();
const states = kept.sarafanStates;

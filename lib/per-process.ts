/**
 * State that a process must have once. Next.js compiles this project into several bundles (one for `instrumentation.ts`, others for
 * routes and pages), each of which evaluates its own copy of a module, and development evaluates a module again after an edit. A
 * variable of a module is therefore one per copy. A cache of what can be worked out again may be such a variable.
 *
 * `name` is unique in the project and says what the state is. Returns what `make` returned when the process first asked for `name`.
 */
export function perProcess<Value>(name: string, make: () => Value): Value {
  if (!states.has(name)) states.set(name, make());
  return states.get(name) as Value;
}

const kept = globalThis as { sarafanStates?: Map<string, unknown> };
kept.sarafanStates ??= new Map();
const states = kept.sarafanStates;

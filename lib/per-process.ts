/**
 * Returns this process's one state under `name`, which must be unique in the project. The first call makes the state.
 *
 * Next.js compiles this project into several bundles, and each evaluates its own copy of a module; development evaluates a
 * module again after an edit. So a module's variable exists once for each copy of the module, and may only cache what can be
 * computed again.
 */
export function perProcess<Value>(name: string, make: () => Value): Value {
  if (!states.has(name)) states.set(name, make());
  return states.get(name) as Value;
}

const globals = globalThis as { sarafanStates?: Map<string, unknown> };
globals.sarafanStates ??= new Map();
const states = globals.sarafanStates;

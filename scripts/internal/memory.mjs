import { setFlagsFromString } from "node:v8";

const HEAP_GROWS_BY_PERCENT = 30;

/**
 * Makes V8 collect garbage when the heap has grown by a third. Its presets let the heap grow to a multiple first: a busy server is
 * then half as large again, and no processor time is saved that could be measured (docs/speed.md).
 */
export function keepHeapSmall() {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWS_BY_PERCENT}`);
}

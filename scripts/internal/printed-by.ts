/** Runs `print`, and returns what it would have printed by `console.log`, a line each. */
export function printedBy(print: () => void): string {
  const lines: string[] = [];
  const { log } = console;
  console.log = (text: string) => lines.push(text);
  try {
    print();
  } finally {
    console.log = log;
  }
  return lines.join("\n");
}

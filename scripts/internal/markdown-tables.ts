/** A table in Markdown: the heads of its columns, and its rows. */
export interface MarkdownTable {
  heads: string[];
  rows: string[][];
}

/** Prints a table in Markdown, with columns of numbers aligned to the right. */
export function printTable({ heads, rows }: MarkdownTable): string {
  const rule = heads.map((_, column) =>
    rows.every((cells) => /^[≥≤-]? ?\d|^$/.test(cells[column] ?? "")) ? "--:" : "---",
  );
  return [heads, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** Reads the tables of a text in Markdown, in their order, without the spaces around cells. */
export function readTables(text: string): MarkdownTable[] {
  const tables = text.split("\n\n").filter((part) => part.startsWith("| "));
  return tables.map((table) => {
    const [heads = [], , ...rows] = table.trim().split("\n").map(readCells);
    return { heads, rows };
  });
}

function readCells(line: string): string[] {
  return line
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
}

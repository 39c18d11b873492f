/** A table in Markdown: the heads of its columns, and its rows. */
export interface MarkdownTable {
  heads: string[];
  rows: string[][];
}

/** The table in Markdown. All columns but those of words are aligned to the right. */
export function printTable({ heads, rows }: MarkdownTable): string {
  const rule = heads.map((_, column) =>
    rows.every((cells) => /^[≥≤-]? ?\d|^$/.test(cells[column] ?? "")) ? "--:" : "---",
  );
  return [heads, rule, ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** The tables of a text in Markdown, in their order. Spaces around cells are dropped. */
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

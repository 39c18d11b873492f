import { type Input, stringify } from "csv-stringify/sync";

/**
 * Returns rows as lines of a CSV file (RFC 4180), each field in quotes. A text that a spreadsheet would run as a formula, because it
 * begins with `=`, `+`, `-`, `@`, a tab or a carriage return, gets an apostrophe in front of it. So a phone is `"'+79450000001"`.
 */
export function csvOf(rows: Input): string {
  return stringify(rows, { quoted: true, quoted_empty: true, escape_formulas: true, record_delimiter: "windows" });
}

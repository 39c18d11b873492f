import type { ReactNode } from "react";

/** A column of a table: its heading, and the cell of a row; null for an empty one. */
export interface Column<Row> {
  name: string;
  label: string;
  isNumber?: boolean;
  cellOf: (row: Row) => ReactNode;
}

/**
 * A table of the console. On a narrow screen each row is a list of headings and values, without those that are empty.
 */
export function ConsoleTable<Row extends { id: number | string }>({
  label,
  columns,
  rows,
}: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
}) {
  const align = ({ isNumber = false }: Column<Row>) => (isNumber ? "md:text-right" : "");
  return (
    <table aria-label={label} className="w-full border-line border-t text-small max-md:block">
      <thead className="max-md:sr-only">
        <tr>
          {columns.map((column) => (
            <th
              className={`border-line border-b py-2.5 pr-4 text-left font-normal text-soft ${align(column)}`}
              key={column.name}
              scope="col"
            >
              {column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody className="max-md:block">
        {rows.map((row) => (
          <tr className="border-line border-b max-md:block max-md:py-3" key={row.id}>
            {columns.map((column) => {
              const cell = column.cellOf(row);
              const isEmpty = cell === null || cell === "";
              return (
                <td
                  className={`py-0.5 align-middle tabular-nums max-md:grid max-md:items-baseline max-md:grid-cols-[7rem_minmax(0,1fr)] max-md:gap-x-4 md:py-2.5 md:pr-4 ${isEmpty ? "max-md:hidden" : ""} ${align(column)}`}
                  key={column.name}
                >
                  <span className="text-soft md:hidden">{column.label}</span>
                  <span className="break-words">{cell}</span>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

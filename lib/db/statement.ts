import { createHash } from "node:crypto";

/** The kinds of parameters and columns, and the TypeScript type of each. */
interface KindTypes {
  text: string;
  integer: number;
  real: number;
  time: Date;
  boolean: boolean;
}
type Kind = keyof KindTypes;
/** A kind; one that ends with a question mark may be null. */
type NullableKind = Kind | `${Kind}?`;
export type Kinds = Readonly<Record<string, NullableKind>>;

type ValueOf<Named extends NullableKind> = Named extends `${infer Some extends Kind}?`
  ? KindTypes[Some] | null
  : Named extends Kind
    ? KindTypes[Named]
    : never;
type ValuesOf<Named extends Kinds> = { -readonly [Name in keyof Named]: ValueOf<Named[Name]> };

const POSTGRESQL_TYPE_BY_KIND: Record<Kind, string> = {
  text: "text",
  integer: "integer",
  real: "double precision",
  time: "timestamp(3)",
  boolean: "boolean",
};

/** An SQL statement with typed parameters and columns, which is prepared once on each connection. */
export interface Statement<Params, Row> {
  /** The SQL with `?` for each parameter, and the names of the parameters in that order. */
  readonly sqlite: { readonly text: string; readonly names: readonly string[] };
  /** The SQL with `$1`, `$2`, …, the names of these parameters in order, and the name of the prepared statement. */
  readonly postgresql: { readonly text: string; readonly names: readonly string[]; readonly name: string };
  /** The columns of the result and their kinds. */
  readonly row: Kinds;
  /** Never set. TypeScript reads the types of parameters and rows from it. */
  readonly types?: { params: Params; row: Row };
}

/** The row that a statement returns. */
export type RowOf<Made> = Made extends { readonly types?: { row: infer Row } } ? Row : never;

/**
 * Makes a statement from `sql`, in which `:name` stands for the parameter of that name.
 * `sql` is one text for both databases, or one for each with the same parameters. `row` has the columns of the result; it is left out
 * for a statement that only changes rows. Throws an Error when the text names a parameter that `params` lacks.
 */
export function statement<const Params extends Kinds, const Row extends Kinds = Record<never, never>>({
  params,
  row,
  sql,
}: {
  params: Params;
  row?: Row;
  sql: string | { sqlite: string; postgresql: string };
}): Statement<ValuesOf<Params>, ValuesOf<Row>> {
  const texts = typeof sql === "string" ? { sqlite: sql, postgresql: sql } : sql;
  const trim = (text: string) => text.replace(/\s+/g, " ").trim();
  const kindOf = (name: string): Kind => {
    const kind = params[name];
    if (!kind) throw new Error(`a statement has no parameter ${name}: ${trim(texts.postgresql)}`);
    return kind.replace("?", "") as Kind;
  };
  const inOrder: string[] = [];
  const sqlite = trim(texts.sqlite).replace(/:([a-z]\w*)/gi, (_, name: string) => {
    inOrder.push(name);
    return "?";
  });
  const numbered = [...new Set(inOrder)];
  const postgresql = trim(texts.postgresql).replace(
    /:([a-z]\w*)/gi,
    (_, name: string) => `$${numbered.indexOf(name) + 1}::${POSTGRESQL_TYPE_BY_KIND[kindOf(name)]}`,
  );
  return {
    sqlite: { text: sqlite, names: inOrder },
    postgresql: {
      text: postgresql,
      names: numbered,
      name: createHash("sha256").update(postgresql).digest("base64url"),
    },
    row: row ?? {},
  };
}

/**
 * Returns the values of the named parameters, in the order of `names`. Throws an Error for an undefined value, because the drivers
 * would read it as NULL and hide a bug.
 */
export function namedValues(names: readonly string[], params: unknown): unknown[] {
  return names.map((name) => {
    const value = (params as Record<string, unknown>)[name];
    if (value === undefined) throw new Error(`the parameter ${name} of a statement is undefined`);
    return value;
  });
}

/** The result of a statement: a value on SQLite, whose driver is synchronous, and a promise on PostgreSQL. */
export type Soon<Value> = Value | Promise<Value>;

/** Statements that read. */
export interface Queries {
  /** Returns all rows of the result. */
  all<Params, Row>(statement: Statement<Params, Row>, params: Params): Soon<Row[]>;
  /** Returns the first row of the result, or undefined when it is empty. */
  get<Params, Row>(statement: Statement<Params, Row>, params: Params): Soon<Row | undefined>;
}

/** Statements that read and write inside one transaction. */
export interface Transaction extends Queries {
  /** Runs a statement and returns how many rows it changed. */
  run<Params>(statement: Statement<Params, unknown>, params: Params): Soon<number>;
  /**
   * Runs a statement whose result the transaction doesn't need. On PostgreSQL it shares one round trip with the next statement
   * or with the commit. If the statement fails, the transaction is rolled back and fails with the statement's error.
   */
  queue<Params>(statement: Statement<Params, unknown>, params: Params): void;
}

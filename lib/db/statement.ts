import { createHash } from "node:crypto";

/** What a parameter or a column of a statement may be: as TypeScript has it, in SQLite, and as a type of PostgreSQL. */
interface KindTypes {
  text: string;
  integer: number;
  real: number;
  time: Date;
  boolean: boolean;
}
type Kind = keyof KindTypes;
/** A kind, or with a question mark one that may be null. */
type NullableKind = Kind | `${Kind}?`;
export type Kinds = Readonly<Record<string, NullableKind>>;

type ValueOf<Named extends NullableKind> = Named extends `${infer Some extends Kind}?`
  ? KindTypes[Some] | null
  : Named extends Kind
    ? KindTypes[Named]
    : never;
type ValuesOf<Named extends Kinds> = { -readonly [Name in keyof Named]: ValueOf<Named[Name]> };

const POSTGRESQL_TYPES: Record<Kind, string> = {
  text: "text",
  integer: "integer",
  real: "double precision",
  time: "timestamp(3)",
  boolean: "boolean",
};

/** A statement of SQL that is written once, prepared once on each connection, and typed. */
export interface Statement<Params, Row> {
  /** The text with `?` for each parameter, and the parameters' names in the order of those. */
  readonly sqlite: { readonly text: string; readonly names: readonly string[] };
  /** The text with `$1`, `$2`, …, the names that these stand for, and the name that it is prepared by. */
  readonly postgresql: { readonly text: string; readonly names: readonly string[]; readonly name: string };
  /** The columns that it answers with, and what they are. */
  readonly row: Kinds;
  /** For the compiler alone, which tells by it what goes in and what comes out. */
  readonly types?: { params: Params; row: Row };
}

/**
 * Makes a statement of `sql`, in which `:name` stands for the parameter of that name. One text has to be good for both databases;
 * where they differ there are two, with the same parameters.
 * `row` has the columns that it answers with, by their names; a statement that only changes rows has none.
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
  const sqlite = trim(texts.sqlite).replace(/:(\w+)/g, (_, name: string) => {
    inOrder.push(name);
    return "?";
  });
  const numbered = [...new Set(inOrder)];
  const postgresql = trim(texts.postgresql).replace(
    /:(\w+)/g,
    (_, name: string) => `$${numbered.indexOf(name) + 1}::${POSTGRESQL_TYPES[kindOf(name)]}`,
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
 * The values of the named parameters, in the order of the names. Throws where one is undefined, which the drivers would take for
 * NULL: it is a mistake of ours.
 */
export function namedValues(names: readonly string[], params: unknown): unknown[] {
  return names.map((name) => {
    const value = (params as Record<string, unknown>)[name];
    if (value === undefined) throw new Error(`the parameter ${name} of a statement is undefined`);
    return value;
  });
}

/** On SQLite a statement answers at once, so that awaiting it costs next to nothing; on PostgreSQL later. */
export type Soon<Value> = Value | Promise<Value>;

/** What can be asked of a database. */
export interface Queries {
  /** The rows that a statement answers with. */
  all<Params, Row>(statement: Statement<Params, Row>, params: Params): Soon<Row[]>;
  /** The one row that a statement answers with, undefined where it answers with none. */
  get<Params, Row>(statement: Statement<Params, Row>, params: Params): Soon<Row | undefined>;
}

/** What can be asked and changed inside a transaction. */
export interface Transaction extends Queries {
  /** Runs a statement, and answers how many rows it has changed. */
  run<Params>(statement: Statement<Params, unknown>, params: Params): Soon<number>;
  /**
   * Runs a statement whose result the transaction doesn't need. On PostgreSQL the next statement, or the commit, goes out with it
   * in one round trip; where it fails, the transaction is undone and fails with its error.
   */
  queue<Params>(statement: Statement<Params, unknown>, params: Params): void;
}

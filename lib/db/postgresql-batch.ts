import type { Socket } from "node:net";
import { type PoolClient, Query, types } from "pg";
import { namedValues, type Statement } from "./statement";

export type AnyStatement = Statement<never, unknown>;

/** The answer to one statement: its rows, and how many rows it returned or changed. */
export interface Answer {
  rows: Record<string, unknown>[];
  count: number;
}

/**
 * Whether statements are prepared once on each connection, by name, or each time they run. A pooler in transaction mode gives one
 * connection to several clients, so a named statement may be missing on it.
 */
export interface Preparation {
  isOnce: boolean;
}

/** Asks one statement, and resolves to what `pick` returns for its answer. */
export type Ask = <Value>(statement: AnyStatement, params: unknown, pick: (answer: Answer) => Value) => Promise<Value>;

/** A statement of a batch, its parameters as text, and what is called with its answer, or with the error of its batch. */
interface Asked {
  name: string;
  text: string;
  values: (string | null)[];
  statement: AnyStatement;
  isDescribed: boolean;
  answer: Answer;
  settle: (answer: Answer) => void;
  fail: (error: unknown) => void;
}

/** A column of a result, and how its text becomes a value. */
interface Column {
  name: string;
  parse: (text: string) => unknown;
}

/** The columns of statements that have been answered. The server is asked to describe a statement's columns only once. */
const columnsByStatement = new WeakMap<AnyStatement, readonly Column[]>();

const PARSERS_BY_TYPE_ID: Partial<Record<number, (text: string) => unknown>> = {
  [types.builtins.TIMESTAMP]: (text) => new Date(`${text.replace(" ", "T")}Z`),
  [types.builtins.INT8]: Number,
  [types.builtins.NUMERIC]: Number,
};

/** Returns how the text of a column of this type becomes a value. */
export function parserOf(typeId: number, format?: "text" | "binary"): (text: string) => unknown {
  return PARSERS_BY_TYPE_ID[typeId] ?? types.getTypeParser(typeId, format as "text");
}

/** A connection as pg passes it to a query. pg's types lack most of it. */
interface Wire {
  stream: Socket;
  /** By name: the statements that are prepared, and those that are being prepared. */
  parsedStatements: Record<string, string>;
  submittedNamedStatements: Record<string, string>;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: (string | null)[] }): void;
  describe(message: { type: "P" }): void;
  execute(): void;
  sync(): void;
}

/** pg's class of queries, typed without the methods that a batch replaces. In pipeline mode pg refuses queries of other classes. */
const PgQuery = Query as unknown as new (text: string) => object;

/**
 * Statements that are sent to a connection together, as one query of pg. The server answers all of them in one packet, because
 * they end with a single Sync (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING). After an
 * error it skips the statements that follow. All statements settle at the end of the batch, or fail with its first error.
 */
export class Batch extends PgQuery {
  /** The statement that the server works on. From both fields pg notes which statements are prepared on the connection. */
  declare name: string;
  declare text: string;
  readonly #asked: Asked[] = [];
  #answered = 0;

  constructor() {
    super("");
  }

  /** The SQL of the statements, in their order. */
  get texts(): string[] {
    return this.#asked.map(({ text }) => text);
  }

  /** Adds a statement. Throws an Error for an undefined parameter. */
  add(
    statement: AnyStatement,
    params: unknown,
    { isOnce, settle, fail }: Pick<Asked, "settle" | "fail"> & Preparation,
  ): void {
    const { text, name, names } = statement.postgresql;
    this.#asked.push({
      name: isOnce ? name : "",
      text,
      values: namedValues(names, params).map(toText),
      statement,
      isDescribed: Object.keys(statement.row).length > 0 && !columnsByStatement.has(statement),
      answer: { rows: [], count: 0 },
      settle,
      fail,
    });
  }

  /** Ends the batch. pg calls it, and replaces it by a function that stops the timer of its time-out first. */
  callback = (error: unknown): void => {
    for (const { settle, fail, answer } of this.#asked) error ? fail(error) : settle(answer);
  };

  submit(wire: Wire): null {
    const { stream, parsedStatements, submittedNamedStatements } = wire;
    stream.cork();
    for (const { name, text, values, isDescribed } of this.#asked) {
      if (!(name && (name in parsedStatements || name in submittedNamedStatements))) {
        wire.parse({ name, text });
        if (name) submittedNamedStatements[name] = text;
      }
      wire.bind({ statement: name, values });
      if (isDescribed) wire.describe({ type: "P" });
      wire.execute();
    }
    wire.sync();
    stream.uncork();
    this.#begin();
    return null;
  }

  handleRowDescription({ fields }: { fields: { name: string; dataTypeID: number }[] }): void {
    const columns = fields.map(({ name, dataTypeID }) => ({ name, parse: parserOf(dataTypeID) }));
    const asked = this.#asked[this.#answered];
    if (asked) columnsByStatement.set(asked.statement, columns);
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    const asked = this.#asked[this.#answered];
    const columns = asked && columnsByStatement.get(asked.statement);
    if (!columns) return;
    const row: Record<string, unknown> = {};
    columns.forEach(({ name, parse }, at) => {
      const text = fields[at] ?? null;
      row[name] = text === null ? null : parse(text);
    });
    asked.answer.rows.push(row);
  }

  /** `text` is the command and, at its end, the number of rows: `INSERT 0 1`. */
  handleCommandComplete({ text }: { text: string }): void {
    const asked = this.#asked[this.#answered];
    if (asked) asked.answer.count = Number(/\d+$/.exec(text)?.[0] ?? 0);
    this.#answered += 1;
    this.#begin();
  }

  handleReadyForQuery(): void {
    this.callback(null);
  }

  handleError(error: unknown, { submittedNamedStatements }: Pick<Wire, "submittedNamedStatements">): void {
    // The server has not prepared the statements that it skipped.
    for (const { name } of this.#asked.slice(this.#answered)) delete submittedNamedStatements[name];
    this.callback(error);
  }

  #begin(): void {
    const { name = "", text = "" } = this.#asked[this.#answered] ?? {};
    this.name = name;
    this.text = text;
  }
}

/**
 * Sends the statements of one transaction to its connection, one `Batch` after the other. Those of one turn of the event loop go out
 * together. A batch goes out after the answers to the one before it: a statement that the server got after a BEGIN that failed would
 * be committed by itself.
 */
export class Turns {
  readonly #client: PoolClient;
  readonly #preparation: Preparation;
  #unsent: Batch | null = null;
  #isAwaited = false;
  /** Why no further statement is sent. */
  #end: { error: unknown } | null = null;

  constructor(client: PoolClient, preparation: Preparation) {
    this.#client = client;
    this.#preparation = preparation;
  }

  readonly ask: Ask = (statement, params, pick) => {
    const answered = new Promise<ReturnType<typeof pick>>((resolve, reject) => {
      this.#add(statement, params, (answer) => resolve(pick(answer)), reject);
    });
    // The caller may not wait for the answer. After an error each further statement fails, COMMIT too.
    answered.catch(ignore);
    return answered;
  };

  /** Runs a statement whose answer is not needed. */
  queue(statement: AnyStatement, params: unknown): void {
    this.#add(statement, params, ignore, ignore);
  }

  /** Fails the statements that have not been sent, and all further ones, with the error. The first call counts. */
  end(error: unknown): void {
    this.#end ??= { error };
    const unsent = this.#unsent;
    this.#unsent = null;
    unsent?.callback(this.#end.error);
  }

  #add(
    statement: AnyStatement,
    params: unknown,
    settle: (answer: Answer) => void,
    fail: (error: unknown) => void,
  ): void {
    if (this.#end) {
      fail(this.#end.error);
      return;
    }
    const batch = this.#unsent ?? new Batch();
    batch.add(statement, params, { isOnce: this.#preparation.isOnce, settle, fail });
    if (this.#unsent) return;
    this.#unsent = batch;
    process.nextTick(() => this.#send());
  }

  #send(): void {
    const batch = this.#unsent;
    if (!batch || this.#isAwaited) return;
    this.#unsent = null;
    this.#isAwaited = true;
    const { callback } = batch;
    batch.callback = (error) => {
      this.#isAwaited = false;
      if (error) this.end(error);
      callback(error);
      if (this.#unsent) process.nextTick(() => this.#send());
    };
    this.#client.query(batch);
  }
}

function ignore(): void {}

/** Times are written in UTC, because the columns for times have no zone and hold UTC. */
function toText(value: unknown): string | null {
  if (value === null) return null;
  return value instanceof Date ? value.toISOString() : String(value);
}

import type { Load, Visitor } from "./load";
import type { Part } from "./options";
import { freshPhone } from "./seed";
import type { Server } from "./server";

/** A server that is measured, with what it can be asked for. */
export interface Contestant {
  name: string;
  server: Server;
  rows: Row[];
  remove(): Promise<void>;
}

/** One line of the table, for one contestant. */
export interface Row {
  part: Part;
  label: string;
  /** Drives the server for some seconds, or for as long as a fixed number of visits takes. */
  drive: (seconds: number) => Promise<Load>;
}

/** Somebody without an account. */
export function newcomer(): Visitor {
  return { phone: freshPhone(), code: "", cookies: {} };
}

/** A run with visitors that share one login. */
export function returning(visitor: Visitor): () => Visitor {
  return () => ({ ...visitor, cookies: { ...visitor.cookies } });
}

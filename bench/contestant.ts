import type { Load, Visitor } from "./load";
import type { Part } from "./options";
import { freshPhone } from "./seed";
import type { Server } from "./server";

/** A measured server and the rows that it can run. */
export interface Contestant {
  name: string;
  server: Server;
  rows: Row[];
}

/** One line of the table, for one contestant. */
export interface Row {
  part: Part;
  label: string;
  /** Loads the server for some seconds, or for a number of visits that takes about as long. */
  drive: (seconds: number) => Promise<Load>;
}

/** A person without an account. */
export function newcomer(): Visitor {
  return { phone: freshPhone(), code: "", refresh: "", cookies: {} };
}

/** Makes visitors that share one login. */
export function returning(visitor: Visitor): () => Visitor {
  return () => ({ ...visitor, cookies: { ...visitor.cookies } });
}

import type { Load, Visitor } from "./load";
import type { Part } from "./options";
import { freshPhone } from "./seed";
import type { Server } from "./server";

/** A server that is measured, with what it can be asked for. */
export interface Contestant {
  name: string;
  server: Server;
  rows: Row[];
}

/** One line of the table, for one contestant. */
export interface Row {
  part: Part;
  label: string;
  /** Drives the server for some seconds, or for a number of visits that takes about as long. */
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

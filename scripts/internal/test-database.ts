import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { migrate } from "../../lib/db/migrator.mjs";

/** Makes a database with a random name and all migrations in the PostgreSQL at `url`. Returns the new database's URL. */
export async function makePostgresDatabase(url: string): Promise<string> {
  const own = new URL(url);
  own.pathname = `sarafan_${randomBytes(8).toString("hex")}`;
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`CREATE DATABASE "${own.pathname.slice(1)}"`);
  await client.end();
  await migrate(own.href);
  return own.href;
}

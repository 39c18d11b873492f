import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type TestPostgres, withDatabase } from "../databases";
import type { Server } from "../fixtures";

/** Breaks a database. Resolves to a function that repairs it. */
export type Accident = (server: Server, postgres: () => Promise<TestPostgres>) => Promise<() => Promise<void>>;

/** Stops PostgreSQL, so that it refuses connections. */
export const stopPostgres: Accident = async (_, postgres) => {
  const { halt, restart } = await postgres();
  await halt();
  return restart;
};

/** Suspends PostgreSQL's processes, so that it accepts connections and never answers. */
export const freezePostgres: Accident = async (_, postgres) => {
  const { url, pid } = await postgres();
  const children = await withDatabase(url, (query) => query<{ pid: number }>("SELECT pid FROM pg_stat_activity"));
  const signal = (name: NodeJS.Signals) => {
    for (const each of [pid(), ...children.map((child) => child.pid)]) {
      try {
        process.kill(each, name);
      } catch {
        // The connection that listed the processes is closed by now.
      }
    }
  };
  signal("SIGSTOP");
  return async () => signal("SIGCONT");
};

/** Imitates a full disk for PostgreSQL's tables: reads work, and writes fail. */
export const fillPostgres: Accident = async ({ databaseUrl }) => {
  const each = (statement: string) =>
    withDatabase(databaseUrl, (query) =>
      query(`
        DO $$ DECLARE "name" text; BEGIN
          FOR "name" IN SELECT "tablename" FROM pg_tables WHERE "schemaname" = 'public' LOOP
            EXECUTE format('${statement}', "name");
          END LOOP;
        END $$`),
    );
  await withDatabase(databaseUrl, (query) =>
    query(`
      CREATE OR REPLACE FUNCTION refuse_for_want_of_room() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = 'disk_full'; END $$`),
  );
  await each(
    "CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON %I EXECUTE FUNCTION refuse_for_want_of_room()",
  );
  return async () => {
    await each("DROP TRIGGER full_disk ON %I");
  };
};

/** Locks an SQLite file by another process: reads work, and writes wait in vain. */
export const lockSqlite: Accident = async ({ databaseUrl }) => {
  const neighbour = spawn(process.execPath, ["--input-type=module", "--eval", LOCK, databaseUrl.replace("file:", "")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(neighbour.stdout, "data");
  return () => end(neighbour);
};

const LOCK = `
  import Sqlite from "better-sqlite3";
  const database = new Sqlite(process.argv[1], { timeout: 5000 });
  database.exec("BEGIN EXCLUSIVE");
  console.log("locked");
  setInterval(() => {}, 1000);
`;

async function end(child: ChildProcess) {
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

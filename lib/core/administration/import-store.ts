import { z } from "zod";
import { statement, type Transaction } from "@/lib/db/database";
import { ImportResult } from "./import-file";

/** How many rows of a file each has a result, as the database stores it. */
export const ResultCounts = z.preprocess(
  (text) => (typeof text === "string" ? JSON.parse(text) : text),
  z.partialRecord(ImportResult, z.number()),
);
export type ResultCounts = z.output<typeof ResultCounts>;

/** Lines of a file with their results. */
export const LinesOfResults = z.array(z.tuple([z.number(), ImportResult]));
export type LinesOfResults = z.output<typeof LinesOfResults>;

/** How many rows a stored page of results has. */
export const RESULTS_PER_PAGE = 200;
/** How many files of an administrator are listed: as many as can be uploaded in a day. */
export const RUNS_LISTED_MAX = 50;

/** The columns that administrators see of a run. */
export const COLUMNS_OF_RUN = {
  id: true,
  startedAt: true,
  state: true,
  rows: true,
  done: true,
  results: true,
  ignored: true,
} as const;

export const ADD_PART = statement({
  params: { id: "integer", kind: "text", number: "integer", text: "text", at: "time" },
  sql: `
    INSERT INTO "ImportPart" ("runId", "kind", "number", "text", "at") VALUES (:id, :kind, :number, :text, :at)`,
});
/** Deletes all that only the work needs: the file, and the results in the order of the work. */
export const DELETE_FILE = statement({
  params: { id: "integer" },
  sql: `DELETE FROM "ImportPart" WHERE "runId" = :id AND "kind" IN ('file', 'batch')`,
});
const STOP_RUN = statement({
  params: { id: "integer", userId: "integer" },
  sql: `
    UPDATE "ImportRun" SET "state" = 'stopped'
    WHERE "id" = :id AND "startedBy" = :userId AND "state" IN ('checking', 'checked', 'importing')`,
});

/** Stops an administrator's run, and deletes its file. Returns false if there is nothing to stop. */
export async function stopRun(tx: Transaction, run: { id: number; userId: number }): Promise<boolean> {
  const isStopped = (await tx.run(STOP_RUN, run)) > 0;
  if (isStopped) tx.queue(DELETE_FILE, { id: run.id });
  return isStopped;
}

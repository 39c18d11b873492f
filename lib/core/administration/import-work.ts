import { setTimeout as sleep } from "node:timers/promises";
import { recordEvent } from "@/lib/core/accounts/audit-log";
import { runInBackground } from "@/lib/core/background";
import { IMPORT_LEASE_MS, IMPORT_REST_FACTOR } from "@/lib/core/policy";
import { isTimeToSweep } from "@/lib/core/sweeping";
import { type RowOf, readPrimary, statement, type Transaction, transact } from "@/lib/db/database";
import { isAdministratorAccount } from "./administrators";
import { checkImport, runImport } from "./import";
import { type ImportOutcome, type ImportPlan, type ImportResult, readImport, splitLines } from "./import-file";
import { ADD_PART, DELETE_FILE, LinesOfResults, RESULTS_PER_PAGE, type ResultCounts, stopRun } from "./import-store";

const FIND_FREE_RUN = statement({
  params: { now: "time" },
  row: { id: "integer", userId: "integer", startedAt: "time", state: "text", results: "text", rows: "integer?" },
  sql: `
    SELECT "id", "startedBy" AS "userId", "startedAt", "state", "results", "rows" FROM "ImportRun"
    WHERE "state" IN ('checking', 'importing') AND "leaseUntil" <= :now ORDER BY "leaseUntil", "id" LIMIT 1`,
});
const FIND_LEASED_RUN = statement({
  params: { now: "time" },
  row: { id: "integer" },
  sql: `SELECT "id" FROM "ImportRun" WHERE "state" IN ('checking', 'importing') AND "leaseUntil" > :now LIMIT 1`,
});
const TAKE_RUN = statement({
  params: { id: "integer", worker: "text", until: "time" },
  sql: `UPDATE "ImportRun" SET "worker" = :worker, "leaseUntil" = :until WHERE "id" = :id`,
});
/** Locks the run until the end of the transaction, so that neither another process nor the stop button comes between. */
const HOLD_RUN = statement({
  params: { id: "integer", worker: "text", until: "time", state: "text" },
  sql: `
    UPDATE "ImportRun" SET "leaseUntil" = :until
    WHERE "id" = :id AND "worker" = :worker AND "state" = :state`,
});
const SET_FIGURES = statement({
  params: { id: "integer", done: "integer", results: "text" },
  sql: `UPDATE "ImportRun" SET "done" = "done" + :done, "results" = :results WHERE "id" = :id`,
});
const SET_ROWS = statement({
  params: { id: "integer", rows: "integer", ignored: "text" },
  sql: `UPDATE "ImportRun" SET "rows" = :rows, "ignored" = :ignored WHERE "id" = :id`,
});
const END_WORK = statement({
  params: { id: "integer", state: "text" },
  sql: `UPDATE "ImportRun" SET "state" = :state WHERE "id" = :id`,
});
const DELETE_BATCHES = statement({
  params: { id: "integer" },
  sql: `DELETE FROM "ImportPart" WHERE "runId" = :id AND "kind" = 'batch'`,
});
const READ_PART = statement({
  params: { id: "integer", kind: "text", number: "integer" },
  row: { text: "text" },
  sql: `SELECT "text" FROM "ImportPart" WHERE "runId" = :id AND "kind" = :kind AND "number" = :number`,
});

/** A run that this process works on. */
type Run = RowOf<typeof FIND_FREE_RUN> & { worker: string };

/**
 * Takes a run that no process works on, the one that waits longest. Returns null if there is none, or if another process works on
 * any run: of all servers, one works at a time. A run whose process has not renewed its lease for `IMPORT_LEASE_MS` is free again.
 */
function takeRun(now: Date): Promise<Run | null> {
  const worker = crypto.randomUUID();
  return transact(
    async (tx) => {
      if (await tx.get(FIND_LEASED_RUN, { now })) return null;
      const run = await tx.get(FIND_FREE_RUN, { now });
      if (!run) return null;
      await tx.run(TAKE_RUN, { id: run.id, worker, until: leaseEnd(now) });
      return { ...run, worker };
    },
    { lock: "imports" },
  );
}

const leaseEnd = (now: Date) => new Date(now.getTime() + IMPORT_LEASE_MS);

/**
 * Checks and imports the files that administrators uploaded, one after the other. Each batch of rows is one transaction, which also
 * stores the rows' results and renews the lease; so after a crash another process goes on with the rows without a result, and no
 * row is counted twice. Rests after each batch, so that logins get their turn.
 */
export async function workOnImports(clock = () => new Date()): Promise<void> {
  for (;;) {
    const run = await takeRun(clock());
    if (!run) return;
    await work(run, clock);
  }
}

async function work(run: Run, clock: () => Date): Promise<void> {
  const results = new Results(run, await readBatches(run.id), clock);
  const read = await readImport(linesOf(run.id), run.startedAt);
  // The file was deleted while it was read, because the run was stopped.
  if (!read.ok) return;
  const plan = read.value;
  if (run.rows === null && !(await results.begin(plan))) return;
  const isWhole = run.state === "checking" ? await check(plan, results) : await importRows(plan, results);
  if (isWhole) await results.finish();
  else await stopForbidden(run);
}

/** Returns the results of the batches so far. */
async function readBatches(id: number): Promise<LinesOfResults[]> {
  const batches: LinesOfResults[] = [];
  for (;;) {
    const batch = await readPrimary.get(READ_PART, { id, kind: "batch", number: batches.length });
    if (!batch) return batches;
    batches.push(LinesOfResults.parse(JSON.parse(batch.text)));
  }
}

async function* linesOf(id: number): AsyncGenerator<string> {
  for (let number = 0; ; number += 1) {
    const part = await readPrimary.get(READ_PART, { id, kind: "file", number });
    if (!part) return;
    yield* splitLines(part.text);
  }
}

/** Stops the run if its administrator may not act any more. */
async function stopForbidden({ id, userId }: Run): Promise<void> {
  await transact(async (tx) => {
    if (!(await isAdministratorAccount(tx, userId))) await stopRun(tx, { id, userId });
  });
}

/** Looks the rows up in batches. Returns false if the run ended before. */
async function check(plan: ImportPlan, results: Results): Promise<boolean> {
  let startedAt = performance.now();
  for await (const outcomes of checkImport(plan, new Map(results.known))) {
    if (!(await results.store(outcomes))) return false;
    await sleep(IMPORT_REST_FACTOR * (performance.now() - startedAt), undefined, { ref: false });
    startedAt = performance.now();
  }
  return true;
}

/** Makes the accounts in batches. Returns false if the run ended before. */
async function importRows(plan: ImportPlan, results: Results): Promise<boolean> {
  const refused = plan.refused.filter(({ line }) => !results.known.has(line));
  if (!(await results.store(refused))) return false;
  const importer = { actorKind: "administrator", actorId: results.run.userId } as const;
  const parts = runImport(plan, importer, {
    known: new Map(results.known),
    now: results.clock(),
    mayGoOn: (tx) => results.hold(tx),
    record: (tx, outcomes) => results.record(tx, outcomes),
  });
  for await (const outcomes of parts) results.add(outcomes);
  return results.known.size === plan.rows.length + plan.refused.length;
}

const pairsOf = (outcomes: readonly ImportOutcome[]): LinesOfResults =>
  outcomes.map(({ line, result }) => [line, result]);

/** The results of a run's rows, in memory and in the database. */
class Results {
  readonly run: Run;
  readonly clock: () => Date;
  /** The result of each row so far, by its line. */
  readonly known = new Map<number, ImportResult>();
  #counts: ResultCounts = {};
  #batches = 0;

  constructor(run: Run, batches: LinesOfResults[], clock: () => Date) {
    this.run = run;
    this.clock = clock;
    for (const batch of batches) this.#addPairs(batch);
  }

  #addPairs(pairs: LinesOfResults): void {
    for (const [line, result] of pairs) this.known.set(line, result);
    this.#counts = this.#countsWith(pairs);
    this.#batches += 1;
  }

  #countsWith(pairs: LinesOfResults): ResultCounts {
    const counts = { ...this.#counts };
    for (const [, result] of pairs) counts[result] = (counts[result] ?? 0) + 1;
    return counts;
  }

  /**
   * Locks the run until the transaction ends, and renews the lease. Returns false if another process has taken the run, if it was
   * stopped, or if its administrator may not act any more.
   */
  async hold(tx: Transaction): Promise<boolean> {
    const { id, worker, state, userId } = this.run;
    const isHeld = (await tx.run(HOLD_RUN, { id, worker, state, until: leaseEnd(this.clock()) })) > 0;
    return isHeld && isAdministratorAccount(tx, userId);
  }

  /** Stores how many rows the file has, and records the check in the audit log, before its first row is looked up. */
  begin({ rows, refused, ignoredColumns }: ImportPlan): Promise<boolean> {
    const { id, userId } = this.run;
    return transact(async (tx) => {
      if (!(await this.hold(tx))) return false;
      const count = rows.length + refused.length;
      tx.queue(SET_ROWS, { id, rows: count, ignored: JSON.stringify(ignoredColumns) });
      const event = { action: "import_checked", actorKind: "administrator", actorId: userId, subjectId: null } as const;
      recordEvent(tx, { ...event, details: { count }, now: this.clock() });
      return true;
    });
  }

  /** Stores the outcomes of a batch in the transaction that has made them, which `hold` began. */
  record(tx: Transaction, outcomes: ImportOutcome[]): void {
    const { id, startedAt } = this.run;
    const pairs = pairsOf(outcomes);
    tx.queue(ADD_PART, { id, kind: "batch", number: this.#batches, text: JSON.stringify(pairs), at: startedAt });
    tx.queue(SET_FIGURES, { id, done: pairs.length, results: JSON.stringify(this.#countsWith(pairs)) });
  }

  /** Notes the outcomes of a batch that was committed. */
  add(outcomes: ImportOutcome[]): void {
    this.#addPairs(pairsOf(outcomes));
  }

  /** Stores the outcomes of a batch in a transaction of their own. Returns false if `hold` does. */
  async store(outcomes: ImportOutcome[]): Promise<boolean> {
    if (outcomes.length === 0) return true;
    const isStored = await transact(async (tx) => {
      if (!(await this.hold(tx))) return false;
      this.record(tx, outcomes);
      return true;
    });
    if (isStored) this.add(outcomes);
    return isStored;
  }

  /** Ends the work: stores the results in the order of the lines, in pages, and after an import deletes the file. */
  async finish(): Promise<void> {
    const { id, state, startedAt } = this.run;
    const rows: LinesOfResults = [...this.known].sort(([one], [other]) => one - other);
    const refused = rows.filter(([, result]) => result !== "new" && result !== "exists");
    await transact(async (tx) => {
      if (!(await this.hold(tx))) return;
      for (const [kind, all] of Object.entries({ rows, refused }))
        for (const [number, page] of pagesOf(all).entries())
          tx.queue(ADD_PART, { id, kind, number, text: JSON.stringify(page), at: startedAt });
      tx.queue(state === "checking" ? DELETE_BATCHES : DELETE_FILE, { id });
      tx.queue(END_WORK, { id, state: state === "checking" ? "checked" : "done" });
    });
  }
}

function pagesOf(all: LinesOfResults): LinesOfResults[] {
  const pages: LinesOfResults[] = [];
  for (let first = 0; first < all.length; first += RESULTS_PER_PAGE)
    pages.push(all.slice(first, first + RESULTS_PER_PAGE));
  return pages;
}

/** Works on imports in the background. The pages that show a run call it, too, so that the work begins without a timer. */
export function workOnImportsInBackground(): Promise<void> {
  return runInBackground("imports", () => workOnImports());
}

/** Goes on with imports that a server has left, at most once a minute in each process. Requests that come often call it. */
export function resumeImportsInBackground(): void {
  if (isTimeToSweep("imports")) void workOnImportsInBackground();
}

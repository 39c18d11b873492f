-- CreateTable
CREATE TABLE "ImportRun" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "startedBy" INTEGER NOT NULL,
    "startedAt" DATETIME NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT,
    "rows" INTEGER,
    "done" INTEGER NOT NULL DEFAULT 0,
    "results" TEXT NOT NULL DEFAULT '{}',
    "ignored" TEXT NOT NULL DEFAULT '[]',
    "worker" TEXT,
    "leaseUntil" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "ImportPart" (
    "runId" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "at" DATETIME NOT NULL,

    PRIMARY KEY ("runId", "kind", "number"),
    CONSTRAINT "ImportPart_runId_fkey" FOREIGN KEY ("runId") REFERENCES "ImportRun" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "ImportRun_startedAt_idx" ON "ImportRun"("startedAt");

-- CreateIndex
CREATE INDEX "ImportRun_startedBy_id_idx" ON "ImportRun"("startedBy", "id");

-- CreateIndex
CREATE INDEX "ImportRun_state_leaseUntil_idx" ON "ImportRun"("state", "leaseUntil");

-- CreateIndex
CREATE INDEX "ImportPart_at_idx" ON "ImportPart"("at");


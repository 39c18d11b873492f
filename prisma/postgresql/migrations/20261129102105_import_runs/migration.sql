-- CreateTable
CREATE TABLE "ImportRun" (
    "id" SERIAL NOT NULL,
    "startedBy" INTEGER NOT NULL,
    "startedAt" TIMESTAMP(3) NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT,
    "rows" INTEGER,
    "done" INTEGER NOT NULL DEFAULT 0,
    "results" TEXT NOT NULL DEFAULT '{}',
    "ignored" TEXT NOT NULL DEFAULT '[]',
    "worker" TEXT,
    "leaseUntil" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "ImportRun_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ImportPart" (
    "runId" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "text" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "ImportPart_pkey" PRIMARY KEY ("runId","kind","number")
);

-- CreateIndex
CREATE INDEX "ImportRun_startedAt_idx" ON "ImportRun"("startedAt");

-- CreateIndex
CREATE INDEX "ImportRun_startedBy_id_idx" ON "ImportRun"("startedBy", "id");

-- CreateIndex
CREATE INDEX "ImportRun_state_leaseUntil_idx" ON "ImportRun"("state", "leaseUntil");

-- CreateIndex
CREATE INDEX "ImportPart_at_idx" ON "ImportPart"("at");

-- AddForeignKey
ALTER TABLE "ImportPart" ADD CONSTRAINT "ImportPart_runId_fkey" FOREIGN KEY ("runId") REFERENCES "ImportRun"("id") ON DELETE CASCADE ON UPDATE CASCADE;


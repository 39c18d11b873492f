-- CreateTable
CREATE TABLE "Event" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "at" DATETIME NOT NULL,
    "type" TEXT NOT NULL,
    "accountId" INTEGER,
    "sequence" INTEGER,
    "isTest" BOOLEAN NOT NULL,
    "data" TEXT NOT NULL,
    "transactionId" BIGINT NOT NULL
);

-- Prisma would redefine the table.
ALTER TABLE "User" ADD COLUMN "eventSequence" INTEGER NOT NULL DEFAULT 0;

-- CreateIndex
CREATE INDEX "Event_transactionId_id_idx" ON "Event"("transactionId", "id");

-- CreateIndex
CREATE INDEX "Event_at_idx" ON "Event"("at");


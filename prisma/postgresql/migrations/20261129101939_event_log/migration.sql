-- AlterTable
ALTER TABLE "User" ADD COLUMN     "eventSequence" INTEGER NOT NULL DEFAULT 0;

-- CreateTable
CREATE TABLE "Event" (
    "id" SERIAL NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "type" TEXT NOT NULL,
    "accountId" INTEGER,
    "sequence" INTEGER,
    "isTest" BOOLEAN NOT NULL,
    "data" TEXT NOT NULL,
    "transactionId" BIGINT NOT NULL,

    CONSTRAINT "Event_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Event_transactionId_id_idx" ON "Event"("transactionId", "id");

-- CreateIndex
CREATE INDEX "Event_at_idx" ON "Event"("at");


-- CreateTable
CREATE TABLE "WrongCode" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "recipient" TEXT NOT NULL,
    "at" DATETIME NOT NULL
);

-- AlterTable
ALTER TABLE "Session" ADD COLUMN "agent" TEXT;
ALTER TABLE "Session" ADD COLUMN "network" TEXT;
ALTER TABLE "Session" ADD COLUMN "isNew" BOOLEAN NOT NULL DEFAULT false;

-- CreateIndex
CREATE INDEX "WrongCode_recipient_at_idx" ON "WrongCode"("recipient", "at");

-- CreateIndex
CREATE INDEX "WrongCode_at_idx" ON "WrongCode"("at");


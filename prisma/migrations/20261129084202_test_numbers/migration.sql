-- AlterTable
ALTER TABLE "User" ADD COLUMN "isTest" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "TestNumber" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "phone" TEXT NOT NULL,
    "codeHmac" TEXT NOT NULL,
    "digits" INTEGER NOT NULL,
    "until" DATETIME NOT NULL,
    "note" TEXT,
    "madeAt" DATETIME NOT NULL
);

-- CreateIndex
CREATE UNIQUE INDEX "TestNumber_phone_key" ON "TestNumber"("phone");

-- AlterTable
ALTER TABLE "User" ADD COLUMN     "isTest" BOOLEAN NOT NULL DEFAULT false;

-- CreateTable
CREATE TABLE "TestNumber" (
    "id" SERIAL NOT NULL,
    "phone" TEXT NOT NULL,
    "codeHmac" TEXT NOT NULL,
    "digits" INTEGER NOT NULL,
    "until" TIMESTAMP(3) NOT NULL,
    "note" TEXT,
    "madeAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "TestNumber_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "TestNumber_phone_key" ON "TestNumber"("phone");


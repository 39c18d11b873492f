-- AlterTable
ALTER TABLE "OneTimeCode" ADD COLUMN "deliveryAt" DATETIME;
ALTER TABLE "OneTimeCode" ADD COLUMN "network" TEXT;

-- AlterTable
ALTER TABLE "WrongCode" ADD COLUMN "digits" INTEGER NOT NULL DEFAULT 0;
ALTER TABLE "WrongCode" ADD COLUMN "network" TEXT NOT NULL DEFAULT 'unknown';

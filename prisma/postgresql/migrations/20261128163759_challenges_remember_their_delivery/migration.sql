-- AlterTable
ALTER TABLE "OneTimeCode" ADD COLUMN     "deliveryAt" TIMESTAMP(3),
ADD COLUMN     "network" TEXT;

-- AlterTable
ALTER TABLE "WrongCode" ADD COLUMN     "digits" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "network" TEXT NOT NULL DEFAULT 'unknown';


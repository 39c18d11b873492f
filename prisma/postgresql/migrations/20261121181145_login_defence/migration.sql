-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "agent" TEXT,
ADD COLUMN     "isNew" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN     "network" TEXT;

-- CreateTable
CREATE TABLE "WrongCode" (
    "id" SERIAL NOT NULL,
    "recipient" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "WrongCode_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "WrongCode_recipient_at_idx" ON "WrongCode"("recipient", "at");

-- CreateIndex
CREATE INDEX "WrongCode_at_idx" ON "WrongCode"("at");


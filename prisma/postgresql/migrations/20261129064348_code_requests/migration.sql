-- DropIndex
DROP INDEX "Delivery_recipient_idx";

-- DropIndex
DROP INDEX "Delivery_sender_providerId_idx";

-- AlterTable
ALTER TABLE "Delivery" ADD COLUMN     "agent" TEXT,
ADD COLUMN     "digits" INTEGER,
ADD COLUMN     "network" TEXT,
ADD COLUMN     "purpose" TEXT,
ADD COLUMN     "requestId" TEXT,
ADD COLUMN     "userId" INTEGER;

-- CreateIndex
CREATE INDEX "Delivery_providerId_idx" ON "Delivery"("providerId");

-- CreateIndex
CREATE INDEX "Delivery_requestId_idx" ON "Delivery"("requestId");

-- CreateIndex
CREATE INDEX "Delivery_recipient_at_idx" ON "Delivery"("recipient", "at");


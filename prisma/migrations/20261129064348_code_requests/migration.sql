-- DropIndex
DROP INDEX "Delivery_recipient_idx";

-- DropIndex
DROP INDEX "Delivery_sender_providerId_idx";

-- AlterTable
ALTER TABLE "Delivery" ADD COLUMN "agent" TEXT;
ALTER TABLE "Delivery" ADD COLUMN "digits" INTEGER;
ALTER TABLE "Delivery" ADD COLUMN "network" TEXT;
ALTER TABLE "Delivery" ADD COLUMN "purpose" TEXT;
ALTER TABLE "Delivery" ADD COLUMN "requestId" TEXT;
ALTER TABLE "Delivery" ADD COLUMN "userId" INTEGER;

-- CreateIndex
CREATE INDEX "Delivery_providerId_idx" ON "Delivery"("providerId");

-- CreateIndex
CREATE INDEX "Delivery_requestId_idx" ON "Delivery"("requestId");

-- CreateIndex
CREATE INDEX "Delivery_recipient_at_idx" ON "Delivery"("recipient", "at");


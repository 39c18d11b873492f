-- CreateTable
CREATE TABLE "Delivery" (
    "id" SERIAL NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "sender" TEXT,
    "providerId" TEXT,
    "state" TEXT NOT NULL,
    "stateAt" TIMESTAMP(3) NOT NULL,
    "reason" TEXT,
    "recipient" TEXT NOT NULL,
    "lastDigits" TEXT NOT NULL,
    "country" TEXT,
    "cost" DOUBLE PRECISION,
    "currency" TEXT,

    CONSTRAINT "Delivery_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Delivery_at_idx" ON "Delivery"("at");

-- CreateIndex
CREATE INDEX "Delivery_sender_providerId_idx" ON "Delivery"("sender", "providerId");


-- CreateTable
CREATE TABLE "Delivery" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "at" DATETIME NOT NULL,
    "sender" TEXT,
    "providerId" TEXT,
    "state" TEXT NOT NULL,
    "stateAt" DATETIME NOT NULL,
    "reason" TEXT,
    "recipient" TEXT NOT NULL,
    "lastDigits" TEXT NOT NULL,
    "country" TEXT,
    "cost" REAL,
    "currency" TEXT
);

-- CreateIndex
CREATE INDEX "Delivery_at_idx" ON "Delivery"("at");

-- CreateIndex
CREATE INDEX "Delivery_sender_providerId_idx" ON "Delivery"("sender", "providerId");


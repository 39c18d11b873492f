-- CreateTable
CREATE TABLE "WebhookEndpoint" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "url" TEXT NOT NULL,
    "description" TEXT NOT NULL,
    "types" TEXT,
    "hasPhones" BOOLEAN NOT NULL,
    "state" TEXT NOT NULL,
    "reason" TEXT,
    "secret" TEXT NOT NULL,
    "publicKey" TEXT NOT NULL,
    "previousSecret" TEXT,
    "previousUntil" DATETIME,
    "cursorAt" DATETIME NOT NULL,
    "cursorTransactionId" BIGINT NOT NULL,
    "cursorId" INTEGER NOT NULL,
    "missedAt" DATETIME,
    "failingSince" DATETIME,
    "version" INTEGER NOT NULL,
    "madeAt" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "WebhookDelivery" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "endpointId" TEXT NOT NULL,
    "eventId" INTEGER,
    "type" TEXT NOT NULL,
    "at" DATETIME NOT NULL,
    "state" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "step" INTEGER NOT NULL DEFAULT 0,
    "dueAt" DATETIME,
    "worker" TEXT,
    CONSTRAINT "WebhookDelivery_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "WebhookEndpoint" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "WebhookAttempt" (
    "deliveryId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "at" DATETIME NOT NULL,
    "status" INTEGER,
    "durationMs" INTEGER NOT NULL,
    "fault" TEXT,
    "answer" TEXT,

    PRIMARY KEY ("deliveryId", "number"),
    CONSTRAINT "WebhookAttempt_deliveryId_fkey" FOREIGN KEY ("deliveryId") REFERENCES "WebhookDelivery" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "WebhookDelivery_endpointId_dueAt_idx" ON "WebhookDelivery"("endpointId", "dueAt");

-- CreateIndex
CREATE INDEX "WebhookDelivery_endpointId_at_id_idx" ON "WebhookDelivery"("endpointId", "at", "id");

-- CreateIndex
CREATE INDEX "WebhookDelivery_at_idx" ON "WebhookDelivery"("at");


-- CreateTable
CREATE TABLE "Challenge" (
    "recipient" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "holder" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "codeHmac" TEXT,
    "digits" INTEGER NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "expiresAt" TIMESTAMP(3) NOT NULL,
    "verifiedUntil" TIMESTAMP(3),
    "madeAccount" BOOLEAN NOT NULL DEFAULT false,
    "sentAt" TIMESTAMP(3) NOT NULL,
    "sends" INTEGER NOT NULL,
    "sendsSince" TIMESTAMP(3) NOT NULL,
    "deliveryAt" TIMESTAMP(3),
    "network" TEXT,
    "before" TEXT,

    CONSTRAINT "Challenge_pkey" PRIMARY KEY ("recipient","purpose","holder")
);

-- CreateIndex
CREATE INDEX "Challenge_sentAt_idx" ON "Challenge"("sentAt");

-- Codes under way stay good, and waits go on. `madeAccount` was told by two equal times until now.
INSERT INTO "Challenge" ("recipient", "purpose", "holder", "state", "codeHmac", "digits", "tries", "expiresAt", "verifiedUntil",
    "madeAccount", "sentAt", "sends", "sendsSince", "deliveryAt", "network")
SELECT "recipient", "purpose", "asker",
    CASE WHEN "provenUntil" IS NOT NULL THEN 'verified' WHEN "usedAt" IS NOT NULL THEN 'used' ELSE 'live' END,
    "codeHmac", "digits", "tries", "expiresAt", "provenUntil",
    "provenUntil" IS NOT NULL AND EXISTS (
        SELECT 1 FROM "User" WHERE "User"."phone" = "OneTimeCode"."recipient" AND "User"."createdAt" = "OneTimeCode"."usedAt"),
    "sentAt", "sends", "sendsSince", "deliveryAt", "network"
FROM "OneTimeCode" WHERE "codeHmac" IS NOT NULL;

-- DropTable
DROP TABLE "OneTimeCode";

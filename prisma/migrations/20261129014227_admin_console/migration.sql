-- An administrator searches by the last four digits of a phone. Prisma has no indexes of expressions.
CREATE INDEX "User_phone_end_idx" ON "User"(substr("phone", length("phone") - 3), "id");

-- AlterTable
ALTER TABLE "Session" ADD COLUMN "consoleAt" DATETIME;

-- AlterTable
ALTER TABLE "AuditEvent" ADD COLUMN "actorKind" TEXT;

-- CreateTable
CREATE TABLE "Administrator" (
    "phone" TEXT NOT NULL PRIMARY KEY,
    "addedAt" DATETIME NOT NULL
);

-- AlterTable
ALTER TABLE "Session" ADD COLUMN "consoleAt" DATETIME;

-- A new table, as Prisma would make, would lose the triggers that protect the rows.
ALTER TABLE "AuditEvent" ADD COLUMN "actorKind" TEXT NOT NULL DEFAULT 'person';

-- CreateTable
CREATE TABLE "Administrator" (
    "phone" TEXT NOT NULL PRIMARY KEY,
    "addedAt" DATETIME NOT NULL
);

-- An administrator searches by the last four digits of a phone. Prisma has no indexes of expressions.
CREATE INDEX "User_phone_end_idx" ON "User"(substr("phone", length("phone") - 3), "id");

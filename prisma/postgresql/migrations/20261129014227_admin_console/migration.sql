-- An administrator searches by the last four digits of a phone. Prisma has no indexes of expressions. The index comes first,
-- because it takes long, and the lock of the following statements on "Session" would hold up every request for that time.
CREATE INDEX "User_phone_end_idx" ON "User"(substr("phone", length("phone") - 3), "id");

-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "consoleAt" TIMESTAMP(3);

-- AlterTable
ALTER TABLE "AuditEvent" ADD COLUMN     "actorKind" TEXT;

-- CreateTable
CREATE TABLE "Administrator" (
    "phone" TEXT NOT NULL,
    "addedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Administrator_pkey" PRIMARY KEY ("phone")
);

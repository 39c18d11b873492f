-- AlterTable
ALTER TABLE "AuditEvent" ADD COLUMN     "actorKind" TEXT NOT NULL DEFAULT 'person';

-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "consoleAt" TIMESTAMP(3);

-- CreateTable
CREATE TABLE "Administrator" (
    "phone" TEXT NOT NULL,
    "addedAt" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "Administrator_pkey" PRIMARY KEY ("phone")
);


-- An administrator searches by the last four digits of a phone. Prisma has no indexes of expressions.
CREATE INDEX "User_phone_end_idx" ON "User"(substr("phone", length("phone") - 3), "id");

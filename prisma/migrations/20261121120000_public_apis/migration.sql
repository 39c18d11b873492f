-- RedefineTables
PRAGMA defer_foreign_keys=ON;
PRAGMA foreign_keys=OFF;
CREATE TABLE "new_User" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "phone" TEXT,
    "claimedPhone" TEXT,
    "email" TEXT,
    "inviteCode" TEXT NOT NULL,
    "referralCount" INTEGER NOT NULL DEFAULT 0,
    "createdAt" DATETIME NOT NULL
);
INSERT INTO "new_User" ("id", "phone", "inviteCode", "referralCount", "createdAt") SELECT "id", "phone", "inviteCode", "referralCount", "createdAt" FROM "User";
DROP TABLE "User";
ALTER TABLE "new_User" RENAME TO "User";
CREATE UNIQUE INDEX "User_phone_key" ON "User"("phone");
CREATE UNIQUE INDEX "User_email_key" ON "User"("email");
CREATE UNIQUE INDEX "User_inviteCode_key" ON "User"("inviteCode");
PRAGMA foreign_keys=ON;
PRAGMA defer_foreign_keys=OFF;

-- AlterTable
ALTER TABLE "OneTimeCode" RENAME COLUMN "phone" TO "recipient";
ALTER TABLE "OneTimeCode" ADD COLUMN "provenUntil" DATETIME;

-- AlterTable
ALTER TABLE "Session" ADD COLUMN "provenPhone" TEXT;
ALTER TABLE "Session" ADD COLUMN "generation" INTEGER;
ALTER TABLE "Session" ADD COLUMN "refreshedAt" DATETIME;

-- CreateTable
CREATE TABLE "Counter" (
    "key" TEXT NOT NULL PRIMARY KEY,
    "count" INTEGER NOT NULL,
    "resetsAt" DATETIME NOT NULL
);

-- CreateIndex
CREATE INDEX "Counter_resetsAt_idx" ON "Counter"("resetsAt");

-- CreateTable
CREATE TABLE "AuditEvent" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "at" DATETIME NOT NULL,
    "action" TEXT NOT NULL,
    "actorId" INTEGER NOT NULL,
    "subjectId" INTEGER,
    "details" TEXT NOT NULL
);

-- CreateIndex
CREATE INDEX "AuditEvent_subjectId_id_idx" ON "AuditEvent"("subjectId", "id");

-- What was done stays on record: rows are added, and nothing else.
CREATE TRIGGER "AuditEvent_no_update" BEFORE UPDATE ON "AuditEvent" BEGIN SELECT RAISE(ABORT, 'an audit event is never changed'); END;
CREATE TRIGGER "AuditEvent_no_delete" BEFORE DELETE ON "AuditEvent" BEGIN SELECT RAISE(ABORT, 'an audit event is never deleted'); END;

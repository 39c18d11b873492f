-- CreateIndex
CREATE INDEX "User_createdAt_id_idx" ON "User"("createdAt", "id");

-- The lists of people that have proven only a mailbox or are blocked, and of what administrators did, read these.
-- Prisma can't read a SQLite database with partial indexes, so these begin with an expression.
CREATE INDEX "User_mail_only_idx" ON "User"(("phone" IS NULL), "createdAt", "id");
CREATE INDEX "User_blocked_idx" ON "User"(("blockedAt" IS NOT NULL), "createdAt", "id");
CREATE INDEX "AuditEvent_staff_idx" ON "AuditEvent"(("actorKind" <> 'person'), "at", "id");

-- CreateIndex
CREATE INDEX "User_createdAt_id_idx" ON "User"("createdAt", "id");

-- The lists of people that have proven only a mailbox or are blocked, and of what administrators did, read these.
CREATE INDEX "User_mail_only_idx" ON "User"("createdAt", "id") WHERE "phone" IS NULL;
CREATE INDEX "User_blocked_idx" ON "User"("createdAt", "id") WHERE "blockedAt" IS NOT NULL;
CREATE INDEX "AuditEvent_staff_idx" ON "AuditEvent"("at", "id") WHERE "actorKind" <> 'person';

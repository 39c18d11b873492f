-- CreateIndex
CREATE INDEX "AuditEvent_at_idx" ON "AuditEvent"("at");


-- An event stays for 30 days in any case, and then until the sweeper's mark says that its time is over.
DROP TRIGGER "AuditEvent_no_delete";
CREATE TRIGGER "AuditEvent_no_early_delete" BEFORE DELETE ON "AuditEvent"
WHEN OLD."at" > strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now', '-30 days')
    OR OLD."at" > COALESCE((SELECT "at" FROM "Mark" WHERE "name" = 'audit_events_over'), '')
BEGIN SELECT RAISE(ABORT, 'an audit event is not deleted before its time'); END;

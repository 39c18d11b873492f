-- CreateIndex
CREATE INDEX "AuditEvent_at_idx" ON "AuditEvent"("at");


-- An event stays for 30 days in any case, and then until the sweeper's mark says that its time is over.
DROP TRIGGER "AuditEvent_append_only" ON "AuditEvent";
CREATE OR REPLACE FUNCTION "refuseAuditEventChange"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an audit event is never changed';
END;
$$;
CREATE TRIGGER "AuditEvent_no_change" BEFORE UPDATE OR TRUNCATE ON "AuditEvent" FOR EACH STATEMENT EXECUTE FUNCTION "refuseAuditEventChange"();
CREATE FUNCTION "refuseEarlyAuditEventDelete"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM gone
        WHERE "at" > timezone('UTC', now()) - interval '30 days'
            OR "at" > COALESCE((SELECT "at" FROM "Mark" WHERE "name" = 'audit_events_over'), '-infinity')
    ) THEN
        RAISE EXCEPTION 'an audit event is not deleted before its time';
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER "AuditEvent_no_early_delete" AFTER DELETE ON "AuditEvent" REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION "refuseEarlyAuditEventDelete"();

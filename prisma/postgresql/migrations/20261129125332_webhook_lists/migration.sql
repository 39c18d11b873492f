-- DropIndex
DROP INDEX "WebhookDelivery_endpointId_at_id_idx";

-- CreateIndex
CREATE INDEX "WebhookDelivery_endpointId_state_at_id_idx" ON "WebhookDelivery"("endpointId", "state", "at", "id");


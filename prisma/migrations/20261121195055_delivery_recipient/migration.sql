-- CreateIndex
CREATE INDEX "Delivery_recipient_idx" ON "Delivery"("recipient");


-- CreateIndex
CREATE INDEX "User_claimedPhone_idx" ON "User"("claimedPhone");


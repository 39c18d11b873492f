-- CreateTable
CREATE TABLE "Signal" (
    "inviterId" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "invitees" INTEGER NOT NULL,
    "firstAt" TIMESTAMP(3) NOT NULL,
    "lastAt" TIMESTAMP(3) NOT NULL,
    "state" TEXT NOT NULL,
    "reviewedBy" INTEGER,
    "reviewedAt" TIMESTAMP(3),
    "reason" TEXT,
    "endsAt" TIMESTAMP(3),

    CONSTRAINT "Signal_pkey" PRIMARY KEY ("inviterId","kind")
);

-- CreateIndex
CREATE INDEX "Signal_state_lastAt_inviterId_idx" ON "Signal"("state", "lastAt", "inviterId");

-- CreateIndex
CREATE INDEX "Signal_endsAt_idx" ON "Signal"("endsAt");

-- CreateIndex
CREATE INDEX "Activation_activatedAt_inviteeId_inviterId_idx" ON "Activation"("activatedAt", "inviteeId", "inviterId");

-- AddForeignKey
ALTER TABLE "Signal" ADD CONSTRAINT "Signal_inviterId_fkey" FOREIGN KEY ("inviterId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;


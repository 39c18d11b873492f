-- CreateTable
CREATE TABLE "Signal" (
    "inviterId" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "invitees" INTEGER NOT NULL,
    "firstAt" DATETIME NOT NULL,
    "lastAt" DATETIME NOT NULL,
    "state" TEXT NOT NULL,
    "reviewedBy" INTEGER,
    "reviewedAt" DATETIME,
    "reason" TEXT,
    "endsAt" DATETIME,

    PRIMARY KEY ("inviterId", "kind"),
    CONSTRAINT "Signal_inviterId_fkey" FOREIGN KEY ("inviterId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "Signal_state_lastAt_inviterId_idx" ON "Signal"("state", "lastAt", "inviterId");

-- CreateIndex
CREATE INDEX "Signal_endsAt_idx" ON "Signal"("endsAt");

-- CreateIndex
CREATE INDEX "Activation_activatedAt_inviteeId_inviterId_idx" ON "Activation"("activatedAt", "inviteeId", "inviterId");


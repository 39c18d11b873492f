-- CreateTable
CREATE TABLE "LogoutNotice" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "clientId" TEXT NOT NULL,
    "sub" TEXT NOT NULL,
    "sid" TEXT NOT NULL,
    "at" DATETIME NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "dueAt" DATETIME NOT NULL,
    "worker" TEXT,
    CONSTRAINT "LogoutNotice_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "OAuthClient" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "LogoutNotice_clientId_dueAt_idx" ON "LogoutNotice"("clientId", "dueAt");

-- CreateIndex
CREATE INDEX "LogoutNotice_at_idx" ON "LogoutNotice"("at");


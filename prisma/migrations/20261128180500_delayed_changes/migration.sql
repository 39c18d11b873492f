-- CreateTable
CREATE TABLE "UnconfirmedSignIn" (
    "sessionId" TEXT NOT NULL PRIMARY KEY,
    "userId" INTEGER NOT NULL,
    "agent" TEXT,
    "network" TEXT,
    "browserId" TEXT,
    "at" DATETIME NOT NULL,
    CONSTRAINT "UnconfirmedSignIn_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "DelayedChange" (
    "userId" INTEGER NOT NULL,
    "action" TEXT NOT NULL,
    "next" TEXT,
    "sessionId" TEXT NOT NULL,
    "agent" TEXT,
    "network" TEXT,
    "requestedAt" DATETIME NOT NULL,
    "dueAt" DATETIME NOT NULL,

    PRIMARY KEY ("userId", "action"),
    CONSTRAINT "DelayedChange_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "UnconfirmedSignIn_userId_at_idx" ON "UnconfirmedSignIn"("userId", "at");

-- CreateIndex
CREATE INDEX "UnconfirmedSignIn_at_idx" ON "UnconfirmedSignIn"("at");

-- CreateIndex
CREATE INDEX "DelayedChange_dueAt_idx" ON "DelayedChange"("dueAt");

-- Sign-ins that are open and unconfirmed today are still to be answered.
INSERT INTO "UnconfirmedSignIn" ("sessionId", "userId", "agent", "network", "browserId", "at")
SELECT "id", "userId", "agent", "network", "browserId", "createdAt" FROM "Session" WHERE "isNew" = true;

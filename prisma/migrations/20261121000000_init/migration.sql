-- CreateTable
CREATE TABLE "User" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "phone" TEXT NOT NULL,
    "inviteCode" TEXT NOT NULL,
    "referralCount" INTEGER NOT NULL DEFAULT 0,
    "createdAt" DATETIME NOT NULL
);

-- CreateTable
CREATE TABLE "Activation" (
    "inviteeId" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "inviterId" INTEGER,
    "code" TEXT NOT NULL,
    "activatedAt" DATETIME NOT NULL,
    CONSTRAINT "Activation_inviteeId_fkey" FOREIGN KEY ("inviteeId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE,
    CONSTRAINT "Activation_inviterId_fkey" FOREIGN KEY ("inviterId") REFERENCES "User" ("id") ON DELETE SET NULL ON UPDATE CASCADE
);

-- CreateTable
CREATE TABLE "OneTimeCode" (
    "phone" TEXT NOT NULL,
    "purpose" TEXT NOT NULL,
    "asker" TEXT NOT NULL,
    "codeHmac" TEXT,
    "digits" INTEGER NOT NULL,
    "tries" INTEGER NOT NULL DEFAULT 0,
    "expiresAt" DATETIME NOT NULL,
    "usedAt" DATETIME,
    "sentAt" DATETIME NOT NULL,
    "sends" INTEGER NOT NULL,
    "sendsSince" DATETIME NOT NULL,

    PRIMARY KEY ("phone", "purpose", "asker")
);

-- CreateTable
CREATE TABLE "Session" (
    "id" TEXT NOT NULL PRIMARY KEY,
    "userId" INTEGER NOT NULL,
    "createdAt" DATETIME NOT NULL,
    "seenAt" DATETIME NOT NULL,
    "expiresAt" DATETIME NOT NULL,
    CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE UNIQUE INDEX "User_phone_key" ON "User"("phone");

-- CreateIndex
CREATE UNIQUE INDEX "User_inviteCode_key" ON "User"("inviteCode");

-- CreateIndex
CREATE INDEX "Activation_inviterId_activatedAt_inviteeId_idx" ON "Activation"("inviterId", "activatedAt", "inviteeId");

-- CreateIndex
CREATE INDEX "OneTimeCode_sentAt_idx" ON "OneTimeCode"("sentAt");

-- CreateIndex
CREATE INDEX "Session_userId_idx" ON "Session"("userId");

-- CreateIndex
CREATE INDEX "Session_expiresAt_idx" ON "Session"("expiresAt");

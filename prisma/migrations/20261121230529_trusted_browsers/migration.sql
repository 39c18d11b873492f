-- AlterTable
ALTER TABLE "Session" ADD COLUMN "browserId" TEXT;

-- CreateTable
CREATE TABLE "TrustedBrowser" (
    "userId" INTEGER NOT NULL,
    "browserId" TEXT NOT NULL,
    "at" DATETIME NOT NULL,

    PRIMARY KEY ("userId", "browserId"),
    CONSTRAINT "TrustedBrowser_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User" ("id") ON DELETE CASCADE ON UPDATE CASCADE
);

-- CreateIndex
CREATE INDEX "TrustedBrowser_at_idx" ON "TrustedBrowser"("at");


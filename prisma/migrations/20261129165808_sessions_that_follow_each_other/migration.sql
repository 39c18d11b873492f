-- AlterTable
ALTER TABLE "OAuthGrant" ADD COLUMN "loggedInAt" DATETIME;

-- AlterTable
ALTER TABLE "Session" ADD COLUMN "firstId" TEXT;


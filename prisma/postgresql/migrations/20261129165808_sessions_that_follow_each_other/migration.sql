-- AlterTable
ALTER TABLE "OAuthGrant" ADD COLUMN     "loggedInAt" TIMESTAMP(3);

-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "firstId" TEXT;


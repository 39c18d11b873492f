-- AlterTable
ALTER TABLE "Session" ADD COLUMN     "browserId" TEXT;

-- CreateTable
CREATE TABLE "TrustedBrowser" (
    "userId" INTEGER NOT NULL,
    "browserId" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,

    CONSTRAINT "TrustedBrowser_pkey" PRIMARY KEY ("userId","browserId")
);

-- CreateIndex
CREATE INDEX "TrustedBrowser_at_idx" ON "TrustedBrowser"("at");

-- AddForeignKey
ALTER TABLE "TrustedBrowser" ADD CONSTRAINT "TrustedBrowser_userId_fkey" FOREIGN KEY ("userId") REFERENCES "User"("id") ON DELETE CASCADE ON UPDATE CASCADE;


-- CreateTable
CREATE TABLE "LogoutNotice" (
    "id" SERIAL NOT NULL,
    "clientId" TEXT NOT NULL,
    "sub" TEXT NOT NULL,
    "sid" TEXT NOT NULL,
    "at" TIMESTAMP(3) NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "dueAt" TIMESTAMP(3) NOT NULL,
    "worker" TEXT,

    CONSTRAINT "LogoutNotice_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "LogoutNotice_clientId_dueAt_idx" ON "LogoutNotice"("clientId", "dueAt");

-- CreateIndex
CREATE INDEX "LogoutNotice_at_idx" ON "LogoutNotice"("at");

-- AddForeignKey
ALTER TABLE "LogoutNotice" ADD CONSTRAINT "LogoutNotice_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "OAuthClient"("id") ON DELETE CASCADE ON UPDATE CASCADE;


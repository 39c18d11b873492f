-- AlterTable
ALTER TABLE "Session" ADD COLUMN "isGenerationUsed" BOOLEAN NOT NULL DEFAULT false;

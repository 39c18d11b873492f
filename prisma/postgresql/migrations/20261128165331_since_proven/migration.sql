-- AlterTable
ALTER TABLE "User" ADD COLUMN     "emailProvenAt" TIMESTAMP(3),
ADD COLUMN     "phoneProvenAt" TIMESTAMP(3);


-- What an account had proven by now is taken for its own since it was made.
UPDATE "User" SET "phoneProvenAt" = "createdAt" WHERE "phone" IS NOT NULL;
UPDATE "User" SET "emailProvenAt" = "createdAt" WHERE "email" IS NOT NULL;

-- Phones and mailboxes stood here in clear. They are hashed from now on, under a key that only a server has: so the counts begin again.
DELETE FROM "WrongCode";
DELETE FROM "Counter";

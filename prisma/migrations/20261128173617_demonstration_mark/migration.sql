-- CreateTable
CREATE TABLE "Mark" (
    "name" TEXT NOT NULL PRIMARY KEY,
    "at" DATETIME NOT NULL
);


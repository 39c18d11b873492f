-- CreateTable
CREATE TABLE "HourlySum" (
    "hour" DATETIME NOT NULL,
    "measure" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "sender" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "amount" REAL NOT NULL,

    PRIMARY KEY ("hour", "measure", "channel", "country", "sender", "reason", "currency")
);

-- CreateTable
CREATE TABLE "DailySum" (
    "day" TEXT NOT NULL,
    "measure" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "sender" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "amount" REAL NOT NULL,

    PRIMARY KEY ("day", "measure", "channel", "country", "sender", "reason", "currency")
);


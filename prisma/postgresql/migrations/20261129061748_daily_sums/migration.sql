-- CreateTable
CREATE TABLE "HourlySum" (
    "hour" TIMESTAMP(3) NOT NULL,
    "measure" TEXT NOT NULL,
    "channel" TEXT NOT NULL,
    "country" TEXT NOT NULL,
    "sender" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "currency" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "amount" DOUBLE PRECISION NOT NULL,

    CONSTRAINT "HourlySum_pkey" PRIMARY KEY ("hour","measure","channel","country","sender","reason","currency")
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
    "amount" DOUBLE PRECISION NOT NULL,

    CONSTRAINT "DailySum_pkey" PRIMARY KEY ("day","measure","channel","country","sender","reason","currency")
);


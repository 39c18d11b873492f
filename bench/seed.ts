import type { Store } from "./stores";

/** An account with so many referrals. */
export interface Person {
  id: number;
  phone: string;
  referrals: number;
}

/** The contents of a database: the measured people first, then their invitees. */
export interface Town {
  people: { one: Person; twenty: Person; all: Person };
  /** How many accounts there are. */
  size: number;
}

const PEOPLE = 3;

/** A town in which one person has `accounts` invitees. */
export function planTown(accounts: number): Town {
  const person = (id: number, referrals: number) => ({ id, phone: seededPhone(id), referrals });
  const people = { one: person(1, 1), twenty: person(2, 20), all: person(PEOPLE, accounts) };
  return { people, size: PEOPLE + 1 + 20 + accounts };
}

/** Returns the phone of the account with this id, from a code range that belongs to no operator. */
export function seededPhone(id: number): string {
  return `+7945${String(id).padStart(7, "0")}`;
}

let newcomers = 0;

/** Returns a different phone without an account each time. */
export function freshPhone(): string {
  newcomers += 1;
  return seededPhone(5_000_000 + newcomers);
}

/** How many blocked accounts a town has besides its others. */
const BLOCKED = 600;

/** Returns the phone of a blocked account. `at` counts from 0, and is below 600. */
export function blockedPhone({ size }: Town, at: number): string {
  return seededPhone(size + 1 + at);
}

let invitations = 0;

/** Returns the invite code of an account with few or no referrals, of each account in turn. */
export function nextInviteCode({ size }: Town): string {
  invitations += 1;
  const id = PEOPLE + 1 + (invitations % (size - PEOPLE));
  return `A0${PLACES.map((place) => ALPHABET[Math.floor(id / place) % ALPHABET.length]).join("")}`;
}

/** The statements that fill an empty, migrated database of Sarafan. */
export function sarafanSeed({ people, size }: Town, { moment }: Pick<Store, "moment">): string[] {
  const inviters = Object.values(people);
  let last = PEOPLE;
  const inviterOf = inviters.map(({ id, referrals }) => {
    last += referrals;
    return `WHEN "id" <= ${last} THEN ${id}`;
  });
  return [
    // The database numbers the accounts from 1.
    `INSERT INTO "User" ("phone", "inviteCode", "referralCount", "createdAt")
     ${numbersTo(size)}
     SELECT ${phoneOf("n")}, ${inviteCodeOf("n")}, 0, ${moment("n")} FROM number ORDER BY n`,
    `INSERT INTO "User" ("phone", "inviteCode", "referralCount", "createdAt", "blockedAt")
     ${numbersTo(BLOCKED)}
     SELECT ${phoneOf(`(${size} + n)`)}, ${inviteCodeOf(`(${size} + n)`)}, 0, ${moment("n")}, ${moment("n")} FROM number ORDER BY n`,
    `INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt")
     SELECT invitee."id", inviter."id", inviter."inviteCode", invitee."createdAt"
     FROM (SELECT "id", "createdAt", CASE ${inviterOf.join(" ")} END AS "inviterId" FROM "User" WHERE "id" > ${PEOPLE} AND "id" <= ${size}) AS invitee
     JOIN "User" AS inviter ON inviter."id" = invitee."inviterId"`,
    ...inviters.map(({ id, referrals }) => `UPDATE "User" SET "referralCount" = ${referrals} WHERE "id" = ${id}`),
    ...sumSeed(moment),
    "ANALYZE",
  ];
}

/** How many days and hours have sums: more than the console's page Today reads, and hours to come while the bench runs. */
const SUMMED = { days: 150, hoursBefore: 48, hoursAfter: 24 };
/** The sums of a day or an hour: the steps in ten countries, and the messages of four senders with ten reasons. */
const SUMS_PER_PERIOD = 100;
const SUMMED_STEPS = ["asked", "sent", "delivered", "verified", "signed_up", "activated"];

/** The statements that fill the hourly and daily sums. */
function sumSeed(moment: Store["moment"]): string[] {
  const steps = SUMMED_STEPS.map((step, at) => `WHEN ${at} THEN '${step}'`).join(" ");
  const insert = (table: string, column: string, value: string) => `
    INSERT INTO "${table}" ("${column}", "measure", "channel", "country", "sender", "reason", "currency", "count", "amount")
    ${numbersTo(SUMS_PER_PERIOD)}
    SELECT ${value}, CASE WHEN n > 60 THEN 'message_undelivered' ELSE CASE n % 6 ${steps} END END, 'phone',
      'X' || substr('ABCDEFGHIJ', 1 + n / 6 % 10, 1), CASE WHEN n > 60 THEN 'sender' || (n % 4) ELSE '' END, CASE WHEN n > 60 THEN 'reason ' || n ELSE '' END,
      CASE WHEN n > 60 THEN 'RUB' ELSE '' END, 1000 - n, CASE WHEN n > 60 THEN 2.5 ELSE 0 END FROM number`;
  const now = Date.now();
  const days = Array.from({ length: SUMMED.days }, (_, at) => new Date(now - at * DAY_S * 1000));
  const hours = Array.from({ length: SUMMED.hoursBefore + SUMMED.hoursAfter }, (_, at) => at - SUMMED.hoursBefore);
  const hour = Math.floor((now % (DAY_S * 1000)) / HOUR_MS);
  return [
    ...days.map((day) => insert("DailySum", "day", `'${dateOf(day)}'`)),
    ...hours.map((at) => insert("HourlySum", "hour", moment(String((hour + at) * 3600), dateOf(new Date(now))))),
  ];
}

const HOUR_MS = 60 * 60 * 1000;
const dateOf = (at: Date) => at.toISOString().slice(0, 10);

/** The statement that opens the admin console in all sessions of this person, as the codes for it do. */
export function consoleOpening({ id }: Person, { moment }: Pick<Store, "moment">): string {
  const now = Date.now();
  const at = moment(String(Math.floor((now % (DAY_S * 1000)) / 1000)), dateOf(new Date(now)));
  return `UPDATE "Session" SET "consoleAt" = ${at} WHERE "userId" = ${id}`;
}

/** The history of a town of this size: ten events and one message for each account. */
export function pastOf({ people }: Town): { events: number; deliveries: number } {
  const accounts = people.all.referrals;
  return { events: 10 * accounts, deliveries: accounts };
}

const DAY_S = 24 * 60 * 60;
/** The length of the history, short enough that no row would be swept. */
const PAST_DAYS = { events: 700, deliveries: 80 };

/** The statements that add a history to a town. The rows come in the order of their indexes, which is the fastest. */
export function pastSeed(town: Town, { moment }: Pick<Store, "moment">): string[] {
  const { events, deliveries } = pastOf(town);
  const spread = (count: number, days: number) => {
    const day = new Date(Date.now() - days * DAY_S * 1000).toISOString().slice(0, 10);
    return moment(`n * ${Math.floor((days * DAY_S) / count)}`, day);
  };
  return [
    `INSERT INTO "AuditEvent" ("at", "action", "actorId", "subjectId", "details")
     ${numbersTo(events)}
     SELECT ${spread(events, PAST_DAYS.events)}, 'signed_in', 1 + n / 10, 1 + n / 10,
       '{"device":{"kind":"browser","name":"Firefox","system":"Linux"},"isNew":false}' FROM number ORDER BY n`,
    `INSERT INTO "Delivery" ("at", "sender", "providerId", "state", "stateAt", "recipient", "lastDigits", "country")
     ${numbersTo(deliveries)}
     SELECT ${spread(deliveries, PAST_DAYS.deliveries)}, 'smsru', ${hashOf("n", deliveries)}, 'delivered',
       ${spread(deliveries, PAST_DAYS.deliveries)}, ${hashOf("n", deliveries)}, '00', 'RU' FROM number ORDER BY n`,
    "ANALYZE",
  ];
}

/** The statements that fill better-auth with as many accounts. */
export function betterAuthSeed({ size }: Town): string[] {
  return [
    `INSERT INTO "user" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt", "phoneNumber", "phoneNumberVerified")
     ${numbersTo(size)}
     SELECT 'user' || n, 'user', n || '@example.com', '0', '2024-01-01T00:00:00.000Z', '2024-01-01T00:00:00.000Z',
       ${phoneOf("n")}, '1' FROM number`,
    "ANALYZE",
  ];
}

const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PLACES = [32 ** 3, 32 ** 2, 32, 1];

function numbersTo(last: number): string {
  return `WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${last})`;
}

/** `seededPhone` in SQL. */
function phoneOf(n: string): string {
  return `'+7945' || substr(CAST(${10_000_000} + ${n} AS TEXT), 2)`;
}

/** In SQL: 43 characters, like a keyed hash, that increase with the number and cover the whole range. */
function hashOf(n: string, last: number): string {
  const spread = `(${n} * ${Math.floor(32 ** 6 / (last + 1))})`;
  const places = [32 ** 5, 32 ** 4, ...PLACES].map(
    (place) => `substr('${ALPHABET}', 1 + (${spread} / ${place}) % 32, 1)`,
  );
  return [...places, `'${"0".repeat(37)}'`].join(" || ");
}

/** In SQL: a letter, a digit, and four characters that differ for each number. */
function inviteCodeOf(n: string): string {
  return ["'A0'", ...PLACES.map((place) => `substr('${ALPHABET}', 1 + (${n} / ${place}) % 32, 1)`)].join(" || ");
}

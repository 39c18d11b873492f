/** Somebody with so many referrals. */
export interface Person {
  id: number;
  phone: string;
  referrals: number;
}

/** What a database is filled with: the people of interest first, then everybody who came by them. */
export interface Town {
  people: { one: Person; twenty: Person; thousand: Person; all: Person };
  /** Invited nobody; what the activations activate is this one's code. */
  inviter: Person;
  /** How many accounts there are in all. */
  size: number;
}

/** How a database says what SQL leaves open. */
export interface SqlDialect {
  /** The moment so many seconds into the year 2024, as Prisma keeps one. */
  moment: (seconds: string) => string;
}

/** A town in which one person brought as many as `accounts`. */
export function planTown(accounts: number): Town {
  const person = (id: number, referrals: number) => ({ id, phone: seededPhone(id), referrals });
  const people = { one: person(1, 1), twenty: person(2, 20), thousand: person(3, 1000), all: person(4, accounts) };
  const referrals = Object.values(people).reduce((sum, someone) => sum + someone.referrals, 0);
  return { people, inviter: person(5, 0), size: 5 + referrals };
}

/** The phone of the account with this id: a code range that belongs to no operator. */
export function seededPhone(id: number): string {
  return `+7945${String(id).padStart(7, "0")}`;
}

let newcomers = 0;

/** A phone that has no account yet, another one each time. */
export function freshPhone(): string {
  newcomers += 1;
  return seededPhone(5_000_000 + newcomers);
}

/** The statements that fill an empty, migrated database of Sarafan. */
export function sarafanSeed({ people, size }: Town, { moment }: SqlDialect): string[] {
  const inviters = Object.values(people);
  let last = 5;
  const inviterOf = inviters.map(({ id, referrals }) => {
    last += referrals;
    return `WHEN "id" <= ${last} THEN ${id}`;
  });
  return [
    // The ids are the database's own: it counts from 1.
    `INSERT INTO "User" ("phone", "inviteCode", "referralCount", "createdAt")
     ${numbersTo(size)}
     SELECT '+7945' || substr(CAST(${10_000_000} + n AS TEXT), 2), ${inviteCode("n")}, 0, ${moment("n")} FROM number ORDER BY n`,
    `INSERT INTO "Activation" ("inviteeId", "inviterId", "code", "activatedAt")
     SELECT invitee."id", inviter."id", inviter."inviteCode", invitee."createdAt"
     FROM (SELECT "id", "createdAt", CASE ${inviterOf.join(" ")} END AS "inviterId" FROM "User" WHERE "id" > 5) AS invitee
     JOIN "User" AS inviter ON inviter."id" = invitee."inviterId"`,
    ...inviters.map(({ id, referrals }) => `UPDATE "User" SET "referralCount" = ${referrals} WHERE "id" = ${id}`),
    "ANALYZE",
  ];
}

/** The statement that gives better-auth as many accounts. */
export function betterAuthSeed({ size }: Town): string {
  return `INSERT INTO "user" ("id", "name", "email", "emailVerified", "createdAt", "updatedAt", "phoneNumber", "phoneNumberVerified")
    ${numbersTo(size)}
    SELECT 'user' || n, 'user', n || '@example.com', 0, '2024-01-01T00:00:00.000Z', '2024-01-01T00:00:00.000Z',
      '+7945' || substr(CAST(${10_000_000} + n AS TEXT), 2), 1 FROM number`;
}

function numbersTo(last: number): string {
  return `WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${last})`;
}

/** A letter, a digit, and four characters that are another number's each. */
function inviteCode(n: string): string {
  const characters = [32 ** 3, 32 ** 2, 32, 1].map(
    (place) => `substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + (${n} / ${place}) % 32, 1)`,
  );
  return ["'A0'", ...characters].join(" || ");
}

import { getProfile } from "@/lib/core/accounts/accounts";
import { phoneLoginCode, signInByPhone } from "@/lib/core/accounts/sign-in";
import { Holder, OneTimeCode } from "@/lib/core/challenges/one-time-code";
import { requestCode } from "@/lib/core/challenges/request-code";
import { markDemonstration } from "@/lib/core/demonstration";
import { formatPhone, Phone } from "@/lib/core/identity/phone";
import { activateInvite } from "@/lib/core/invites/activation";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { env } from "@/lib/env";
import { accepted } from "@/lib/senders/sender";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A person, how many days ago they signed up, and the people who activated their invite code. */
interface Person {
  daysAgo: number;
  brought: Person[];
}

const person = (daysAgo: number, ...brought: Person[]): Person => ({ daysAgo, brought });

const TOWN = [
  person(
    41,
    person(
      34,
      person(32, person(30, person(21), person(9, person(3))), person(28), person(12)),
      person(27, person(25)),
      person(24),
      person(19, person(18), person(17), person(6)),
      person(16),
      person(14, person(8, person(2, person(0.1)))),
      person(11),
      person(10),
      person(7),
      person(5.5),
      person(4),
      person(1),
      person(0.2),
    ),
    person(20, person(13)),
  ),
  person(15),
];

/** The phone of the account with the most invitees: the first invitee of the first settler. */
const BUSIEST = Phone.parse("+79450000002");

let people = 0;

/** The phone of a seeded person, the same in every run, from the code range 945, which belongs to no operator. */
function nextPhone(): Phone {
  people += 1;
  return Phone.parse(`+7945000${String(people).padStart(4, "0")}`);
}

/** Signs a person up with the code that was sent. */
async function logIn(phone: Phone): Promise<number> {
  const owner = { phone, holder: Holder.parse(crypto.randomUUID()) };
  let received = "";
  const accept = async ({ code }: { code: string }) => {
    received = code;
    return accepted();
  };
  // Each person has a network of their own, so that the limits don't apply.
  const by = { network: `seed ${phone}`, agent: null, browser: null };
  const sent = await requestCode(phoneLoginCode(owner), by, { sender: { send: accept } });
  if (!sent.ok) throw new Error(`${phone} got no code: ${sent.failure.name}`);
  const login = await signInByPhone({ ...owner, code: OneTimeCode.parse(received) }, by);
  if (!login.ok) throw new Error(`${phone} could not log in: ${login.failure.name}`);
  return login.value.userId;
}

/** Signs up a person and all their invitees, and prints a line for each. */
async function settle({ daysAgo, brought }: Person, inviter: InviteCode | null, indent: string): Promise<void> {
  const phone = nextPhone();
  const userId = await logIn(phone);
  // On a seeded database the activation is refused, and nothing changes.
  if (inviter) await activateInvite({ userId, code: inviter }, new Date(Date.now() - daysAgo * DAY_MS));
  const profile = await getProfile(userId);
  if (!profile) throw new Error(`${phone} has no account`);
  console.log(`${indent}${formatPhone(phone)}  ${profile.inviteCode}`);
  for (const next of brought) await settle(next, profile.inviteCode, `${indent}  `);
}

if (env.REVEAL_CODES) await markDemonstration();
for (const settler of TOWN) await settle(settler, null, "");
console.log(`\nA small town. Log in with ${formatPhone(BUSIEST)}: this account has invited the most people.`);
if (env.REVEAL_CODES) console.log("The database is marked as a demonstration's: codes are shown to this machine.");

import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";

const USAGE = "Usage: npm run admin -- add +79450000001, remove +79450000001, or list.";

const REFUSALS = {
  administrator_unknown: "This phone is no administrator's.",
  administrator_configured: "This phone is an administrator's by ADMIN_PHONES: change that setting.",
  administrator_last: "This is the last administrator: add another one first.",
};

const env = await readSettings();
await migrate(env.DATABASE_URL);
const { addAdministrator, listAdministrators, removeAdministrator } = await import(
  "../lib/core/administration/administrators"
);
const { Phone } = await import("../lib/core/identity/phone");

const [command, typed = ""] = process.argv.slice(3);
if (command === "list") {
  for (const { phone, addedAt, isTest } of await listAdministrators()) {
    const since = addedAt ? `added ${addedAt.toISOString()}` : "of ADMIN_PHONES";
    console.log(`${phone} ${since}${isTest ? ", but a test number, which is no administrator" : ""}`);
  }
} else if (command === "add" || command === "remove") {
  // Without the plus the country would be a guess, and a stranger could become an administrator.
  const phone = Phone.safeParse(typed.startsWith("+") ? typed : "");
  if (!phone.success) refuse(`${typed || "The phone"} is no phone number with a plus. ${USAGE}`);
  else if (command === "add") {
    const added = await addAdministrator(phone.data);
    if (added.ok)
      console.log(
        `${phone.data} is an administrator. The console is at /admin, after a login by a code to this phone.`,
      );
    else
      refuse(
        `${phone.data} is ${added.failure.name === "phone_test" ? "a test number." : "an administrator already."}`,
      );
  } else {
    const removed = await removeAdministrator(phone.data);
    if (removed.ok) console.log(`${phone.data} is no administrator any more.`);
    else refuse(REFUSALS[removed.failure.name]);
  }
} else refuse(USAGE);

function refuse(reason: string): void {
  console.error(reason);
  process.exitCode = 1;
}

import { parseArgs } from "node:util";
import { migrate } from "./internal/database";
import { readOrRefuse } from "./internal/parsed-options";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const USAGE = `Usage:
npm run test-number -- add --phone +79450000001 --until 2026-12-31 [--code 48291357] [--note "the reviewers of a store"]
npm run test-number -- list
npm run test-number -- remove --phone +79450000001`;

const env = await readSettings();
await migrate(env.DATABASE_URL);
const { drawFixedCode, endTestNumber, FixedCode, LastDay, latestLastDay, listTestNumbers, makeTestNumber, Note } =
  await import("../lib/core/administration/test-numbers");
const { COMMAND_LINE } = await import("../lib/core/administration/actor");
const { FIXED_CODE_DIGITS_MIN } = await import("../lib/core/policy");
const { Phone } = await import("../lib/core/identity/phone");

const PROBLEMS: Record<string, string> = {
  code_malformed: `A fixed code has ${FIXED_CODE_DIGITS_MIN} to 10 digits. Without --code one is drawn.`,
  code_guessable:
    "Strangers try this code first: the code must have no pattern, and must not be part of the phone. Without --code one is drawn.",
  note_too_long: "The note can have 300 characters at most.",
  end_invalid: `--until is the last day, from today to ${latestLastDay()} (90 days at most).`,
  country_not_allowed: "No codes are sent to phones of this country or kind: see OTP_COUNTRIES.",
  test_number_known: "This phone is a test number already: remove it first.",
  phone_of_administrator: "This phone is an administrator's.",
  phone_taken: "This phone has an account.",
};

const { command, values } = readArguments();
if (command === "add") {
  const phone = readPhone();
  const code = values.code === undefined ? drawFixedCode() : readOrRefuse(FixedCode.safeParse(values.code), PROBLEMS);
  const until = readOrRefuse(LastDay.safeParse(values.until ?? ""), PROBLEMS);
  const note = readOrRefuse(Note.safeParse(values.note ?? ""), PROBLEMS);
  const made = await makeTestNumber(COMMAND_LINE, { phone, code, until, note });
  if (!made.ok) throw new Refusal(PROBLEMS[made.failure.name] ?? made.failure.name);
  console.log(`${phone} is a test number until ${until.toISOString()}. Its code is not shown again.`);
  console.log(JSON.stringify({ phone, code, until, note }));
} else if (command === "list") {
  const numbers = await listTestNumbers();
  for (const { phone, until, note } of numbers)
    console.log(`${phone} until ${until.toISOString()} ${note ?? ""}`.trim());
  console.log(
    JSON.stringify(numbers.map(({ phone, digits, until, note, userId }) => ({ phone, digits, until, note, userId }))),
  );
} else if (command === "remove") {
  const phone = readPhone();
  const known = (await listTestNumbers()).find((number) => number.phone === phone);
  const ended = known && (await endTestNumber(COMMAND_LINE, known));
  if (!ended?.ok) throw new Refusal(`${phone} is no test number.`);
  console.log(`${phone} is no test number any more. Its account was deleted.`);
  console.log(JSON.stringify({ phone, removed: true }));
} else throw new Refusal(USAGE);

function readArguments() {
  try {
    const text = { type: "string" } as const;
    const { positionals, values } = parseArgs({
      args: process.argv.slice(3),
      options: { phone: text, code: text, until: text, note: text },
      allowPositionals: true,
    });
    return { command: positionals.length === 1 ? positionals[0] : undefined, values };
  } catch {
    throw new Refusal(USAGE);
  }
}

function readPhone() {
  const typed = values.phone ?? "";
  // Without the plus the country would be a guess.
  const phone = Phone.safeParse(typed.startsWith("+") ? typed : "");
  if (!phone.success) throw new Refusal(`${typed || "The phone"} is no phone number with a plus.\n${USAGE}`);
  return phone.data;
}

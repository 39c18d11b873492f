import { parseArgs } from "node:util";
import { migrate } from "./internal/database";
import { readOrRefuse } from "./internal/parsed-options";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const USAGE = `Usage:
npm run key -- add --name "the shop" --scopes accounts:read,accounts:write [--until 2026-12-31]
npm run key -- list
npm run key -- revoke 7`;

const env = await readSettings();
await migrate(env.DATABASE_URL);
const { COMMAND_LINE } = await import("../lib/core/administration/actor");
const { LastDay } = await import("../lib/core/administration/test-numbers");
const { KeyName, listApiKeys, makeApiKey, revokeApiKey, SCOPE_DESCRIPTIONS, Scopes } = await import(
  "../lib/core/keys/api-keys"
);
const { API_KEY_NAME_LENGTH_MAX } = await import("../lib/core/policy");

const SCOPES_TEXT = Object.entries(SCOPE_DESCRIPTIONS)
  .map(([scope, words]) => `  ${scope.padEnd(18)} ${words}`)
  .join("\n");
const PROBLEMS: Record<string, string> = {
  name_missing: "--name says what the key is for.",
  name_too_long: `The name can have ${API_KEY_NAME_LENGTH_MAX} characters at most.`,
  scopes_missing: `--scopes has at least one of these, separated by commas:\n${SCOPES_TEXT}`,
  scope_unknown: `--scopes has one of these at least, separated by commas, and no others:\n${SCOPES_TEXT}`,
  end_invalid: "--until is the last day of the key, today or later, such as 2026-12-31.",
};

const { command, id, values } = readArguments();
if (command === "add") {
  const name = readOrRefuse(KeyName.safeParse(values.name ?? ""), PROBLEMS);
  const scopes = readOrRefuse(Scopes.safeParse((values.scopes ?? "").split(",").filter(Boolean)), PROBLEMS);
  const endsAt = values.until === undefined ? null : readOrRefuse(LastDay.safeParse(values.until), PROBLEMS);
  const made = await makeApiKey(COMMAND_LINE, { name, scopes, endsAt });
  if (!made.ok) throw new Refusal(PROBLEMS[made.failure.name] ?? made.failure.name);
  console.log("This is the only time that the key is shown. Send it as Authorization: Bearer <key>.");
  console.log(JSON.stringify({ ...made.value, name, scopes, endsAt }));
} else if (command === "list") {
  const keys = await listApiKeys();
  for (const { keyId, name, hint, scopes, isOpen } of keys)
    console.log(`${keyId} ${hint}… ${isOpen ? "open" : "closed"} ${scopes.join(",")} ${name}`);
  console.log(JSON.stringify(keys.map(({ keyId, ...key }) => ({ id: keyId, ...key }))));
} else if (command === "revoke" && id !== undefined) {
  const revoked = await revokeApiKey(COMMAND_LINE, { id });
  if (!revoked.ok) throw new Refusal(`There is no key ${id} that could be revoked: see npm run key -- list.`);
  console.log(`The key ${id} is revoked. Requests with it are refused from now on.`);
  console.log(JSON.stringify({ id, revoked: true }));
} else throw new Refusal(USAGE);

function readArguments() {
  try {
    const text = { type: "string" } as const;
    const { positionals, values } = parseArgs({
      args: process.argv.slice(3),
      options: { name: text, scopes: text, until: text },
      allowPositionals: true,
    });
    const [command, id, ...more] = positionals;
    if (more.length > 0) throw new Refusal(USAGE);
    return { command, id: /^[1-9]\d{0,8}$/.test(id ?? "") ? Number(id) : undefined, values };
  } catch {
    throw new Refusal(USAGE);
  }
}

import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { Refusal } from "./internal/tool.mjs";

const USAGE = `Usage:
npm run keys -- list
npm run keys -- rotate
npm run keys -- revoke <kid>
npm run keys -- seal`;

const env = await readSettings();
await migrate(env.DATABASE_URL);
const keys = await import("../lib/core/oauth/signing-keys");

const [command, id, ...more] = process.argv.slice(3);
const commands: Record<string, () => Promise<unknown>> = {
  list: async () => {
    const all = await keys.listSigningKeys();
    for (const { id, algorithm, signsFrom, endsAt } of all)
      console.log(
        [algorithm, id, `signs from ${signsFrom.toISOString()}`, endsAt && `ends ${endsAt.toISOString()}`]
          .join(" ")
          .trim(),
      );
    return all;
  },
  rotate: async () => {
    const rotated = await keys.rotateSigningKeys();
    await sealAll();
    if (rotated.length === 0) console.log("There are no keys yet: the first application makes one.");
    for (const { algorithm, signsFrom } of rotated)
      console.log(
        `The new key of ${algorithm} signs from ${signsFrom.toISOString()}. The old one stays published until its tokens end.`,
      );
    return rotated;
  },
  revoke: async () => {
    const kid = id ?? "";
    if (!(await keys.revokeSigningKey(kid)).ok)
      throw new Refusal(`There is no key ${kid}, or it has ended: see npm run keys -- list.`);
    console.log("Tokens that it signed are refused here, and by applications as soon as they fetch the keys again.");
    return { id: kid, revoked: true };
  },
  seal: async () => ({ sealed: await sealAll() }),
};
const run = commands[command ?? ""];
if (!run || (command === "revoke") !== (id !== undefined) || more.length > 0) throw new Refusal(USAGE);
console.log(JSON.stringify(await run()));

/** Seals all keys by `AUTH_SECRET`, and returns how many were sealed by `AUTH_SECRET_PREVIOUS`. */
async function sealAll(): Promise<number> {
  const { sealed, lost } = await keys.sealSigningKeys();
  if (lost.length > 0)
    console.error(
      `Neither AUTH_SECRET nor AUTH_SECRET_PREVIOUS opens the keys ${lost.join(", ")}. The tokens that they signed stay valid, and another key signs.`,
    );
  return sealed;
}

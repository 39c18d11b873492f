import { generateClient, migrate } from "./database";
import { readSettings } from "./settings";
import { buildSite } from "./site";
import { inTurn } from "./turns.mjs";

const env = await readSettings();
// It wants the settings to be there.
const { refuseGuessableCodes } = await import("../lib/core/challenges/guess-budget");
refuseGuessableCodes();
await inTurn(async () => {
  await generateClient();
  await migrate(env.DATABASE_URL);
  await buildSite();
});

import { generateClient, migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { buildSite } from "./internal/site";
import { inTurn } from "./internal/turns.mjs";

const env = await readSettings();
// It wants the settings to be there.
const { refuseGuessableCodes } = await import("../lib/core/challenges/guess-budget");
refuseGuessableCodes();
await inTurn(async () => {
  await generateClient();
  await migrate(env.DATABASE_URL);
  await buildSite();
});

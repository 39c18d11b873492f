import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";

const env = await readSettings();
// Imported only here, because the module needs the settings.
const { refuseGuessableCodes } = await import("../lib/core/challenges/guess-budget");
refuseGuessableCodes();
await provideBuild();
await migrate(env.DATABASE_URL);

import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";

const env = await readSettings();
await provideBuild({ site: false });
// Imported only here, because the module needs the settings and Prisma's clients.
const { refuseGuessableCodes } = await import("../lib/core/challenges/guess-budget");
refuseGuessableCodes();
await migrate(env.DATABASE_URL);
await provideBuild();

import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { provide } from "./internal/site";

const env = await readSettings();
await provide({ site: false });
// Imported here, because it needs the settings and Prisma's clients.
const { refuseGuessableCodes } = await import("../lib/core/challenges/guess-budget");
refuseGuessableCodes();
await migrate(env.DATABASE_URL);
await provide();

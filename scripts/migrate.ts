import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";

const env = await readSettings();
const { IS_PREVIEW } = await import("../lib/env");
if (IS_PREVIEW) console.log("A preview has no database to migrate: the build makes an empty one.");
else await migrate(env.DATABASE_URL);

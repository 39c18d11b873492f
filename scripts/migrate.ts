import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { inTurn } from "./internal/turns.mjs";

const env = await readSettings();
await inTurn(() => migrate(env.DATABASE_URL));

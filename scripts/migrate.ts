import { migrate } from "./database";
import { readSettings } from "./settings";
import { inTurn } from "./turns.mjs";

const env = await readSettings();
await inTurn(() => migrate(env.DATABASE_URL));

import { generateClient, migrate } from "./internal/database";
import { runDevelopmentServer } from "./internal/server";
import { readSettings } from "./internal/settings";

const env = await readSettings();
await generateClient();
await migrate(env.DATABASE_URL);
await runDevelopmentServer(env);

import { generateClient, migrate } from "./database";
import { runDevelopmentServer } from "./server";
import { readSettings } from "./settings";

const env = await readSettings();
await generateClient();
await migrate(env.DATABASE_URL);
await runDevelopmentServer(env);

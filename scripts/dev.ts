import { generateClient, migrate } from "./database";
import { runServer } from "./server";
import { readSettings } from "./settings";

const env = await readSettings();
await generateClient();
await migrate(env.DATABASE_URL);
await runServer("dev", env);

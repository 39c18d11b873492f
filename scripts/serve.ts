import { generateClient, migrate } from "./database";
import { runServer } from "./server";
import { readSettings } from "./settings";
import { buildSite } from "./site";

const env = await readSettings();
await generateClient();
await migrate(env.DATABASE_URL);
await buildSite();
await runServer("start", env);

import { generateClient, migrate } from "./database";
import { readSettings } from "./settings";

const env = await readSettings();
await generateClient();
await migrate(env.DATABASE_URL);
await import("../prisma/seed");

import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";

const env = await readSettings();
await migrate(env.DATABASE_URL);
await import("../prisma/seed");

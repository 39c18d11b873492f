import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { provide } from "./internal/site";

const env = await readSettings();
await provide({ site: false });
await migrate(env.DATABASE_URL);
await import("../prisma/seed");

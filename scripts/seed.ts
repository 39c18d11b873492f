import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { provideBuild } from "./internal/site";

const env = await readSettings();
await provideBuild({ site: false });
await migrate(env.DATABASE_URL);
await import("../prisma/seed");

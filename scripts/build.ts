import { generateClient } from "./internal/database";
import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { buildSite } from "./internal/site";

setThrowawaySecret();
await checkSettings();
await generateClient();
await buildSite();

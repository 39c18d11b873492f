import { generateClient } from "./database";
import { checkSettings, setThrowawaySecret } from "./settings";
import { buildSite } from "./site";

setThrowawaySecret();
await checkSettings();
await generateClient();
await buildSite();

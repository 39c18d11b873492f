import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { provideBuild } from "./internal/site";

setThrowawaySecret();
await checkSettings();
await provideBuild();

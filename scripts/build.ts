import { checkSettings, setThrowawaySecret } from "./internal/settings";
import { provide } from "./internal/site";

setThrowawaySecret();
await checkSettings();
await provide();

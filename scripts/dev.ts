import { migrate } from "./internal/database";
import { readSettings } from "./internal/settings";
import { NEXT_PATH } from "./internal/site";
import { runNode } from "./internal/tool.mjs";

const { DATABASE_URL, HOST, PORT, APP_URL } = await readSettings();
await migrate(DATABASE_URL);
console.log(`\nSarafan will be at ${APP_URL} (Ctrl-C ends it)\n`);
const { code } = await runNode([NEXT_PATH, "dev", "-H", HOST, "-p", String(PORT)], {
  env: { NODE_ENV: "development", SARAFAN_SETTINGS_TOLD: "true" },
  output: "inherit",
  isServer: true,
});
process.exitCode = code;

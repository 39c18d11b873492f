import { writeFileSync } from "node:fs";
import { setThrowawaySecret } from "./internal/settings";

setThrowawaySecret();
const { composeSettingsDocuments } = await import("./internal/settings-documents");
for (const [file, text] of Object.entries(await composeSettingsDocuments())) writeFileSync(file, text);

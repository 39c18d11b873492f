import { readFileSync } from "node:fs";
import { expect, test } from "playwright/test";
import { composeSettingsDocuments } from "./internal/settings-documents";

// After a change of a setting: `npm run settings`.
for (const [file, text] of Object.entries(composeSettingsDocuments())) {
  test(`${file} describes the settings as the schemas that read them`, () => {
    expect(readFileSync(file, "utf8")).toBe(text);
  });
}

import { readFileSync } from "node:fs";
import { expect, test } from "playwright/test";

test("each threat of SECURITY.md names a test that there is", () => {
  const rows = readFileSync("SECURITY.md", "utf8").matchAll(/^\|.*\| *`([^`]+)`: (.+?) *\|$/gm);
  const named = [...rows].map(([, file = "", title = ""]) => ({ file, title }));
  expect(named.length).toBeGreaterThan(40);
  for (const { file, title } of named) expect(readFileSync(file, "utf8"), `${file}: ${title}`).toContain(title);
});

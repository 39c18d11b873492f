import path from "node:path";
// biome-ignore lint/style/noRestrictedImports: the test breaks the database directly.
import Database from "better-sqlite3";
import { expect, test } from "../fixtures";
import { logIn, readInviteCode } from "./journeys";

test("while the database fails, our own page appears without details, no session ends, and the server recovers", async ({
  page,
  phone,
  startServer,
}) => {
  const server = await startServer();
  await page.goto(`${server.url}/login`);
  await logIn(page, phone, server.codeFor);
  await readInviteCode(page);

  const database = new Database(path.join(server.dataFolder, "sarafan.db"));
  database.exec('ALTER TABLE "Session" RENAME TO "Lost"');
  const response = await page.goto(`${server.url}/profile`);
  expect(response?.status()).toBe(500);
  await expect(page.getByRole("heading", { name: "У нас что-то сломалось" })).toBeVisible();
  expect(await page.content()).not.toMatch(/prisma|sqlite|select/i);

  database.exec('ALTER TABLE "Lost" RENAME TO "Session"');
  database.close();
  await page.getByRole("button", { name: "Попробовать ещё раз" }).click();
  await expect(page.getByRole("heading", { name: "Ваш профиль" })).toBeAttached();
});

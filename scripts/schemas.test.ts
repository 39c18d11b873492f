import { readFileSync } from "node:fs";
import { expect, test } from "playwright/test";
import { SCHEMAS } from "./database";
import { composePostgresSchema, diffSchemas } from "./schemas";

test("the schema of PostgreSQL is that of SQLite", () => {
  expect(readFileSync(SCHEMAS.postgresql, "utf8")).toBe(composePostgresSchema());
});

test("the migrations of either database make what its schema says", async () => {
  expect(await diffSchemas()).toEqual({ sqlite: "", postgresql: "" });
});

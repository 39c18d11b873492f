import { readFileSync } from "node:fs";
import { expect, test } from "playwright/test";
import { isClientOf } from "./database";
import { diffSchemas } from "./schemas";

test("the migrations of either database make what its schema says", async () => {
  expect(await diffSchemas()).toEqual({ sqlite: "", postgresql: "" });
});

test("a client of another schema or of another Prisma is recognised", () => {
  const schema = readFileSync("prisma/schema.prisma", "utf8");
  const client = readFileSync("lib/db/generated/sqlite/internal/class.ts", "utf8");
  expect(isClientOf(schema, client)).toBe(true);
  expect(isClientOf(schema.replace("Boolean", "  Boolean"), client)).toBe(true);
  expect(isClientOf(schema.replace("model User {", "model User {\n  age Int?"), client)).toBe(false);
  expect(isClientOf(schema, client.replace(/"clientVersion": ".*"/, '"clientVersion": "7.0.0"'))).toBe(false);
});

import { expect, test } from "playwright/test";
import { diffSchemas } from "./schemas";

test("the migrations of either database make what its schema says", async () => {
  expect(await diffSchemas()).toEqual({ sqlite: "", postgresql: "" });
});

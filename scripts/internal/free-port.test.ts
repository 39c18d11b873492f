import { expect, test } from "playwright/test";
import { findFreePort } from "./free-port";

test("ports that are looked for at the same time differ", async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, findFreePort));
  expect(new Set(ports).size).toBe(ports.length);
});

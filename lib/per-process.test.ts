import { expect, _baseTest as test } from "playwright/test";
import { perProcess } from "./per-process";

test("state is made once, also where it is nothing", () => {
  let made = 0;
  const make = () => {
    made += 1;
  };
  perProcess("test of nothing", make);
  perProcess("test of nothing", make);
  expect(made).toBe(1);
});

test("two copies of the module, as two bundles have them, hand out the same state", async () => {
  const copy: typeof import("./per-process") = await import(new URL("./per-process.ts?copy", import.meta.url).href);
  expect(copy.perProcess).not.toBe(perProcess);
  const state = perProcess("test of copies", () => new Map());
  expect(copy.perProcess("test of copies", () => new Map())).toBe(state);
});

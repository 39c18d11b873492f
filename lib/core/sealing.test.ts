import { randomBytes } from "node:crypto";
import { expect, _baseTest as test } from "playwright/test";
import { seal, unseal } from "./sealing";

const [current, previous] = [randomBytes(32), randomBytes(32)];
const value = Buffer.from("a secret of an endpoint");

test("a sealed value opens with its key and its context, and with no other ones", () => {
  const text = seal([current], value, "we_one");
  expect(text).not.toContain(value.toString("base64url"));
  expect(unseal([current], text, "we_one")).toEqual({ value, isOld: false });
  expect(unseal([previous], text, "we_one")).toBe(null);
  expect(unseal([current], text, "we_other"), "moved to another row").toBe(null);
  expect(seal([current], value, "we_one"), "each has its own nonce").not.toBe(text);
});

test("a value that the previous key sealed opens, and says that it should be sealed again", () => {
  const text = seal([previous], value, "we_one");
  expect(unseal([current, previous], text, "we_one")).toEqual({ value, isOld: true });
});

test("a sealed value that was changed or cut does not open", () => {
  const bytes = Buffer.from(seal([current], value, "we_one"), "base64url");
  for (const at of [0, 12, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(unseal([current], changed.toString("base64url"), "we_one"), String(at)).toBe(null);
  }
  expect(unseal([current], bytes.subarray(0, 20).toString("base64url"), "we_one")).toBe(null);
  expect(unseal([current], "", "we_one")).toBe(null);
});

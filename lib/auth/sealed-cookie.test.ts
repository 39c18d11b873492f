import { EncryptJWT, jwtDecrypt } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import { z } from "zod";
import { deriveKeys } from "@/lib/core/keys";
import { decryptToken, encryptToken } from "./sealed-cookie";

const TOKEN = { purpose: "a test", schema: z.object({ name: z.string() }), ttlMs: 60_000 };
const key = new Uint8Array(deriveKeys(`seal: ${TOKEN.purpose}`)[0]);
const HEADER = { alg: "dir", enc: "A256GCM" };

test("a token is decrypted for its purpose only, and is a JWE that other libraries can read and make", async () => {
  const token = encryptToken(TOKEN, { name: "Анна" });
  expect(token).not.toContain("Анна");
  expect(decryptToken(TOKEN, token)).toEqual({ name: "Анна" });
  expect(decryptToken({ ...TOKEN, purpose: "another" }, token)).toBeNull();
  const { payload, protectedHeader } = await jwtDecrypt(token, key);
  expect(protectedHeader).toEqual(HEADER);
  expect(payload).toMatchObject({ name: "Анна", exp: Number(payload.iat) + 60 });
  const foreign = new EncryptJWT({ name: "Анна" }).setProtectedHeader(HEADER).setIssuedAt().setExpirationTime("1m");
  expect(decryptToken(TOKEN, await foreign.encrypt(key))).toEqual({ name: "Анна" });
});

test("a token that is forged, cut, expired, of another shape or another cipher is not decrypted", async () => {
  const token = encryptToken(TOKEN, { name: "Анна" });
  const parts = token.split(".");
  const changed = parts.flatMap((part, at) => {
    const other = part === "" ? "AAAA" : `${part[0] === "A" ? "B" : "A"}${part.slice(1)}`;
    return [parts.with(at, other), parts.with(at, ""), parts.with(at, part.slice(0, -2))].map((all) => all.join("."));
  });
  const odd = ["", ".", "....", `${token}.`, `${token}.AAAA`, token.slice(1), "a.b.c.d.e", "🗝️"];
  for (const text of [...changed, ...odd]) {
    if (text !== token) expect(decryptToken(TOKEN, text), text).toBeNull();
  }
  expect(decryptToken(TOKEN, encryptToken({ ...TOKEN, ttlMs: -1000 }, { name: "Анна" }))).toBeNull();
  expect(decryptToken({ ...TOKEN, schema: z.object({ other: z.string() }) as never }, token)).toBeNull();
  const jwt = () => new EncryptJWT({ name: "Анна" }).setIssuedAt().setExpirationTime("1m");
  expect(
    decryptToken(TOKEN, await jwt().setProtectedHeader({ alg: "A256KW", enc: "A256GCM" }).encrypt(key)),
  ).toBeNull();
  expect(
    decryptToken(TOKEN, await jwt().setProtectedHeader({ alg: "dir", enc: "A128GCM" }).encrypt(key.slice(16))),
  ).toBeNull();
});

import { createPrivateKey } from "node:crypto";
import { decodeJwt, SignJWT } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import { deriveKeys } from "@/lib/core/keys";
import type { ClientSession } from "@/lib/core/sessions/sessions";
import { env } from "@/lib/env";
import { issueTokens, readRefreshToken } from "./tokens";

const now = new Date();
const id = crypto.randomUUID();
const session: ClientSession = {
  id,
  firstId: id,
  userId: 1,
  provenPhone: null,
  createdAt: now,
  expiresAt: new Date(now.getTime() + 60_000),
  isNew: false,
  isClient: true,
  generation: 3,
  refreshedAt: now,
};

test("a refresh token names its session and generation, and is the same each time", async () => {
  const { refresh } = await issueTokens(session);
  expect(await readRefreshToken(refresh)).toEqual({ id: session.id, generation: 3 });
  expect((await issueTokens(session)).refresh).toBe(refresh);
  expect((await issueTokens({ ...session, generation: 4 })).refresh).not.toBe(refresh);
});

test("a refresh token that was changed, cut or made up is refused, and so is an access token", async () => {
  const { refresh, access } = await issueTokens(session);
  const [header, payload = "", signature = ""] = refresh.split(".");
  const claims = { ...decodeJwt(refresh), generation: 4 };
  const changed = Buffer.from(JSON.stringify(claims)).toString("base64url");
  const others = [
    `${header}.${changed}.${signature}`,
    `${header}.${payload}.${signature.slice(1)}`,
    `${header}.${payload}.`,
    `${refresh}x`,
    "",
    access,
  ];
  for (const other of others) expect(await readRefreshToken(other), other).toBeNull();
});

test("a refresh token of version 0.1, which was signed, is good until it ends", async () => {
  const prefix = Buffer.from("302e020100300506032b657004220420", "hex");
  const der = Buffer.concat([prefix, deriveKeys("token signature")[0]]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const signed = (expiresAt: Date) =>
    new SignJWT({ sub: "1", sid: session.id, generation: 3 })
      .setProtectedHeader({ alg: "EdDSA", typ: "refresh+jwt" })
      .setIssuer(env.APP_URL)
      .setAudience(`${env.APP_URL}/api/auth/refresh_token/`)
      .setExpirationTime(expiresAt)
      .sign(key);
  expect(await readRefreshToken(await signed(session.expiresAt))).toEqual({ id: session.id, generation: 3 });
  expect(await readRefreshToken(await signed(new Date(now.getTime() - 60_000)))).toBeNull();
});

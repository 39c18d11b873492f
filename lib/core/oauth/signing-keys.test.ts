import { createPublicKey } from "node:crypto";
import { createLocalJWKSet, jwtVerify, SignJWT } from "jose";
import { expect, _baseTest as test } from "playwright/test";
import { SIGNING_KEY_KEPT_MS, SIGNING_KEY_PUBLISHED_BEFORE_MS } from "@/lib/core/policy";
import { readPrimary, write } from "@/lib/db/database";
import { errorsOf } from "@/lib/testing/log";
import { after, failureOf } from "@/lib/testing/people";
import {
  getSigningKey,
  listPublicKeys,
  revokeSigningKey,
  rotateSigningKeys,
  SigningAlgorithm,
  type SigningKey,
} from "./signing-keys";

// The tests change all keys of the database, so they run one after the other.
test.describe.configure({ mode: "serial" });

test.beforeEach(() => write((tx) => tx.signingKey.deleteMany({})));

const sign = ({ id, algorithm, privateKey }: SigningKey) =>
  new SignJWT({}).setProtectedHeader({ alg: algorithm, kid: id }).sign(privateKey);
const isPublished = async (token: string, now: Date) =>
  jwtVerify(token, createLocalJWKSet(await listPublicKeys(now))).then(
    () => true,
    () => false,
  );

test("each algorithm has one key, also when many ask for the first one at the same time", async () => {
  const now = new Date();
  for (const algorithm of SigningAlgorithm.options) {
    const asked = await Promise.all(Array.from({ length: 8 }, () => getSigningKey(algorithm, now)));
    expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
    expect(await isPublished(await sign(asked[0] as SigningKey), now)).toBe(true);
  }
  const { keys } = await listPublicKeys(now);
  expect(keys.map(({ alg, kty, use }) => ({ alg, kty, use }))).toEqual([
    { alg: "RS256", kty: "RSA", use: "sig" },
    { alg: "EdDSA", kty: "OKP", use: "sig" },
    { alg: "ES256", kty: "EC", use: "sig" },
  ]);
});

test("the database and the published keys have no private key in clear", async () => {
  await Promise.all(SigningAlgorithm.options.map((algorithm) => getSigningKey(algorithm)));
  const rows = await readPrimary.signingKey.findMany();
  for (const { privateKey, publicKey } of rows) {
    expect(privateKey).toMatch(/^[\w-]+$/);
    expect(Buffer.from(privateKey, "base64url").toString("latin1")).not.toContain("PRIVATE KEY");
    expect(Object.keys(JSON.parse(publicKey))).not.toContain("d");
  }
  for (const key of (await listPublicKeys()).keys) {
    expect(createPublicKey({ key, format: "jwk" }).type).toBe("public");
    for (const name of ["d", "p", "q", "dp", "dq", "qi", "k"]) expect(Object.keys(key)).not.toContain(name);
  }
});

test("a new key is published an hour before it signs, and the tokens of the one before it stay valid", async () => {
  const now = new Date();
  const old = await getSigningKey("RS256", now);
  const token = await sign(old);
  const [rotated] = await rotateSigningKeys(now);
  const changesAt = after(now, SIGNING_KEY_PUBLISHED_BEFORE_MS);
  expect(rotated).toMatchObject({ algorithm: "RS256", signsFrom: changesAt });
  expect((await listPublicKeys(now)).keys.map(({ kid }) => kid)).toEqual([rotated?.id, old.id]);

  expect((await getSigningKey("RS256", after(changesAt, -1))).id).toBe(old.id);
  const next = await getSigningKey("RS256", changesAt);
  expect(next.id).toBe(rotated?.id);
  expect(next.id).not.toBe(old.id);

  expect(await isPublished(token, after(changesAt, SIGNING_KEY_KEPT_MS - 1))).toBe(true);
  expect(await isPublished(token, after(changesAt, SIGNING_KEY_KEPT_MS))).toBe(false);
  expect(await isPublished(await sign(next), after(changesAt, SIGNING_KEY_KEPT_MS))).toBe(true);
});

test("a key that became known is revoked: its tokens are refused, and the next key signs at once", async () => {
  const now = new Date();
  const leaked = await getSigningKey("RS256", now);
  const other = await getSigningKey("ES256", now);
  const token = await sign(leaked);
  expect(failureOf(await revokeSigningKey(leaked.id, now))).toBe("none");
  expect(failureOf(await revokeSigningKey(leaked.id, now))).toBe("key_unknown");
  expect(await isPublished(token, now)).toBe(false);
  const next = await getSigningKey("RS256", now);
  expect(next.id).not.toBe(leaked.id);
  expect(await isPublished(await sign(next), now)).toBe(true);
  expect((await getSigningKey("ES256", now)).id).toBe(other.id);

  const [rotated] = await rotateSigningKeys(now);
  expect(failureOf(await revokeSigningKey(next.id, now)), "while its successor waits").toBe("none");
  const successor = await getSigningKey(rotated?.algorithm ?? "RS256", now);
  expect(successor.id).toBe(rotated?.id);
  expect((await listPublicKeys(now)).keys.map(({ kid }) => kid)).not.toContain(next.id);

  const waiting = (await rotateSigningKeys(now)).find(({ algorithm }) => algorithm === "RS256");
  expect(failureOf(await revokeSigningKey(waiting?.id ?? "", now)), "before it has signed").toBe("none");
  const last = await getSigningKey("RS256", now);
  expect([successor.id, waiting?.id]).not.toContain(last.id);
});

test("of parallel rotations one makes a key, and a further one waits until it signs", async () => {
  const now = new Date();
  await getSigningKey("ES256", now);
  const rotated = await Promise.all([rotateSigningKeys(now), rotateSigningKeys(now), rotateSigningKeys(now)]);
  expect(new Set(rotated.flat().map(({ id }) => id)).size).toBe(1);
  expect(await rotateSigningKeys(now)).toEqual(rotated[0]);
  expect(await readPrimary.signingKey.findMany()).toHaveLength(2);
  const later = after(now, SIGNING_KEY_PUBLISHED_BEFORE_MS);
  expect((await rotateSigningKeys(later))[0]?.id).not.toBe(rotated[0]?.[0]?.id);
});

test("if AUTH_SECRET opens no key, a new one signs at once, and the old one stays published", async () => {
  const now = new Date();
  const lost = await getSigningKey("EdDSA", now);
  const token = await sign(lost);
  await write((tx) =>
    tx.signingKey.updateMany({ data: { privateKey: "c2VhbGVkIGJ5IGFub3RoZXIgc2VjcmV0IHRoYXQgaXMgZ29uZQ" } }),
  );
  const asked: SigningKey[] = [];
  const errors = await errorsOf(async () => {
    asked.push(...(await Promise.all([getSigningKey("EdDSA", now), getSigningKey("EdDSA", now)])));
  });
  expect(errors).toContain("AUTH_SECRET opens no signing key of EdDSA: a new one signs");
  expect(new Set(asked.map(({ id }) => id)).size).toBe(1);
  expect(asked[0]?.id).not.toBe(lost.id);
  expect(await isPublished(token, now)).toBe(true);
});

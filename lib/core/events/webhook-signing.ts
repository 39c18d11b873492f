import { createHmac, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { deriveKeys } from "@/lib/core/keys";
import { seal, unseal } from "@/lib/core/sealing";

const SECRET_BYTES = 32;
const SEED_BYTES = 32;
/** What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");

const KEYS = deriveKeys("webhook secrets");

/** The secrets of an endpoint: one that it shares with the receiver, and a private key. */
export interface WebhookSecrets {
  /** Signs by HMAC-SHA256 (`v1`). */
  shared: Buffer;
  /** Signs by Ed25519 (`v1a`). */
  privateKey: KeyObject;
}

/** Draws the secrets of an endpoint. `sealed` is what is stored; `secret` and `publicKey` are what the receiver gets. */
export function drawWebhookSecrets(endpointId: string): { sealed: string; secret: string; publicKey: string } {
  const bytes = randomBytes(SECRET_BYTES + SEED_BYTES);
  const { shared, privateKey } = secretsOf(bytes);
  const publicBytes = createPublicKey(privateKey).export({ type: "spki", format: "der" }).subarray(-32);
  return {
    sealed: seal(KEYS, bytes, endpointId),
    secret: `whsec_${shared.toString("base64")}`,
    publicKey: `whpk_${publicBytes.toString("base64")}`,
  };
}

/**
 * Opens the stored secrets of an endpoint. If they were sealed by `AUTH_SECRET_PREVIOUS`, `resealed` has them sealed by `AUTH_SECRET`.
 * Returns null if neither setting opens them.
 */
export function openWebhookSecrets(
  sealed: string,
  endpointId: string,
): { secrets: WebhookSecrets; resealed: string | null } | null {
  const opened = unseal(KEYS, sealed, endpointId);
  if (!opened) return null;
  return {
    secrets: secretsOf(opened.value),
    resealed: opened.isOld ? seal(KEYS, opened.value, endpointId) : null,
  };
}

function secretsOf(bytes: Buffer): WebhookSecrets {
  const seed = bytes.subarray(SECRET_BYTES);
  const key = Buffer.concat([PKCS8_PREFIX, seed]);
  return {
    shared: bytes.subarray(0, SECRET_BYTES),
    privateKey: createPrivateKey({ key, format: "der", type: "pkcs8" }),
  };
}

/**
 * Returns the headers of a webhook as the Standard Webhooks specify them
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): each of the secrets signs by HMAC (`v1`)
 * and by Ed25519 (`v1a`). `at` is the time of this attempt.
 */
export function signWebhook(
  { id, at, body }: { id: string; at: Date; body: string },
  secrets: readonly WebhookSecrets[],
): Record<string, string> {
  const timestamp = Math.floor(at.getTime() / 1000);
  const signed = Buffer.from(`${id}.${timestamp}.${body}`);
  const signatures = secrets.flatMap(({ shared, privateKey }) => [
    `v1,${createHmac("sha256", shared).update(signed).digest("base64")}`,
    `v1a,${sign(null, signed, privateKey).toString("base64")}`,
  ]);
  return { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signatures.join(" ") };
}

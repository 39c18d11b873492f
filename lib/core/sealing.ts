import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

const ALGORITHM = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Keys of `deriveKeys`: the first one seals. */
type Keys = readonly [Buffer, ...Buffer[]];

/**
 * Encrypts and authenticates a value for storage (AES-256-GCM, NIST SP 800-38D). `context`, such as the id of the row, is authenticated
 * as well: the value can be opened with the same context only. Returns text in base64url.
 */
export function seal(keys: Keys, value: Buffer, context: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, keys[0], nonce).setAAD(Buffer.from(context));
  const sealed = Buffer.concat([cipher.update(value), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64url");
}

/**
 * Opens a value that `seal` sealed with any of the keys. `isOld` says that it was not the first key, so that the value should be sealed
 * again before the old key is gone. Returns null if no key fits, or if the text was changed.
 */
export function unseal(keys: Keys, text: string, context: string): { value: Buffer; isOld: boolean } | null {
  const bytes = Buffer.from(text, "base64url");
  for (const [at, key] of keys.entries()) {
    const value = open(key, bytes, context);
    if (value) return { value, isOld: at > 0 };
  }
  return null;
}

function open(key: Buffer, bytes: Buffer, context: string): Buffer | null {
  try {
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(context))
      .setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
  } catch {
    return null;
  }
}

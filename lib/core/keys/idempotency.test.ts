import { expect, test } from "playwright/test";
import { createAccount } from "@/lib/core/administration/accounts";
import type { ApiKeyActor } from "@/lib/core/administration/actor";
import { COMMAND_LINE } from "@/lib/core/administration/actor";
import { IDEMPOTENCY_KEYS_KEPT_MS, IDEMPOTENT_REQUEST_MS_MAX } from "@/lib/core/policy";
import { readPrimary, transact } from "@/lib/db/database";
import { failureOf, freshPhone } from "@/lib/testing/people";
import { Crash, withCrashAfter, withEachWriteRunAgain } from "@/lib/testing/transactions";
import { makeApiKey } from "./api-keys";
import { type Attempt, AttemptLost, beginRequest, forgetRequest, storeAnswer } from "./idempotency";

const content = "POST\n/api/manage/v1/accounts\n{}";
const after = (time: Date, ms: number) => new Date(time.getTime() + ms);

async function freshRequest() {
  const made = await makeApiKey(COMMAND_LINE, { name: "a test", scopes: ["accounts:write"], endsAt: null });
  if (!made.ok) throw new Error(made.failure.name);
  return { keyId: made.value.id, key: crypto.randomUUID(), content };
}

async function begin(request: Awaited<ReturnType<typeof freshRequest>>, now = new Date()): Promise<Attempt> {
  const begun = await beginRequest(request, now);
  if (!begun.ok || !("attempt" in begun.value)) throw new Error("the request was begun before");
  return begun.value.attempt;
}

/** Makes an account as the attempt's deed, with its id as the answer. */
function makeAccount(attempt: Attempt, phone = freshPhone()) {
  const settle: ApiKeyActor["settle"] = (tx, value) =>
    storeAnswer(tx, attempt, { status: 201, headers: {}, body: { id: (value as { id: number }).id } });
  return createAccount({ kind: "api_key", keyId: attempt.keyId, settle }, { phone });
}

test("a request that is sent again gets the first answer, and another one with its key is refused", async () => {
  const request = await freshRequest();
  const now = new Date();
  const made = await makeAccount(await begin(request, now));
  if (!made.ok) throw new Error(made.failure.name);
  const answer = { status: 201, headers: {}, body: { id: made.value.id } };
  expect(await beginRequest(request, after(now, 1))).toEqual({ ok: true, value: { answer } });
  const changed = { ...request, content: `${content} ` };
  expect(failureOf(await beginRequest(changed, after(now, 1)))).toBe("idempotency_key_reused");
  expect(failureOf(await beginRequest({ ...changed, keyId: request.keyId + 1_000_000 }, now))).toBe("none");
  await begin(changed, after(now, IDEMPOTENCY_KEYS_KEPT_MS));
});

test("of parallel requests with one key one runs, and the others are told so", async () => {
  const request = await freshRequest();
  const begun = await Promise.all(Array.from({ length: 24 }, () => beginRequest(request, new Date())));
  expect(begun.map(failureOf).sort()).toEqual(["none", ...Array.from({ length: 23 }, () => "request_running")].sort());
});

test("an attempt that was lost is begun again, and has no effect when it comes back", async () => {
  const request = await freshRequest();
  const now = new Date();
  const [lost, phone] = [await begin(request, now), freshPhone()];
  expect(failureOf(await beginRequest(request, after(now, IDEMPOTENT_REQUEST_MS_MAX - 1)))).toBe("request_running");
  const later = await begin(request, after(now, IDEMPOTENT_REQUEST_MS_MAX));
  await expect(makeAccount(lost, phone)).rejects.toThrow(AttemptLost);
  expect(await readPrimary.user.findUnique({ where: { phone } })).toBeNull();
  expect(failureOf(await makeAccount(later, phone))).toBe("none");
});

test("a crash leaves both the deed and its answer, or neither", async () => {
  const request = await freshRequest();
  const now = new Date();
  const [attempt, phone] = [await begin(request, now), freshPhone()];
  await expect(withCrashAfter(0, () => makeAccount(attempt, phone))).rejects.toThrow(Crash);
  expect(await readPrimary.user.findUnique({ where: { phone } })).toBeNull();
  expect(failureOf(await beginRequest(request, now))).toBe("request_running");
  const again = await begin(request, after(now, IDEMPOTENT_REQUEST_MS_MAX));
  await withEachWriteRunAgain(() => makeAccount(again, phone));
  const user = await readPrimary.user.findUniqueOrThrow({ where: { phone } });
  expect(await beginRequest(request, now)).toMatchObject({ ok: true, value: { answer: { body: { id: user.id } } } });
});

test("an attempt that failed leaves no row, and one that is done stays", async () => {
  const request = await freshRequest();
  const failed = await begin(request);
  await forgetRequest(failed);
  const done = await begin(request);
  await transact((tx) => storeAnswer(tx, done, { status: 204, headers: {}, body: null }));
  await forgetRequest(done);
  await forgetRequest(failed);
  expect(await beginRequest(request, new Date())).toMatchObject({ ok: true, value: { answer: { status: 204 } } });
});

test("the content of a request is stored as a keyed hash", async () => {
  const phone = freshPhone();
  const request = { ...(await freshRequest()), content: `POST ${phone}` };
  await begin(request);
  const where = { keyId: request.keyId };
  expect(JSON.stringify(await readPrimary.idempotencyKey.findMany({ where }))).not.toContain(phone.slice(1));
});

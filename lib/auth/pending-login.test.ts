import { expect, _baseTest as test } from "playwright/test";
import { newPendingLogin, PendingLogin } from "./pending-login";

test("a login that was begun under version 0.1 goes on with its invite code", () => {
  const pending = newPendingLogin();
  const before = { ...pending, phone: "+79451234567", invite: { code: "7F3K9Q", inviter: "+7 945 ··· ·· 45" } };
  expect(PendingLogin.parse(before)).toEqual({ ...pending, phone: "+79451234567", invite: { code: "7F3K9Q" } });
});

import type { APIRequestContext, Browser } from "playwright/test";
import { expect, test } from "../fixtures";
import { acceptInvitation, logInWithShownCode, logOut, readInviteCode } from "./journeys";

// These tests need only an address where codes are shown: E2E_BASE_URL=https://… npx playwright test --grep @smoke

/** Signs a person up in a separate browser. Accepts an invitation first, if there is one. */
async function signUp(browser: Browser, phone: string, invitation?: string) {
  const page = await (await browser.newContext()).newPage();
  if (invitation) await acceptInvitation(page, invitation);
  else await page.goto("/login");
  await logInWithShownCode(page, phone);
  return { page, inviteCode: await readInviteCode(page) };
}

test("a person logs in, invites another one, who activates the code, and both log out", {
  tag: "@smoke",
}, async ({ browser, freshPhone }) => {
  const inviter = await signUp(browser, freshPhone());
  const invitee = await signUp(browser, freshPhone(), inviter.inviteCode);
  await expect(invitee.page.getByRole("heading", { name: "Вы пришли по приглашению" })).toBeVisible();
  await inviter.page.reload();
  await expect(inviter.page.getByRole("heading", { name: "По вашему приглашению пришёл 1 человек" })).toBeVisible();
  for (const { page } of [invitee, inviter]) await logOut(page);
  await inviter.page.goto("/profile");
  await expect(inviter.page).toHaveURL(/\/login$/);
});

/** Posts JSON that must be accepted, and returns the body of the answer. */
async function post(client: APIRequestContext, path: string, data: unknown) {
  const answer = await client.post(path, { data });
  expect(answer.ok(), `${path} ${answer.status()} ${await answer.text()}`).toBe(true);
  return answer.json();
}

test("each of the five APIs sends a code, and the two that show it log in with it", {
  tag: "@smoke",
}, async ({ newClient, freshPhone }) => {
  const [v1, users, enter, bearer, verification] = await Promise.all(Array.from({ length: 5 }, () => newClient()));
  if (!v1 || !users || !enter || !bearer || !verification) throw new Error("Each API has a client.");
  await post(v1, "/api/v1/login/", { phone_number: freshPhone() });
  const phone = freshPhone();
  await post(users, "/api/users/authenticate/", { phone, email: `${phone.slice(1)}@sarafan.example` });
  await post(bearer, "/api/auth/request_code/", { phone: freshPhone() });

  const { "Verification code": code } = await post(enter, "/api/enter_phone/", { phone: freshPhone() });
  await post(enter, "/api/enter_code/", { verification_code: code });
  expect((await (await enter.get("/api/profile/")).json()).invite_code).toMatch(/^[0-9A-Z]{6}$/);

  const phone_number = freshPhone();
  const sent = await post(verification, "/api/verification_phone/send_code", { phone_number });
  await post(verification, "/api/verification_phone/invite_code", { phone_number, code: sent.code });
  const { profile } = await (await verification.get(`/api/verification_phone/profile/${phone_number}`)).json();
  expect(profile.self_invite).toMatch(/^[0-9A-Z]{6}$/);
});

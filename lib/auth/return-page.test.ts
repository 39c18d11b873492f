import { expect, _baseTest as test } from "playwright/test";
import type { InviteCode } from "@/lib/core/invites/invite-code";
import { loginPage, pageAfterLogin, ReturnPage } from "./return-page";

const CONTINUE_PAGE = "/oauth/continue/0123456789-_ABCDEFghij";
const INVITE_CODE = "7K4M2P" as InviteCode;

test("a login leads to the pages that need one, to invitations and to requests for authorization", () => {
  for (const page of ["/account", "/account/phone", "/account/delete", `/i/${INVITE_CODE}`, CONTINUE_PAGE] as const) {
    expect(ReturnPage.safeParse(page).data).toBe(page);
    expect(new URL(loginPage(page), "http://localhost").searchParams.get("next")).toBe(page);
  }
  expect(loginPage(null)).toBe("/login");
  expect(loginPage(null, { step: "code" })).toBe("/login?step=code");
  expect(loginPage("/account", { step: "code", sent: "no" })).toBe("/login?step=code&sent=no&next=%2Faccount");
});

test("a login for an application leads back to its request, and any other login to the invitation that was accepted", () => {
  expect(pageAfterLogin(CONTINUE_PAGE, INVITE_CODE)).toBe(CONTINUE_PAGE);
  expect(pageAfterLogin("/account", INVITE_CODE)).toBe(`/i/${INVITE_CODE}`);
  expect(pageAfterLogin(null, INVITE_CODE)).toBe(`/i/${INVITE_CODE}`);
  expect(pageAfterLogin("/account", null)).toBe("/account");
  expect(pageAfterLogin(null, null)).toBe("/profile");
});

test("a login leads to no other site, in no spelling of its address, and to nothing that isn't a page", () => {
  for (const page of [
    "https://evil.example/account",
    "//evil.example/account",
    "\\\\evil.example",
    "/\\evil.example",
    "/%2f/evil.example",
    "/%5cevil.example",
    "/account@evil.example",
    "/account/../../evil.example",
    "/account/..%2f..%2fevil.example",
    "/account?next=//evil.example",
    "/account#//evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "/account\r\nLocation: https://evil.example",
    "/account\n",
    "\t//evil.example",
    " /account",
    "/account\u0000",
    "account",
    "/account/",
    "/account/export",
    "/ACCOUNT",
    "/i/",
    "/i/../account",
    "/i/7k4m2p",
    "/i/7K4M2P/",
    "/i/7K4M2P\n",
    "/i//evil.example",
    "/i/7K4 M2P",
    "/api/auth/logout",
    "/oauth/continue/",
    "/oauth/continue/0123456789-_ABCDEFghi",
    "/oauth/continue/0123456789-_ABCDEFghijk",
    "/oauth/continue/0123456789-_ABCDEFghij/",
    "/oauth/continue/0123456789-_ABCDEFghij\n",
    "/oauth/continue/0123456789/_ABCDEFghij",
    "/oauth/continue/../continue/0123456789",
    "/oauth/consent/0123456789-_ABCDEFghij",
    "/oauth/authorize?client_id=x",
    "",
    ["/account", "//evil.example"],
    null,
    undefined,
  ]) {
    expect(ReturnPage.safeParse(page).success, JSON.stringify(page)).toBe(false);
  }
});

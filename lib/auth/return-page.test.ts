import { expect, _baseTest as test } from "playwright/test";
import { loginPage, ReturnPage } from "./return-page";

test("a login leads to the pages that need one, and to invitations", () => {
  for (const page of ["/account", "/account/phone", "/account/delete", "/i/7K4M2P"] as const) {
    expect(ReturnPage.safeParse(page).data).toBe(page);
    expect(new URL(loginPage(page), "http://localhost").searchParams.get("next")).toBe(page);
  }
  expect(loginPage(null)).toBe("/login");
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
    "",
    ["/account", "//evil.example"],
    null,
    undefined,
  ]) {
    expect(ReturnPage.safeParse(page).success, JSON.stringify(page)).toBe(false);
  }
});

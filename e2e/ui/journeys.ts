import { type BrowserContext, expect, type Page } from "playwright/test";

/** Returns the newest code that was sent to a phone; see `codeFor` of a server. */
type CodeFor = (phone: string) => Promise<string>;

/** Returns another code with as many digits. */
export function wrongCode(code: string): string {
  return code.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
}

/** Matches a phone, however a text groups its digits. */
export const inAnyGroups = (phone: string) => new RegExp([...phone.slice(1)].join("\\D*"));

/** Types the phone and requests a code, in Russian. */
export async function requestCode(page: Page, phone: string): Promise<void> {
  await page.getByLabel("Номер телефона").fill(phone);
  await page.getByRole("button", { name: "Получить код" }).click();
}

/** The first step, in Russian: from a page with a login link to the field for the code. */
export async function askForCode(page: Page, phone: string): Promise<void> {
  await requestCode(page, phone);
  await expect(page.getByLabel("Код из сообщения")).toBeVisible();
}

/** The first step by mail: the mailbox gets the code, and the phone is only claimed. */
export async function askForMailCode(page: Page, { email, phone }: { email: string; phone: string }): Promise<void> {
  await page.getByLabel("Электронная почта").fill(email);
  await askForCode(page, phone);
}

/** Opens an invitation and accepts it, which leads to the login. */
export async function acceptInvitation(page: Page, inviteCode: string, url = ""): Promise<void> {
  await page.goto(`${url}/i/${inviteCode}`);
  await page.getByRole("button", { name: "Принять приглашение" }).click();
  await expect(page.getByText(`Новый аккаунт сразу активирует код ${inviteCode}`)).toBeVisible();
}

/** Ends the session, which leads to the first page. */
export async function logOut(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Выйти" }).click();
  await expect(page.getByRole("link", { name: "Войти по номеру" })).toBeVisible();
}

/** The whole login, in Russian, with or without JavaScript. Ends on the page that the login leads to. */
export async function logIn(page: Page, phone: string, codeFor: CodeFor): Promise<void> {
  if (!page.url().includes("/login")) await page.goto("/login");
  await askForCode(page, phone);
  await enterCode(page, await codeFor(phone));
}

/** Logs in with the code that the page of a demonstration shows, from a page with the field for the phone. */
export async function logInWithShownCode(page: Page, phone: string): Promise<void> {
  await askForCode(page, phone);
  const shown = await page.getByText(/Демонстрация: .* здесь — \d+/).textContent();
  await enterCode(page, shown?.match(/\d+/)?.[0] ?? "");
}

/** Types the code, and presses the button where there is no script that sends it. */
export async function enterCode(page: Page, code: string): Promise<void> {
  const field = page.getByLabel("Код из сообщения");
  await expect(field).toBeVisible();
  // A page that still arrives may show its field before it has a script.
  await page.waitForLoadState("domcontentloaded");
  // Asked before the code is typed, because a script sends it, and the next page may be another site's.
  const isScripted = await page.evaluate(() => "__next_f" in window);
  await field.fill(code);
  if (!isScripted) await page.getByRole("button", { name: "Войти", exact: true }).click();
}

/** Logs a person in by requests of the browser, which take less time than the pages of a login. */
export async function logInByRequests(
  { request }: BrowserContext,
  phone: string,
  codeFor: CodeFor,
  url = "",
): Promise<void> {
  const asked = await request.post(`${url}/api/enter_phone/`, { data: { phone } });
  expect(asked.ok(), await asked.text()).toBe(true);
  const data = { verification_code: await codeFor(phone) };
  const entered = await request.post(`${url}/api/enter_code/`, { data });
  expect(entered.ok(), await entered.text()).toBe(true);
}

/** Opens the profile of a person who is logged in by requests, and returns their invite code. */
export async function openProfile(page: Page, phone: string, codeFor: CodeFor, url = ""): Promise<string> {
  await logInByRequests(page.context(), phone, codeFor, url);
  await page.goto(`${url}/profile`);
  return readInviteCode(page);
}

/** Logs an administrator in and opens the console with the code that it needs, at `path`. */
export async function openConsole(page: Page, phone: string, codeFor: CodeFor, path = "/admin"): Promise<void> {
  await logInByRequests(page.context(), phone, codeFor);
  await page.goto(path);
  await page.getByRole("button", { name: "Прислать код" }).click();
  await enterConsoleCode(page, await codeFor(phone));
}

/** Types the code that opens the console, and opens it. */
export async function enterConsoleCode(page: Page, code: string): Promise<void> {
  await page.getByLabel("Код из сообщения").fill(code);
  await page.getByRole("button", { name: "Открыть панель" }).click();
  await expect(page.getByRole("navigation", { name: "Разделы панели" })).toBeVisible();
}

/** The invite code on the profile's ticket. */
export async function readInviteCode(page: Page): Promise<string> {
  await expect(page).toHaveURL(/\/profile(\?done=activated)?$/);
  const link = await page.getByText(/\/i\/[0-9A-Z]{6}$/).textContent();
  return link?.slice(-6) ?? "";
}

/** Logs a new person in, in a separate browser, and returns their invite code. */
export async function signUp(
  context: BrowserContext,
  phone: string,
  codeFor: CodeFor,
): Promise<{ page: Page; inviteCode: string }> {
  const page = await context.newPage();
  return { page, inviteCode: await openProfile(page, phone, codeFor) };
}

/** The last two digits as a masked phone shows them. */
export function maskOf(phone: string): string {
  return `${phone.slice(0, 2)} ${phone.slice(2, 5)} ··· ·· ${phone.slice(-2)}`;
}

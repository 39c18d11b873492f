import { expect, _baseTest as test } from "playwright/test";
import "@/lib/core/policy";
import { describedSettings, listSettings } from "./env";

/** Parts of names of settings whose values are secrets, contain them, or are personal. */
const SECRET_NAME =
  /SECRET|TOKEN$|PASSWORD|LOGIN$|API_ID|_SID$|PHONES$|^DATABASE_(READ_)?URL$|^SMTP_URL$|^HTTP_SENDER_/;

test("settings in force come without secrets, and say where their values come from", () => {
  const settings = new Map(listSettings().map(({ name, ...rest }) => [name, rest]));
  expect(settings.size).toBeGreaterThan(80);
  const secret = [...describedSettings().keys()].filter((name) => SECRET_NAME.test(name));
  expect(secret.length).toBeGreaterThan(12);
  for (const name of secret) expect(settings.get(name)?.value || null, name).toBeNull();
  expect(settings.get("AUTH_SECRET")).toEqual({ value: null, source: "environment" });
  expect(settings.get("ADMIN_PHONES")).toEqual({ value: null, source: "environment" });
  expect(settings.get("CODE_DIGITS")).toEqual({ value: "4", source: "default" });
  expect(settings.get("APP_URL")).toEqual({ value: "http://localhost:3000", source: "default" });
  expect(settings.get("SMSC_PASSWORD")).toEqual({ value: "", source: "default" });
  expect(settings.get("AUTH_URL")).toBeUndefined();
  const budget = listSettings("PORT,SMS_BUDGET_PER_DAY").find(({ name }) => name === "SMS_BUDGET_PER_DAY");
  expect(budget).toEqual({ name: "SMS_BUDGET_PER_DAY", value: "100000", source: "file" });
});

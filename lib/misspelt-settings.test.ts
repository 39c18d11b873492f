import { expect, _baseTest as test } from "playwright/test";
import { describeMisspelt } from "./misspelt-settings";

const SETTINGS = new Set(["REVEAL_CODES", "PORT", "SENDERS", "SMSRU_URL", "SMSC_URL"]);
const meantBy = (name: string) =>
  describeMisspelt([name], SETTINGS).map((sentence) => /is (\w+) meant/.exec(sentence)?.[1]);

test("a name one letter off a setting is reported with that setting", () => {
  for (const name of ["REVEAL_CODE", "REVEALCODES", "REVEAL_CODESS", "REVEAL_COEDS", "REVEAL-CODES", "reveal_codes"]) {
    expect(meantBy(name), name).toEqual(["REVEAL_CODES"]);
  }
  expect(meantBy("SENDER_KZ")).toEqual(["SENDERS_KZ"]);
  expect(meantBy("SMSRU_ULR")).toEqual(["SMSRU_URL"]);
});

test("settings, and names that resemble none, are not reported", () => {
  const names = [
    ...SETTINGS,
    "SENDERS_KZ",
    "PATH",
    "HOME",
    "PO",
    "REVEAL_THE_CODES",
    "REVEAL",
    "SMS_URL_",
    "",
    "LC_ALL",
  ];
  expect(describeMisspelt(names, SETTINGS)).toEqual([]);
});

import { expect, _baseTest as test } from "playwright/test";
import { prefersPage } from "./accept";
import { preferredLanguage } from "./accept-language";

const PAGE = [
  "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "text/html, application/xhtml+xml, image/jxr, */*;q=0.5",
  "text/html",
  "TEXT/HTML; charset=utf-8",
  "text/*",
  "text/*;q=0.5, */*;q=0.1",
  "application/json;q=0, */*",
  "application/*;q=0.2, */*;q=0.4",
  "text/html;q=0.9 , application/json ; q=0.8",
];
const JSON_OR_EITHER = [
  null,
  "",
  "*/*",
  "application/json",
  "application/json, text/plain, */*",
  "application/json, text/html;q=0.9",
  "text/html;q=0.8, application/json;q=0.9",
  "text/html, application/json",
  "text/html;q=0.5, application/json;q=0.5",
  "text/html;q=0, */*",
  "text/html;q=0",
  "text/html;q=none",
  "application/json;odata=verbose, text/html;q=0.7",
  "application/vnd.sarafan+json",
  "image/*",
  "text/htmlx, text",
];

test("a request gets a page if its weights prefer HTML, and JSON otherwise", () => {
  for (const accept of PAGE) expect(prefersPage(accept), accept).toBe(true);
  for (const accept of JSON_OR_EITHER) expect(prefersPage(accept), String(accept)).toBe(false);
});

test("a language is chosen by its weight", () => {
  const choose = (accept: string | null) => preferredLanguage(accept, ["ru", "en"]);
  expect(["en-GB,en;q=0.9,ru;q=0.8", "ru;q=0.5, EN ; q=0.6", "de, en;q=0.1", "ru;q=0, en"].map(choose)).toEqual(
    Array(4).fill("en"),
  );
  expect([null, "", "*", "ru-RU,en;q=0.9", "en;q=0.1,ru;q=0.2"].map(choose)).toEqual(Array(5).fill("ru"));
  expect(choose("de,fr")).toBe("en");
});

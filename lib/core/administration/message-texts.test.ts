import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "playwright/test";
import { composeMessageTexts } from "./message-texts";

test("the texts that operators have registered with their SMS provider stay as they are", () => {
  const composed = composeMessageTexts("https://sarafan.example").flatMap(({ language, purpose, texts }) =>
    texts.map(({ digits, text }) => `${language} ${purpose} ${digits}: ${text.replaceAll("\n", " ⏎ ")}`),
  );
  const registered = readFileSync(path.join(import.meta.dirname, "message-texts.txt"), "utf8")
    .trim()
    .split("\n");
  expect(composed, "operators have to register changed texts again: say so in docs/delivery.md").toEqual(registered);
});

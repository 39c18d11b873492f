import { expect, _baseTest as test } from "playwright/test";
import en from "./en.json" with { type: "json" };
import outage from "./outage.json" with { type: "json" };
import ru from "./ru.json" with { type: "json" };

type Messages = { [name: string]: string | Messages };

function sentences(messages: Messages, path = ""): [string, string][] {
  return Object.entries(messages).flatMap(([name, message]) =>
    typeof message === "string" ? [[path + name, message] as [string, string]] : sentences(message, `${path}${name}.`),
  );
}

const argumentsOf = (sentence: string) => [...new Set(sentence.match(/\{(\w+)(?=[,}])|<\w+>/g))].sort();

test("both languages say the same sentences with the same arguments", () => {
  const russian = new Map(sentences({ ...ru, outage: outage.ru }));
  const english = new Map(sentences({ ...en, outage: outage.en }));
  expect([...english.keys()].sort()).toEqual([...russian.keys()].sort());
  for (const [name, sentence] of english) {
    expect(argumentsOf(sentence), name).toEqual(argumentsOf(russian.get(name) ?? ""));
  }
});

test("Russian sentences that count have all forms of the language", () => {
  for (const [name, sentence] of sentences(ru)) {
    if (!sentence.includes(", plural,")) continue;
    for (const form of ["one {", "few {", "many {", "other {"]) expect(sentence, name).toContain(form);
  }
});

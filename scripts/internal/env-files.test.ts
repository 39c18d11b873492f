import { expect, test } from "playwright/test";
import { parseEnvFile } from "./env-files.mjs";

const VARIABLE = ["$", "{HOME}"].join("");
const parse = (text: string) => parseEnvFile(Buffer.from(text)).settings;

for (const [what, text, value] of [
  ["a dollar sign", "A=pa$word1", "pa$word1"],
  ["braces of a variable", `A=${VARIABLE}-\\$x`, `${VARIABLE}-\\$x`],
  ["a number sign", "A=pa#word", "pa#word"],
  ["a number sign at its beginning", "A=#word", "#word"],
  ["a comment after a space", "A=word # why", "word"],
  ["a comment and nothing else", "A= # why", ""],
  ["nothing", "A=", ""],
  ["an equals sign", "A=postgresql://a:b@c/d?e=f", "postgresql://a:b@c/d?e=f"],
  ["quotation marks inside", `A=it's "so"`, `it's "so"`],
  ["one quotation mark at its beginning", `A="so`, `"so`],
  ["spaces around it", "  A =  two words \t", "two words"],
  ["a word before it", "export A=b", "b"],
  ["single quotation marks around JSON", `A='{"to":"{phone}"}'`, `{"to":"{phone}"}`],
  ["double quotation marks", 'A=" x#y $z " # why', " x#y $z "],
  ["a written end of a line between double ones", 'A="a\\nb"', "a\nb"],
  ["the same between single ones", "A='a\\nb'", "a\\nb"],
  ["a quotation mark that is closed on another line", 'A="a\nB=c"\nD=e', '"a'],
  ["the ends of lines of Windows", "A=b\r\nC=d\r\n", "b"],
  ["a second line", "A=b\nA=c", "c"],
] as const) {
  test(`a setting with ${what} is read as it stands`, () => {
    expect(parse(text).A).toBe(value);
  });
}

test("a byte order mark is no part of the first name, and UTF-16 is text", () => {
  expect(parse("\ufeffA=b\nC=d")).toEqual({ A: "b", C: "d" });
  expect(parseEnvFile(Buffer.from("\ufeffA=ё\r\nC=d\r\n", "utf16le")).settings).toEqual({ A: "ё", C: "d" });
});

test("comments and lines that are no setting are none", () => {
  expect(parse("# A=b\n\n  #C=d\nword\nE=f")).toEqual({ E: "f" });
});

test("lines that are neither a setting nor a comment are found by their numbers", () => {
  const lines = ["A=b", "", "B: c", " # D", "set E=f", "\u0410=g", "H='i", "j'", "export K", "=l"];
  expect(parseEnvFile(Buffer.from(lines.join("\r\n"))).unreadLines).toEqual([3, 5, 6, 8, 9, 10]);
  expect(parseEnvFile(Buffer.from("A=b\n", "utf16le")).unreadLines.length).toBeGreaterThan(0);
  expect(parseEnvFile(Buffer.alloc(0)).unreadLines).toEqual([]);
});

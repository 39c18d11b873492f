import { readFileSync } from "node:fs";
import { expect, _baseTest as test } from "playwright/test";
import { TRANSITIONS } from "./challenge";

test("the state diagram in docs/architecture.md has the same transitions as challenge.ts", () => {
  const picture = readFileSync("docs/architecture.md", "utf8").match(/^stateDiagram-v2\n[\s\S]*?(?=^```$)/m)?.[0] ?? "";
  const drawn = Array.from(picture.matchAll(/^ *(\S+) --> (\S+) : (\w+)$/gm), ([, from, to, name]) => [from, name, to]);
  const table = Object.entries(TRANSITIONS).flatMap(([name, { from, to }]) =>
    from.map((state) => [state, name, to ?? state]),
  );
  expect(drawn.map(String).sort()).toEqual([...table, ["[*]", "begin", "sending"]].map(String).sort());
});

import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "playwright/test";

const page = readFileSync("docs/architecture.md", "utf8");

/** The schema as Mermaid's entity relationship diagrams: the account and what belongs to it, then the models without relations. */
function composeDataModel(): string[] {
  const schema = readFileSync("prisma/schema.prisma", "utf8");
  const models = [...schema.matchAll(/^model (\w+) \{\n([\s\S]+?)^\}/gm)].map(([, name = "", body = ""]) => ({
    name,
    lines: body.split("\n").map((line) => line.trim()),
  }));
  const isModel = (type: string | undefined) => models.some(({ name }) => name === type);
  const relations: string[] = [];
  const entities = models.map(({ name, lines }) => {
    const [, key = ""] = /@@id\(\[(.+)\]\)/.exec(lines.join("\n")) ?? [];
    const foreign = lines.flatMap((line) => /fields: \[(\w+)\]/.exec(line)?.[1] ?? []);
    const columns = lines.flatMap((line) => {
      const [, column = "", type = "", mark = ""] = /^(\w+) +(\w+)(\?|\[\])?/.exec(line) ?? [];
      const [, field] = /fields: \[(\w+)\]/.exec(line) ?? [];
      if (field) {
        const isOne = lines.some((other) => other.startsWith(`${field} `) && / @(id|unique)\b/.test(other));
        relations.push(`    ${type} ${mark ? "|o" : "||"}--${isOne ? "o|" : "o{"} ${name} : ${column}`);
      }
      if (column === "" || isModel(type)) return [];
      const keys = [
        (/ @id\b/.test(line) || key.split(", ").includes(column)) && "PK",
        foreign.includes(column) && "FK",
        / @unique\b/.test(line) && "UK",
      ].filter(Boolean);
      return [["       ", type, column, keys.join(", "), mark && '"may be null"'].filter(Boolean).join(" ")];
    });
    return { name, text: [`    ${name} {`, ...columns, "    }"].join("\n") };
  });
  const isRelated = ({ name }: { name: string }) => relations.some((relation) => relation.split(" ").includes(name));
  const textsOf = (those: typeof entities) => those.map(({ text }) => text);
  return [
    ["erDiagram", ...relations, ...textsOf(entities.filter(isRelated)), ""].join("\n"),
    ["erDiagram", ...textsOf(entities.filter((entity) => !isRelated(entity))), ""].join("\n"),
  ];
}

test("the pictures of the data model are the schema's", () => {
  expect(page.match(/^erDiagram\n[\s\S]*?(?=^```$)/gm)).toEqual(composeDataModel());
});

test("each function that a picture names stands in the file it names", () => {
  const named = [...page.matchAll(/\["(\S+?)<br>(\w+)"\]/g)].map(([, file = "", name = ""]) => ({ file, name }));
  expect(named.length).toBeGreaterThan(3);
  for (const { file, name } of named) expect(readFileSync(file, "utf8"), file).toContain(` function ${name}(`);
});

test("each file that the pictures, the glossary, the decisions and the page on upgrades name is there", () => {
  const others = ["glossary", "decisions", "upgrading-dependencies"];
  const texts = [page, ...others.map((name) => readFileSync(`docs/${name}.md`, "utf8"))];
  const pattern = /\b(?:app|components|lib|prisma|messages|scripts|e2e)\/[\w./[\]-]+\.(?:tsx?|mjs|prisma|json)\b/g;
  const named = texts.flatMap((text) => text.match(pattern) ?? []);
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter((file) => !existsSync(file))).toEqual([]);
});

import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "playwright/test";

const DOCUMENTS = ["README.md", "CONTRIBUTING.md", "SECURITY.md", ...readdirSync("docs").map((name) => `docs/${name}`)];

const pages = DOCUMENTS.filter((file) => file.endsWith(".md")).map((file) => ({
  file,
  text: readFileSync(file, "utf8"),
}));

/** The headings of a document, without blocks of code, in which a comment of a shell looks like a heading. */
function headingsOf(text: string): string[] {
  return [...text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
}

/** The fragment by which GitHub and most editors link to a heading. */
function fragmentOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_ -]/gu, "")
    .replaceAll(" ", "-");
}

test("each link between documents leads to a file and a heading that are there", () => {
  const links = pages.flatMap(({ file, text }) =>
    [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => ({ file, target })),
  );
  const isBroken = ({ file, target }: { file: string; target: string }) => {
    if (/^[a-z]+:/.test(target)) return false;
    const [name = "", fragment] = target.split("#");
    const page = name === "" ? file : path.join(path.dirname(file), name);
    if (!existsSync(page)) return true;
    return fragment !== undefined && !headingsOf(readFileSync(page, "utf8")).map(fragmentOf).includes(fragment);
  };
  expect(links.length).toBeGreaterThan(100);
  expect(links.filter(isBroken)).toEqual([]);
});

test("decisions have the numbers from 1 on, each has its three parts, and the contents list all of them", () => {
  const text = readFileSync("docs/decisions.md", "utf8");
  const decisions = [...text.matchAll(/^## (\d+)\. (.+)\n([\s\S]*?)(?=^# |^## |(?![\s\S]))/gm)];
  expect(decisions.length).toBeGreaterThan(80);
  const numbers = decisions.map(([, number]) => Number(number)).sort((one, other) => one - other);
  expect(numbers).toEqual(Array.from({ length: decisions.length }, (_, at) => at + 1));
  for (const [, number, , body = ""] of decisions) {
    const labels = [...body.matchAll(/^- \*\*(.+?)\*\*: /gm)].map(([, label]) => label);
    expect(labels, `decision ${number}`).toEqual(["Context", "Decision", "Consequence"]);
  }
  const contents = [...text.matchAll(/^\|.*\| +(\d+) \| \[(.+)\]\(#(.+)\) +\|$/gm)].map((row) => row.slice(1));
  const expected = decisions.map(([, number = "", title = ""]) => [number, title, fragmentOf(`${number}. ${title}`)]);
  expect(contents).toEqual(expected);
});

test("each npm command that a document names is a script of package.json", () => {
  const scripts = Object.keys(JSON.parse(readFileSync("package.json", "utf8")).scripts);
  const named = pages.flatMap(({ file, text }) =>
    [...text.matchAll(/\bnpm (?:run ([a-z:]+)|(start|test)\b)/g)].map(([, name, short]) => ({
      file,
      name: name ?? short,
    })),
  );
  expect(named.length).toBeGreaterThan(50);
  expect(named.filter(({ name = "" }) => !scripts.includes(name))).toEqual([]);
});

import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, type Server, test } from "../fixtures";

const page = readFileSync("docs/api.md", "utf8");
const hasCurl = spawnSync("curl", ["--version"]).status === 0;

/** A command of the page and the answer that the page shows. */
interface Example {
  command: string;
  answer: unknown;
}

/** The flows of the page by their headings, each with its examples. */
const flows = (page.split(/^## /m).find((chapter) => chapter.startsWith("The flows")) ?? "")
  .split(/^### /m)
  .slice(1)
  .map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    examples: Array.from(
      section.matchAll(/```sh\n([\s\S]+?)\n```\s+```json\n([\s\S]+?)\n```/g),
      ([, command = "", answer = ""]): Example => ({ command, answer: JSON.parse(answer) }),
    ),
  }));

/** Replaces values that differ in each run (codes, invite codes, ids, tokens, the server's address) by matchers. */
function expected(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expected);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, name === "id" ? expect.any(Number) : expected(inner)]),
    );
  }
  if (typeof value !== "string") return value;
  if (/^(\d{4}|[0-9A-Z]{6}|eyJ.*|http:.*)$/.test(value)) return expect.any(String);
  return /9T3XBA/.test(value)
    ? expect.stringMatching(new RegExp(`^${value.replace("9T3XBA", "[0-9A-Z]{6}")}$`))
    : value;
}

/** Runs a command of the page in a shell and returns the parsed answer. */
async function run(command: string, server: Server, folder: string, variables: Record<string, string>) {
  const own = command.replaceAll("localhost:3000", `localhost:${server.port}`);
  const known = Object.entries(variables).map(([name, value]) => `${name}='${value}'\n`);
  const { stdout } = await promisify(execFile)("sh", ["-euc", known.join("") + own], { cwd: folder });
  return JSON.parse(stdout);
}

test("docs/api.md has a flow for each of the five APIs", () => {
  expect(flows.map(({ examples }) => examples.length > 2)).toEqual([true, true, true, true, true]);
});

for (const { title, examples } of flows) {
  test(`the commands of docs/api.md have the answers shown there: ${title}`, async ({ server, request, phone }) => {
    test.skip(!hasCurl, "curl is not installed");
    const folder = mkdtempSync(path.join(tmpdir(), "sarafan-examples-"));
    await request.post("/api/verification_phone/send_code", { form: { phone_number: phone } });
    const code = await server.codeFor(phone);
    const inviter = await request.post("/api/verification_phone/invite_code", { form: { phone_number: phone, code } });
    const variables: Record<string, string> = { INVITE: (await inviter.json()).invite };
    let recipient = "";
    try {
      for (const { command, answer } of examples) {
        if (command.includes("$CODE")) variables.CODE = await server.codeFor(recipient);
        const answered = await run(command, server, folder, variables);
        expect(answered, command).toEqual(expected(answer));
        const [to = recipient] = command.match(/[\w.]+@[\w.]+/) ?? command.match(/\+?79450000\d{3}/) ?? [];
        recipient = to.replace(/^7/, "+7");
        for (const name of ["id", "access", "refresh"]) {
          if (answered[name]) variables[name.toUpperCase()] = String(answered[name]);
        }
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("the commands of README.md log a person in by the bearer API", async ({ server }) => {
  test.skip(!hasCurl, "curl is not installed");
  const readme = readFileSync("README.md", "utf8");
  const section = readme.slice(readme.indexOf("### For a developer of a client"));
  const commands = /```sh\n([\s\S]+?)\n```/
    .exec(section)?.[1]
    ?.split("\n")
    .filter((line) => line.startsWith("curl"));
  const [request = "", verify = "", profile = ""] = commands ?? [];
  const [phone = ""] = /\+79450000\d{3}/.exec(request) ?? [];
  expect(await run(request, server, ".", {})).toEqual({ detail: "Код отправлен" });
  const tokens = await run(verify, server, ".", { CODE: await server.codeFor(phone) });
  expect(tokens.phone_number).toBe(phone);
  expect(await run(profile, server, ".", { ACCESS: tokens.access })).toMatchObject({ phone_number: phone });
});

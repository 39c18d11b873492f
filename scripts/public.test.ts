import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "playwright/test";
import en from "../messages/en.json" with { type: "json" };
import ru from "../messages/ru.json" with { type: "json" };

interface Icon {
  src: string;
  sizes: string;
  type: string;
}

interface Manifest {
  name: string;
  short_name: string;
  description: string;
  lang: string;
  icons: Icon[];
  shortcuts: { name: string; icons: Icon[] }[];
}

const readManifest = (language: string): Manifest =>
  JSON.parse(readFileSync(`public/${language}.webmanifest`, "utf8")) as Manifest;

/** The width and height of a PNG (PNG specification §11.2.2). */
function readPngSize(png: Buffer): string {
  expect(png.subarray(0, 8).toString("latin1")).toBe("\x89PNG\r\n\x1a\n");
  return `${png.readUInt32BE(16)}x${png.readUInt32BE(20)}`;
}

test("the manifest of each language has the words of the pages, and is otherwise the same", () => {
  const [russian, english] = [readManifest("ru"), readManifest("en")];
  for (const [manifest, { brand, description, profile }, lang] of [
    [russian, ru, "ru"],
    [english, en, "en"],
  ] as const) {
    expect(manifest).toMatchObject({ name: brand, short_name: brand, description, lang });
    expect(manifest.shortcuts).toMatchObject([{ name: profile.yourCode, url: "/profile" }]);
  }
  const { name, short_name, description, lang, shortcuts } = russian;
  const [shortcut] = english.shortcuts;
  expect({
    ...english,
    name,
    short_name,
    description,
    lang,
    shortcuts: [{ ...shortcut, name: shortcuts[0]?.name }],
  }).toEqual(russian);
});

test("each theme has the same colour in the manifest and on the pages", () => {
  const styles = readFileSync("app/globals.css", "utf8");
  const [light, dark] = [...styles.matchAll(/--paper: (#[\da-f]{6});/g)].map(([, color]) => color);
  expect(readManifest("ru")).toMatchObject({
    background_color: light,
    theme_color: light,
    color_scheme_dark: { background_color: dark, theme_color: dark },
  });
});

test("each icon has the size that is said of it", () => {
  const { icons, shortcuts } = readManifest("ru");
  const all = [...icons, ...shortcuts.flatMap((shortcut) => shortcut.icons)];
  for (const { src, sizes, type } of all) {
    expect(readPngSize(readFileSync(`public${src}`)), src).toBe(sizes);
    expect(type).toBe("image/png");
  }
  expect(readPngSize(readFileSync("public/apple-touch-icon.png"))).toBe("180x180");
  const favicon = readFileSync("public/favicon.ico");
  // A head of 6 bytes, and 16 for each picture, the last four of which say where it is.
  const pictures = Array.from({ length: favicon.readUInt16LE(4) }, (_, at) => favicon.readUInt32LE(6 + 16 * at + 12));
  const sizes = pictures.map((start) => readPngSize(favicon.subarray(start)));
  expect(sizes).toEqual(["16x16", "32x32", "48x48"]);
  expect(readFileSync("app/layout.tsx", "utf8")).toContain(`{ url: "/favicon.ico", sizes: "${sizes.join(" ")}" }`);
});

test("robots may read the home page and the reference only, and a few of them invitations", () => {
  const groups = readFileSync("public/robots.txt", "utf8").split("\n\n");
  const [all = [], readers = []] = groups.map((group) =>
    [...group.matchAll(/^Disallow: \/([^/\n]+)/gm)].map(([, folder]) => folder),
  );
  const folders = readdirSync("app", { withFileTypes: true }).filter((entry) => entry.isDirectory());
  // The admin console is named nowhere, because strangers must not learn of it. It answers robots with 404.
  const unnamed = ["docs", ".well-known", "admin"];
  expect(all.sort()).toEqual(
    folders
      .map(({ name }) => name)
      .filter((name) => !unnamed.includes(name))
      .sort(),
  );
  expect([...readers, "i"].sort()).toEqual(all);
});

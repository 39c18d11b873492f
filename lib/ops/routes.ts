import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { IS_DEVELOPMENT } from "@/lib/env";

/** The route of addresses that belong to no page and no API. */
const OTHER_ROUTE = "other";
/** The route of the build's own files and of pictures made of them. */
const BUILD_FILES_ROUTE = "/_next/[...path]";

/** The parts of Next.js's routes manifest that are used here. */
export interface RoutesManifest {
  staticRoutes?: { page: string }[];
  dynamicRoutes?: { page: string }[];
}

/**
 * Makes the function that finds the route of an address among the routes of a manifest: its pattern, such as `/i/[code]`, which has
 * no parameters' values in it.
 */
export function findRoutesIn({ staticRoutes = [], dynamicRoutes = [] }: RoutesManifest): (url: string) => string {
  const fixed = new Set(staticRoutes.map(({ page }) => page));
  const patterns = dynamicRoutes.map(({ page }) => ({ route: page, regex: regexOf(page) }));
  return (url) => {
    const end = url.search(/[?#]/);
    const path = trimSlash(end === -1 ? url : url.slice(0, end));
    if (path.startsWith("/_next/")) return BUILD_FILES_ROUTE;
    return fixed.has(path) ? path : (patterns.find(({ regex }) => regex.test(path))?.route ?? OTHER_ROUTE);
  };
}

/** Turns a route pattern of Next.js into a regular expression: `[id]` is one segment, `[...ids]` is one or more. */
function regexOf(page: string): RegExp {
  const source = page
    .split("/")
    .map((part) => {
      if (part.startsWith("[...")) return ".+";
      return part.startsWith("[") ? "[^/]+" : part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    })
    .join("/");
  return new RegExp(`^${source}$`);
}

function trimSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

let finder: ReturnType<typeof findRoutesIn> | undefined;
let publicFiles: Set<string> | undefined;

/** Returns the pattern of the route that answers `url`, or `other` if no route does. Takes a few microseconds. */
export function routeOf(url: string): string {
  finder ??= findRoutesIn(readManifest());
  return finder(url);
}

/** Whether `url` is the address of a file that is served as it is: a file of the build or of `public/`. */
export function isFile(url: string): boolean {
  publicFiles ??= new Set(listPublicFiles().map(({ page }) => page));
  const path = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? "");
  return path.startsWith("/_next/static/") || publicFiles.has(trimSlash(path));
}

/**
 * Reads the build's manifest and adds the files of `public/`, each of which is a route of its own. In development the manifest lacks
 * the pages, so they are listed from the files.
 */
function readManifest(): RoutesManifest {
  const folder = path.join(/* turbopackIgnore: true */ process.cwd(), IS_DEVELOPMENT ? ".next/dev" : ".next");
  const manifest = JSON.parse(readFileSync(path.join(folder, "routes-manifest.json"), "utf8")) as RoutesManifest;
  const routes = IS_DEVELOPMENT ? listPages() : manifest;
  return { ...routes, staticRoutes: [...(routes.staticRoutes ?? []), ...listPublicFiles()] };
}

function listPublicFiles(): { page: string }[] {
  const files = readdirSync(path.join(/* turbopackIgnore: true */ process.cwd(), "public"));
  return files.map((file) => ({ page: `/${file}` }));
}

function listPages(): Pick<RoutesManifest, "staticRoutes" | "dynamicRoutes"> {
  const files = readdirSync(path.join(/* turbopackIgnore: true */ process.cwd(), "app"), {
    recursive: true,
    encoding: "utf8",
  });
  const pages = files
    .map((file) => /^(.*?)\/?(?:page\.tsx|route\.ts)$/.exec(file.replaceAll("\\", "/"))?.[1])
    .flatMap((folder) => (folder === undefined ? [] : [{ page: `/${folder}` }]));
  const isDynamic = ({ page }: { page: string }) => page.includes("[");
  return { staticRoutes: pages.filter((page) => !isDynamic(page)), dynamicRoutes: pages.filter(isDynamic) };
}

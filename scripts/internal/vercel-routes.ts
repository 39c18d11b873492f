import type { IncomingHttpHeaders } from "node:http";

/** A condition on a request: a header, cookie, query parameter or host, whose value matches the pattern `value`, if there is one. */
interface Condition {
  type: "header" | "cookie" | "query" | "host";
  key?: string;
  value?: string;
}

/** A route of `config.json` (vercel.com/docs/build-output-api/configuration#routes); `handle` begins a phase. */
export interface Route {
  handle?: string;
  src?: string;
  dest?: string;
  status?: number;
  headers?: Record<string, string>;
  methods?: string[];
  has?: Condition[];
  missing?: Condition[];
  continue?: boolean;
  check?: boolean;
  important?: boolean;
  middlewarePath?: string;
  transforms?: { type: string; op: string; target: { key: string }; args: string }[];
}

/** The part of a request that routes look at. */
export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
}

/** Splits routes into phases. Those before the first `handle` are the phase `start`. */
export function phasesOf(routes: Route[]): (phase: string) => Route[] {
  const phases = new Map<string, Route[]>([["start", []]]);
  let current = "start";
  for (const route of routes) {
    if (route.handle !== undefined) {
      current = route.handle;
      phases.set(current, []);
    } else phases.get(current)?.push(route);
  }
  return (phase) => phases.get(phase) ?? [];
}

/** Returns what puts the captured parts of the path into a text of the route (`$1`, `$name`), or null if the route doesn't match. */
export function matchRoute(route: Route, asked: Asked): ((text: string) => string) | null {
  if (route.methods && !route.methods.includes(asked.method)) return null;
  const found = patternOf(route.src ?? "").exec(asked.path);
  if (!found) return null;
  if (!(route.has ?? []).every((condition) => holds(condition, asked, found))) return null;
  if ((route.missing ?? []).some((condition) => holds(condition, asked, found))) return null;
  return (text) =>
    text.replace(
      /\$(\w+)/g,
      (_, name: string) => (/^\d+$/.test(name) ? found[Number(name)] : found.groups?.[name]) ?? "",
    );
}

/** The pattern of a whole path. */
function patternOf(src: string): RegExp {
  return new RegExp(`^(?:${src.replace(/^\^/, "").replace(/(?<!\\)\$$/, "")})$`, "i");
}

/** Whether a condition holds. Named groups of its pattern are added to those of the path. */
function holds({ type, key = "", value }: Condition, asked: Asked, found: RegExpExecArray): boolean {
  const present = read(type, key.toLowerCase(), asked);
  if (present === undefined || value === undefined) return present !== undefined;
  const match = new RegExp(`^${value}$`).exec(present);
  if (match?.groups) found.groups = { ...found.groups, ...match.groups };
  return match !== null;
}

function read(type: Condition["type"], key: string, { headers, query }: Asked): string | undefined {
  if (type === "header") return headers[key]?.toString();
  if (type === "host") return headers.host;
  if (type === "query") return query.get(key) ?? undefined;
  const cookies = (headers.cookie ?? "").split(/; */).map((cookie) => cookie.split("="));
  return cookies.find(([name]) => name === key)?.[1];
}

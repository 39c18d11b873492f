import { expect, test } from "playwright/test";
import { type Asked, matchRoute, phasesOf, type Route } from "./vercel-routes";

const asked = (path: string, headers: Asked["headers"] = {}): Asked => ({
  method: "GET",
  path,
  query: new URLSearchParams("page=2"),
  headers,
});

test("a route matches a whole path, in upper and lower case, and its parts replace their names", () => {
  const route = { src: "^/i/(?<code>[^/]+?)(\\.rsc)?(?:/)?$" };
  expect(matchRoute(route, asked("/I/ABC123/"))?.("/i/[code]?code=$code")).toBe("/i/[code]?code=ABC123");
  expect(matchRoute(route, asked("/i/ABC123.rsc"))?.("$1$2")).toBe("ABC123.rsc");
  expect(matchRoute(route, asked("/i/ABC123/picture"))).toBeNull();
  expect(matchRoute({ src: "^/?" }, asked("/login"))).toBeNull();
});

test("a route needs all that it has and nothing of what it misses", () => {
  const cases: [Route, boolean][] = [
    [{ src: "/.*", has: [{ type: "header", key: "RSC", value: "1" }] }, true],
    [{ src: "/.*", has: [{ type: "header", key: "rsc", value: "(0|2)" }] }, false],
    [{ src: "/.*", has: [{ type: "cookie", key: "theme", value: "dark" }] }, true],
    [{ src: "/.*", has: [{ type: "query", key: "page" }] }, true],
    [{ src: "/.*", has: [{ type: "host", value: "other.example" }] }, false],
    [{ src: "/.*", missing: [{ type: "header", key: "origin" }] }, true],
    [{ src: "/.*", missing: [{ type: "header", key: "rsc" }] }, false],
    [{ src: "/.*", methods: ["POST"] }, false],
  ];
  const request = asked("/", { rsc: "1", cookie: "a=1; theme=dark", host: "sarafan.example" });
  for (const [route, isMatched] of cases) {
    expect(matchRoute(route, request) !== null, JSON.stringify(route)).toBe(isMatched);
  }
});

test("a handle begins a phase", () => {
  const routes = [{ src: "/a" }, { handle: "filesystem" }, { handle: "miss" }, { src: "/b" }, { src: "/c" }];
  const phase = phasesOf(routes);
  expect(["start", "filesystem", "miss", "error"].map((name) => phase(name).map(({ src }) => src))).toEqual([
    ["/a"],
    [],
    ["/b", "/c"],
    [],
  ]);
});

import fc from "fast-check";
import { expect, _baseTest as test } from "playwright/test";
import { findRoutesIn } from "./routes";

const routeOf = findRoutesIn({
  staticRoutes: [
    { page: "/" },
    { page: "/login" },
    { page: "/api/v1/login" },
    { page: "/ui/phone" },
    { page: "/.well-known/jwks.json" },
  ],
  dynamicRoutes: [
    { page: "/api/auth/[...nextauth]" },
    { page: "/api/v1/user_profile/[phone_number]" },
    { page: "/i/[code]" },
    { page: "/i/[code]/opengraph-image" },
  ],
});

for (const [url, route] of [
  ["/", "/"],
  ["/?phone=+79451234567", "/"],
  ["/login/", "/login"],
  ["/login#7K4M2P", "/login"],
  ["/.well-known/jwks.json", "/.well-known/jwks.json"],
  ["/api/v1/user_profile/+79451234567/", "/api/v1/user_profile/[phone_number]"],
  ["/api/v1/user_profile/%2B79451234567?a=/i/b", "/api/v1/user_profile/[phone_number]"],
  ["/ui/phone", "/ui/phone"],
  ["/i/7K4M2P", "/i/[code]"],
  ["/i/7K4M2P/opengraph-image", "/i/[code]/opengraph-image"],
  ["/api/auth/callback/7K4M2P", "/api/auth/[...nextauth]"],
  ["/_next/static/chunks/a.js", "/_next/[...path]"],
  ["/i/7K4M2P/more", "other"],
  ["/7K4M2P", "other"],
  ["//login", "other"],
  ["http://localhost/login", "other"],
  ["*", "other"],
  ["", "other"],
] as const) {
  test(`the route of ${JSON.stringify(url)} is ${route}`, () => {
    expect(routeOf(url)).toBe(route);
  });
}

test("every address gets one of the existing routes", () => {
  const known = new Set(["other", "/", "/login", "/api/v1/login", "/.well-known/jwks.json", "/ui/phone", "/i/[code]"]);
  known.add("/i/[code]/opengraph-image").add("/api/auth/[...nextauth]").add("/api/v1/user_profile/[phone_number]");
  known.add("/_next/[...path]");
  const segment = fc.oneof(fc.constantFrom("i", "api", "auth", "login", "v1", "_next", "constructor"), fc.string());
  fc.assert(fc.property(fc.array(segment, { maxLength: 6 }), (parts) => known.has(routeOf(`/${parts.join("/")}`))));
});

import { expect, _baseTest as test } from "playwright/test";
import { isNavigation } from "./navigation";

const isShown = (headers: Record<string, string>) => isNavigation(new Headers(headers));

test("a link or form is a navigation, and so is a request of a client that is no browser", () => {
  expect(isShown({ "sec-fetch-dest": "document", "sec-fetch-site": "cross-site" })).toBe(true);
  expect(isShown({ accept: "text/html" })).toBe(true);
  expect(isShown({})).toBe(true);
});

test("what a script, a picture, a frame or Next.js loads, or the browser in advance, is no navigation", () => {
  for (const destination of ["empty", "image", "iframe", "script"])
    expect(isShown({ "sec-fetch-dest": destination, accept: "text/html" }), destination).toBe(false);
  expect(isShown({ "sec-fetch-dest": "document", "sec-purpose": "prefetch;prerender" })).toBe(false);
  expect(isShown({ accept: "text/x-component" })).toBe(false);
});

import { expect, _baseTest as test } from "playwright/test";
import { isNavigation } from "./navigation";

const isShown = (headers: Record<string, string>) => isNavigation(new Headers(headers));

test("an address is shown after a link or form, and for a client that is no browser", () => {
  expect(isShown({ "sec-fetch-dest": "document", "sec-fetch-site": "cross-site" })).toBe(true);
  expect(isShown({ accept: "text/html" })).toBe(true);
  expect(isShown({})).toBe(true);
});

test("an address is not shown that a script, a picture, a frame, Next.js or the browser itself loads in advance", () => {
  for (const destination of ["empty", "image", "iframe", "script"])
    expect(isShown({ "sec-fetch-dest": destination, accept: "text/html" }), destination).toBe(false);
  expect(isShown({ "sec-fetch-dest": "document", "sec-purpose": "prefetch;prerender" })).toBe(false);
  expect(isShown({ accept: "text/x-component" })).toBe(false);
});

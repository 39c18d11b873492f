import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "../fixtures";

test("in a browser an application of a listed origin logs in with tokens, and other pages can't", async ({
  page,
  phone,
  startServer,
}) => {
  const elsewhere = createServer((_, answer) => answer.setHeader("content-type", "text/html").end("<!doctype html>"));
  await once(elsewhere.listen(0, "127.0.0.1"), "listening");
  const { port } = elsewhere.address() as AddressInfo;
  const [listed, other] = [`http://app.localhost:${port}`, `http://evil.localhost:${port}`];
  const { url, codeFor, codesFor } = await startServer({ CORS_ORIGINS: listed });
  /** Returns what a script of the page can read of an answer; null where the browser hides it. */
  const ask = (path: string, init: RequestInit = {}) =>
    page.evaluate(
      async ([address, options]) => {
        const answer = await fetch(address, options).catch(() => null);
        if (!answer || answer.type === "opaque") return null;
        const body = await answer.json();
        return { status: answer.status, length: answer.headers.get("sarafan-code-length"), body };
      },
      [url + path, init] as const,
    );
  const json = (body: object) => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });

  await page.goto(`${other}/`);
  expect(await ask("/api/auth/request_code/", json({ phone }))).toBeNull();
  expect(
    await ask("/api/auth/request_code/", { method: "POST", body: new URLSearchParams({ phone }).toString() }),
  ).toBeNull();
  const hidden = { method: "POST", mode: "no-cors", body: new URLSearchParams({ phone }).toString() } as const;
  expect(await ask("/api/auth/request_code/", hidden)).toBeNull();
  await page.setContent(
    `<form action="${url}/api/auth/request_code/" method="post"><input name="phone" value="${phone}"><button>Send</button></form>`,
  );
  await page.getByRole("button").click();
  await expect(page.getByText("со страницы другого сайта")).toBeVisible();
  expect(codesFor(phone)).toEqual([]);

  await page.goto(`${listed}/`);
  expect(await ask("/api/auth/request_code/", json({ phone }))).toMatchObject({ status: 200, length: "4" });
  const code = await codeFor(phone);
  const entered = await ask("/api/auth/verify_code/", json({ phone, code }));
  expect(entered?.status).toBe(200);
  const headers = { authorization: `Bearer ${entered?.body.access}` };
  expect(await ask("/api/profile_back/", { headers })).toMatchObject({ status: 200, body: { phone_number: phone } });
  expect(await ask("/api/profile_back/", { headers, credentials: "include" })).toBeNull();
  elsewhere.closeAllConnections();
  elsewhere.close();
});

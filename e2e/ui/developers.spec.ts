import type { APIRequestContext } from "playwright/test";
import { expect, test } from "../fixtures";
import { openConsole } from "./journeys";

/** Asks the management API with a key, as a backend does, and returns the status. */
async function askWithKey(client: APIRequestContext, key: string, path = "events?after=now"): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  return (await client.get(`/api/manage/v1/${path}`, { headers })).status();
}

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? "keys with a script" : "keys without a script", () => {
    test.use({ javaScriptEnabled });

    test("an administrator makes an API key, which is shown once and used by a backend, and revokes it", async ({
      page,
      codeFor,
      newClient,
      administratorPhone,
    }) => {
      const backend = await newClient();
      const name = `Магазин ${administratorPhone.slice(-4)}`;
      await openConsole(page, administratorPhone, codeFor, "/admin/keys");
      await page.getByRole("link", { name: "Создать ключ" }).click();
      await expect(page.getByRole("heading", { name: "Создать ключ API" })).toBeVisible();
      await page.getByRole("button", { name: "Создать ключ" }).click();
      for (const problem of ["Напишите, для чего ключ", "Отметьте хотя бы одно право", "Напишите причину"])
        await expect(page.getByText(problem)).toBeVisible();
      await page.getByLabel("Для чего ключ").fill(name);
      await page.getByLabel("events:read").check();
      await page.getByLabel("Последний день").fill("2020-01-01");
      await page.getByLabel("Причина").fill("магазин следит за аккаунтами");
      await page.getByRole("button", { name: "Создать ключ" }).click();
      await expect(page.getByText("Последний день — сегодня или позже.")).toBeVisible();
      await expect(page.getByLabel("events:read")).toBeChecked();
      await page.getByLabel("Последний день").fill("");
      await page.getByRole("button", { name: "Создать ключ" }).click();
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(`Ключ создан: ${name}`);
      const key = (await page.getByRole("region", { name: "Ключ" }).locator("code").textContent()) ?? "";
      expect(key).toMatch(/^sk_\w{49}$/);

      expect(await askWithKey(backend, key)).toBe(200);
      expect(await askWithKey(backend, key, "accounts")).toBe(403);

      await page.getByRole("link", { name: "Назад к ключам" }).click();
      const row = page.getByRole("row").filter({ hasText: name });
      await expect(row).toContainText(key.slice(0, 8));
      await expect(row).toContainText("events:read");
      await expect(row).toContainText("без срока");
      await expect(row).not.toContainText("не было");
      expect(await page.content()).not.toContain(key);
      // Without a script the browser would ask whether to send the form again.
      await (javaScriptEnabled ? page.goBack() : page.goto("/admin/keys/new"));
      await expect(page.getByRole("heading", { name: "Создать ключ API" })).toBeVisible();
      expect(await page.content()).not.toContain(key);

      await page.goto("/admin/keys");
      await row.getByRole("link", { name: /Отозвать/ }).click();
      await expect(page.getByText(name)).toBeVisible();
      await page.getByRole("button", { name: "Отозвать ключ" }).click();
      await expect(page.getByText("Напишите причину.")).toBeVisible();
      await page.getByLabel("Причина").fill("магазин закрылся");
      await page.getByRole("button", { name: "Отозвать ключ" }).click();
      await expect(page.getByText("Ключ отозван: запросы с ним больше не принимаются.")).toBeVisible();
      expect(await askWithKey(backend, key)).toBe(401);
      await expect(row).toContainText("отозван");
      await expect(row.getByRole("link")).toHaveCount(0);
      await page.goto("/admin/audit?action=api_key_revoked");
      await expect(page.getByText("«магазин закрылся»").first()).toBeVisible();
    });
  });
}

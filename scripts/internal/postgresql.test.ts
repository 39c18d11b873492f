import { expect, test } from "playwright/test";
import { cleanEnvironment } from "./environment";
import { runNode } from "./tool.mjs";

test("who has used the tests' PostgreSQL ends with the exit code that was chosen", async () => {
  const script = `
    import { startPostgres } from "./scripts/internal/postgresql.ts";
    await (await startPostgres({ isDurable: false })).stop();
    process.exitCode = 3;`;
  const args = ["--import", "tsx", "--input-type=module", "--eval", script];
  const { code, output } = await runNode(args, { env: cleanEnvironment() as Record<string, string> });
  expect(code, output).toBe(3);
});

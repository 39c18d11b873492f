import path from "node:path";
import type { TestCase } from "playwright/types/testReporter";

/** Returns where a test is, and its titles, without its project. */
export function nameOf(test: Pick<TestCase, "location" | "titlePath">): string {
  const { file, line } = test.location;
  // The path of titles begins with the root, the project and the file.
  return `${path.relative("", file)}:${line} › ${test.titlePath().slice(3).join(" › ")}`;
}

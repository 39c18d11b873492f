import { z } from "zod";

/** A whole number in JSON, from zero on; `issue` is its one issue. */
export const wholeNumber = (issue: string) => z.int(issue).nonnegative(issue);

/** What stands in a field: text, or a whole number, which stands for its digits. `issue` is its one issue. */
export const typedText = (issue: string) => z.union([z.string(), wholeNumber(issue)], issue).transform(String);

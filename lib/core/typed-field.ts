import { z } from "zod";

/** A whole number in JSON, 0 or greater. `issue` is its one issue. */
export const wholeNumber = (issue: string) => z.int(issue).nonnegative(issue);

/** The content of a text field: text, or a whole number, which becomes its digits. `issue` is its one issue. */
export const typedText = (issue: string) => z.union([z.string(), wholeNumber(issue)], issue).transform(String);

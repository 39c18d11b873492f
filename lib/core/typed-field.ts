import { z } from "zod";

/** A whole number, 0 or greater. Other input fails with the zod issue `issue`. */
export const wholeNumber = (issue: string) => z.int(issue).nonnegative(issue);

/**
 * The content of a text field: text, or a whole number, which becomes its digits. Other input fails with the zod issue `issue`.
 */
export const typedText = (issue: string) => z.union([z.string(), wholeNumber(issue)], issue).transform(String);

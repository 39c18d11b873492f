import { z } from "zod";

/** The kind of a factor: an account is logged in to with its phone or its mailbox. */
export const Factor = z.enum(["phone", "email"]);
export type Factor = z.output<typeof Factor>;

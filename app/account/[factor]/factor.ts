import { z } from "zod";

/** What an account is opened by. */
export const Factor = z.enum(["phone", "email"]);
export type Factor = z.output<typeof Factor>;

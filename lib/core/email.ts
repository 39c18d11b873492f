import { z } from "zod";

const LENGTH_MAX = 254;

/**
 * An e-mail address: any case in, lower case out, because hardly a mailbox tells them apart and nobody's may be opened by
 * a spelling of another's. The one issue is `email_invalid`.
 */
export const Email = z
  .string("email_invalid")
  .transform((text) => text.trim().toLowerCase())
  .pipe(z.email("email_invalid").max(LENGTH_MAX, "email_invalid"))
  .brand<"Email">();
export type Email = z.output<typeof Email>;

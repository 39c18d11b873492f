import { z } from "zod";
import { dropPunctuationBehind, readPastedText } from "./pasted-text";

const LENGTH_MAX = 254;
/** What may stand before an address: a bracket or quotation mark, and the scheme of a link that writes to it (RFC 6068). */
const BEFORE_ADDRESS = /^[\p{Ps}\p{Pi}\p{Pf}"<]*(?:mailto:)?/iu;

/**
 * An e-mail address: any case in, lower case out, because hardly a mailbox tells them apart and nobody's may be opened by
 * a spelling of another's. The one issue is `email_invalid`.
 */
export const Email = z
  .string("email_invalid")
  .transform((text) => dropPunctuationBehind(readPastedText(text)).replace(BEFORE_ADDRESS, "").toLowerCase())
  .pipe(z.email("email_invalid").max(LENGTH_MAX, "email_invalid"))
  .brand<"Email">();
export type Email = z.output<typeof Email>;

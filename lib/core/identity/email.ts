import { domainToASCII, domainToUnicode } from "node:url";
import { z } from "zod";
import { dropRepetition, dropTrailingPunctuation, readPastedText } from "@/lib/core/pasted-text";

const EMAIL_LENGTH_MAX = 254;
/**
 * What may stand before an address: a display name and an angle bracket (RFC 5322 §3.4), a label and a colon (the scheme of
 * a `mailto:` link, RFC 6068, is one), or a quotation mark.
 */
const BEFORE_ADDRESS_PATTERN = /^(?:[^@<>:]*[<:])*[\p{Ps}\p{Pi}\p{Pf}" ]*/u;
/** The query of a `mailto:` link, unless it names another address. The lookahead keeps matching linear in the text's length. */
const LINK_QUERY_PATTERN = /^(?=[^?]*mailto:)([^?]*)\?(?!.*(?:@|%40)).*$/i;
/** An address followed by a link to itself, as Outlook writes it in plain text. */
const LINK_AFTER_PATTERN = /^(?:\[)?([^@\s<>[\]()]+@[^@\s<>[\]()]+)(?:\] ?\(| ?<)mailto:\1[)>]$/i;
/** A comment after an address (RFC 5322 §3.2.2). */
const COMMENT_AFTER_PATTERN = / ?\([^()@]*\)$/;
/**
 * An address in apostrophes. Mail programs write apostrophes around an address where a contact has no display name. An
 * apostrophe inside the local part belongs to the address.
 */
const IN_APOSTROPHES_PATTERN = /^'([^'@]+@[^'@]+)'[\p{P}\s]*$/u;
/**
 * A domain that `domainToASCII` may convert: letters and digits of any alphabet, dots and hyphens. `domainToASCII` reads a domain
 * as the host of a URL, which other characters would end or change.
 */
const DOMAIN_PATTERN = /^[\p{L}\p{M}\p{N}.。-]+$/u;
/** An address in lower case: the pattern of zod's own `email()`, extended by internationalised top-level domains. */
const EMAIL_PATTERN =
  /^(?:[a-z0-9_'+-]+\.)*[a-z0-9_'+-]*[a-z0-9_+-]@(?:[a-z0-9][a-z0-9-]*\.)+(?:[a-z]{2,}|xn--[a-z0-9-]+)$/;

/**
 * An e-mail address. The input may have any case. The output is in lower case: hardly any mail server distinguishes case, and
 * another spelling of a mailbox must not lead to another account.
 *
 * The input may spell an internationalised domain in its own alphabet or in ASCII (RFC 5890). The output spells it in ASCII,
 * which every mail server accepts: `anna@пример.рф` becomes `anna@xn--e1afmkfd.xn--p1ai`. The local part must be ASCII.
 *
 * Other input fails with the zod issue `email_invalid`.
 */
export const Email = z
  .string("email_invalid")
  .transform((typed) => {
    const alone = readPastedText(typed)
      .replace(LINK_AFTER_PATTERN, "$1")
      .replace(COMMENT_AFTER_PATTERN, "")
      .replace(IN_APOSTROPHES_PATTERN, "$1");
    const text = dropRepetition(dropTrailingPunctuation(alone)).replace(LINK_QUERY_PATTERN, "$1");
    return spellInAscii(dropTrailingPunctuation(text).replace(BEFORE_ADDRESS_PATTERN, "").toLowerCase());
  })
  .pipe(z.email({ error: "email_invalid", pattern: EMAIL_PATTERN }).max(EMAIL_LENGTH_MAX, "email_invalid"))
  .brand<"Email">();
export type Email = z.output<typeof Email>;

/**
 * Returns the address for display, with its domain in the domain's own alphabet. A domain that mixes Latin letters with other
 * alphabets stays in ASCII, because it may imitate another owner's domain.
 */
export function formatEmail(email: Email): string {
  const [local, domain = ""] = email.split("@");
  const shown = domainToUnicode(domain);
  const isMixed = /\p{Script=Latin}/u.test(shown) && !/^[\p{Script=Latin}\d.-]+$/u.test(shown);
  return shown === "" || isMixed ? email : `${local}@${shown}`;
}

/**
 * Returns the address without its subaddress (RFC 5233): `anna+shop@mail.example` and `anna@mail.example` are one mailbox.
 */
export function withoutSubaddress(email: Email): string {
  return email.replace(/^([^+@]+)\+[^@]*/, "$1");
}

/** Returns the address with its domain in ASCII. An impossible domain becomes empty, which `EMAIL_PATTERN` refuses. */
function spellInAscii(address: string): string {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  return DOMAIN_PATTERN.test(domain) ? address.slice(0, at + 1) + domainToASCII(domain) : address;
}

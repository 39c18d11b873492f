import { domainToASCII, domainToUnicode } from "node:url";
import { z } from "zod";
import { dropPunctuationBehind, dropRepetition, readPastedText } from "@/lib/core/pasted-text";

const LENGTH_MAX = 254;
/**
 * What may stand before an address: the name of whose it is and a bracket (RFC 5322 §3.4), a label and a colon, of which the
 * scheme of a link is one (RFC 6068), a quotation mark.
 */
const BEFORE_ADDRESS = /^(?:[^@<>:]*[<:])*[\p{Ps}\p{Pi}\p{Pf}" ]*/u;
/** What a link asks of the message, as long as it names no other address. The look ahead keeps the search linear. */
const LINK_FIELDS = /^(?=[^?]*mailto:)([^?]*)\?(?!.*(?:@|%40)).*$/i;
/** The address again as a link behind itself, as Outlook writes it in plain text. */
const LINK_BEHIND = /^(?:\[)?([^@\s<>[\]()]+@[^@\s<>[\]()]+)(?:\] ?\(| ?<)mailto:\1[)>]$/i;
/** A comment behind an address (RFC 5322 §3.2.2). */
const COMMENT_BEHIND = / ?\([^()@]*\)$/;
/** Apostrophes around an address, as mail programs write them where it has no name; one within a mailbox is part of it. */
const IN_APOSTROPHES = /^'([^'@]+@[^'@]+)'[\p{P}\s]*$/u;
/** The letters, digits and dots of any alphabet: whatever else would end the domain, or mean something in a URL. */
const DOMAIN = /^[\p{L}\p{M}\p{N}.。-]+$/u;
/** As zod's own, with domains of the top level that are internationalised. */
const MAILBOX = /^(?:[a-z0-9_'+-]+\.)*[a-z0-9_'+-]*[a-z0-9_+-]@(?:[a-z0-9][a-z0-9-]*\.)+(?:[a-z]{2,}|xn--[a-z0-9-]+)$/;

/**
 * An e-mail address: any case in, lower case out, because hardly a mailbox tells them apart and nobody's may be opened by
 * a spelling of another's. An internationalised domain may be spelt in its alphabet or in ASCII (RFC 5890), and is ASCII
 * from then on, as every mail server takes it: `anna@пример.рф` is `anna@xn--e1afmkfd.xn--p1ai`. What is before the at sign
 * is ASCII. The one issue is `email_invalid`.
 */
export const Email = z
  .string("email_invalid")
  .transform((typed) => {
    const alone = readPastedText(typed)
      .replace(LINK_BEHIND, "$1")
      .replace(COMMENT_BEHIND, "")
      .replace(IN_APOSTROPHES, "$1");
    const text = dropRepetition(dropPunctuationBehind(alone)).replace(LINK_FIELDS, "$1");
    return spellInAscii(dropPunctuationBehind(text).replace(BEFORE_ADDRESS, "").toLowerCase());
  })
  .pipe(z.email({ error: "email_invalid", pattern: MAILBOX }).max(LENGTH_MAX, "email_invalid"))
  .brand<"Email">();
export type Email = z.output<typeof Email>;

/**
 * The address as a person writes it, with its domain in its own alphabet. A domain that mixes Latin letters with others stays
 * ASCII, because it may look like a domain that is not its owner's.
 */
export function formatEmail(email: Email): string {
  const [local, domain = ""] = email.split("@");
  const shown = domainToUnicode(domain);
  const isMixed = /\p{Script=Latin}/u.test(shown) && !/^[\p{Script=Latin}\d.-]+$/u.test(shown);
  return shown === "" || isMixed ? email : `${local}@${shown}`;
}

/** The mailbox without its subaddress (RFC 5233): `anna+shop@mail.example` is read by who reads `anna@mail.example`. */
export function withoutSubaddress(email: Email): string {
  return email.replace(/^([^+@]+)\+[^@]*/, "$1");
}

/** A domain that there can't be comes out empty, and is refused then. */
function spellInAscii(address: string): string {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  return DOMAIN.test(domain) ? address.slice(0, at + 1) + domainToASCII(domain) : address;
}

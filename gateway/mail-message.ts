/** The readable parts of a mail. */
export interface MessageContent {
  /** The headers, decoded, by their names in lower case. */
  headers: Record<string, string>;
  text: string;
  html: string;
}

/** Parses a mail (RFC 5322 and MIME) given as one character for each byte. Supports text with an HTML alternative. */
export function readMessage(raw: string): MessageContent {
  const [head = ""] = raw.split("\r\n\r\n", 1);
  const content = raw.slice(head.length + 4);
  const headers = Object.fromEntries(
    [...head.replace(/\r\n[ \t]+/g, " ").matchAll(/^([^:\r\n]+): *(.*)$/gm)].map(([, name = "", value = ""]) => [
      name.toLowerCase(),
      decodeWords(value),
    ]),
  );
  const type = headers["content-type"] ?? "text/plain";
  const [, boundary] = /^multipart\/.*boundary="?([^";]+)/i.exec(type) ?? [];
  if (boundary) {
    const parts = content
      .split(`--${boundary}`)
      .slice(1, -1)
      .map((part) => readMessage(part.replace(/^\r\n/, "")));
    return { headers, text: parts.map(({ text }) => text).join(""), html: parts.map(({ html }) => html).join("") };
  }
  const decoded = decode(content, headers["content-transfer-encoding"]);
  return type.startsWith("text/html") ? { headers, text: "", html: decoded } : { headers, text: decoded, html: "" };
}

/** Decodes the text of a part, given as one character for each byte (RFC 2045 §6). */
function decode(content: string, encoding = "7bit"): string {
  if (/^base64$/i.test(encoding)) return Buffer.from(content, "base64").toString("utf8");
  const bytes = /^quoted-printable$/i.test(encoding) ? decodeHexEscapes(content.replace(/=\r\n/g, "")) : content;
  return Buffer.from(bytes, "latin1").toString("utf8");
}

/** Decodes the encoded words in a header (RFC 2047). */
function decodeWords(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, "?==?")
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, encoding: string, text: string) => {
      const bytes = encoding.toLowerCase() === "b" ? atob(text) : decodeHexEscapes(text.replaceAll("_", " "));
      return Buffer.from(bytes, "latin1").toString("utf8");
    });
}

const decodeHexEscapes = (text: string) =>
  text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));

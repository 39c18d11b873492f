const ENTITIES: Record<string, string> = { "&": "&amp;", '"': "&quot;", "'": "&#39;", "<": "&lt;", ">": "&gt;" };

/**
 * Goes on to an address without a script. The element is written as text, because React would insert its own a second time as soon as
 * its script runs, and an application that answers slowly would be loaded twice, with one code.
 */
export function Refresh({ to }: { to: string }) {
  const html = `<meta http-equiv="refresh" content="0;url=${escapeAttribute(to)}">`;
  // biome-ignore lint/security/noDangerouslySetInnerHtml: the address is escaped.
  return <div dangerouslySetInnerHTML={{ __html: html }} hidden />;
}

function escapeAttribute(text: string): string {
  return text.replace(/[&"'<>]/g, (character) => ENTITIES[character] ?? "");
}
